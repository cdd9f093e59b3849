import type { Server } from 'node:http';
import type { Logger } from 'pino';
import { after } from './after.js';
import { closeAll } from './close-all.js';
import { boundConnections } from './connection-bounds.js';
import { type Parts, type ServerOptions, compose } from './compose.js';
import type { Config } from './config.js';
import { openJournal } from './custody.js';
import { type Lifecycle, listen } from './listen.js';
import { openSimulator } from './simulated.js';
import { openStore } from './store.js';
import { loadLater } from './load-later.js';
import { openTracing } from './tracing/open-tracing.js';

export type { ServerOptions } from './compose.js';

export interface RunningServer {
  /** Where it listens, for example `http://127.0.0.1:3000`. */
  readonly address: string;
  /** Stops accepting, lets requests and refreshes finish, and closes what was opened, in reverse. */
  readonly close: () => Promise<void>;
}

/** What the first answers do without waits so long, so as not to delay them. */
const LATER_MS = 1_000;

/** Builds every object once, in the order of their needs, and listens. */
export async function startServer(
  config: Config,
  log: Logger,
  options: ServerOptions = {},
): Promise<RunningServer> {
  const opened: (() => Promise<void>)[] = [];
  const close = () => closeAll(opened);
  try {
    for (const warning of config.warnings) log.warn(warning);
    const { tracer, close: closeTracing } = await openTracing(config.tracing, log);
    opened.push(closeTracing);
    const { registrations, simulatorUrl } = await openRegistrations(config, log, opened);
    const { storeWaitMs: waitMs, writeTrialMs, onForeignStore: onForeign } = options;
    const waits = { waitMs, writeTrialMs };
    const store = await openStore({ config, log, now: Date.now, ...waits, onForeign });
    opened.push(store.close);
    const journal = await openJournal(config, log);
    const lifecycle: Lifecycle = { draining: false };
    const surroundings = { registrations, simulatorUrl, store, journal, lifecycle, tracer };
    const parts = { config, log, options, ...surroundings };
    const { app, settled, revocations, streams, metrics, ...keep } = compose(parts);
    opened.push(keep.keepMeasuring(), settled);
    opened.push(keep.keepReplaying(), keep.keepIndexed(), keep.keepSharing(), keep.keepLeaving());
    const prepare = (server: Server) =>
      boundConnections(server, log, { onClosed: metrics.connectionClosed });
    const listening = await listen(app, { ...config.listen, prepare }, lifecycle);
    opened.push(() => {
      // They would not end by themselves, and browsers go on at once elsewhere.
      streams.close();
      return listening.drain(options.noticeMs);
    });
    const deliver = () => {
      store.revocations.deliver(revocations.handle);
    };
    const { laterMs = LATER_MS } = options;
    opened.push(after(laterMs, () => loadLater(log, laterMs / 10).then(deliver)));
    const { address } = listening;
    log.info({ address, baseUrl: config.baseUrl }, `ready: open ${config.baseUrl}`);
    return { address, close };
  } catch (error) {
    await close().catch((err: unknown) => {
      log.warn({ err }, 'not everything that was opened could be closed');
    });
    throw error;
  }
}

async function openRegistrations(
  config: Config,
  log: Logger,
  opened: (() => Promise<void>)[],
): Promise<Pick<Parts, 'registrations' | 'simulatorUrl'>> {
  if (config.simulator === undefined) {
    for (const { id, server } of config.registrations) {
      log.info({ registration: id, api: server.apiUrl }, `Fullscript: ${id}`);
    }
    return { registrations: config.registrations, simulatorUrl: undefined };
  }
  const { simulator } = config;
  const { registration, origin, close } = await openSimulator({ config, simulator, log });
  opened.push(close);
  log.info({ simulator: origin }, 'Fullscript: the built-in simulator, no real account is touched');
  return { registrations: [registration], simulatorUrl: `${origin}/simulator` };
}
