import type { Logger } from 'pino';
import { createApp } from './app.js';
import type { Config } from './config.js';
import { composeCustody, openJournal } from './custody.js';
import type { GrantEvents } from './grants/grant-events.js';
import type { Journal } from './grants/journal.js';
import { RouteError } from './http/errors.js';
import { createActivityRecorder } from './http/activity-recorder.js';
import { createAudit } from './http/audit.js';
import { grantAudit } from './http/grant-audit.js';
import { createMetrics } from './http/metrics.js';
import type { Registration, RegistrationId } from './oauth/registration.js';
import { composeLimits } from './limits.js';
import { type Lifecycle, addressOf, drain, listen } from './listen.js';
import { openSimulator } from './simulated.js';
import { type Store, openStore } from './store.js';
import { sayActivityTrouble } from './store-log.js';

export interface RunningServer {
  /** Where it listens, for example `http://127.0.0.1:3000`. */
  readonly address: string;
  /** Stops accepting, lets requests and refreshes finish, and closes what was opened, in reverse. */
  readonly close: () => Promise<void>;
}

export interface ServerOptions {
  /** Between the first attempt of a revocation and the second. */
  readonly revocationRetryMs?: number;
  /** How long a call of the token endpoint may take, and one of the revocation endpoint. */
  readonly tokenTimeoutMs?: number;
  readonly revokeTimeoutMs?: number;
  /** How long requests are counted together, instead of a minute. */
  readonly rateLimitWindowMs?: number;
  /** How long a page waits for Fullscript before it goes out without what is missing. */
  readonly patienceMs?: number;
}

const API_TIMEOUT_MS = 25_000;
/** Longer than Fullscript usually takes, shorter than people start to wonder. */
const PATIENCE_MS = 1_000;
/** How often pairs in the journal are tried to be saved; nothing happens while there are none. */
const REPLAY_MS = 1_000;
/** How often the counts of all processes are brought together. */
const SHARE_MS = 1_000;

/** Builds every object once, in the order of their needs, and listens. */
export async function startServer(
  config: Config,
  log: Logger,
  options: ServerOptions = {},
): Promise<RunningServer> {
  const opened: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closeOne of opened.splice(0).reverse()) await closeOne();
  };
  try {
    warnOfMissingProxy(config, log);
    const { registrations, simulatorUrl } = await openRegistrations(config, log, opened);
    const store = await openStore({ config, log, now: Date.now });
    opened.push(store.close);
    const journal = await openJournal(config, log);
    const lifecycle: Lifecycle = { draining: false };
    const parts = { config, log, registrations, simulatorUrl, store, journal, lifecycle, options };
    const { app, settled, keepReplaying, keepSharing, revocations } = compose(parts);
    opened.push(settled, keepReplaying(), keepSharing());
    const server = await listen(app, config.listen, lifecycle);
    opened.push(() => drain(server, lifecycle));
    store.revocations.deliver(revocations.handle);
    const address = addressOf(server, config.listen);
    log.info({ address, baseUrl: config.baseUrl }, `ready: open ${config.baseUrl}`);
    return { address, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The cookie middleware stays silent about this one, and nobody could stay signed in. */
function warnOfMissingProxy(config: Config, log: Logger): void {
  if (!isHttps(config) || config.trustProxy !== false) return;
  log.warn(
    'BASE_URL is https but TRUST_PROXY is unset: requests look like plain http, so the session cookie ' +
      'will not be set and nobody can sign in. Set TRUST_PROXY to the number of proxies in front',
  );
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

interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly registrations: readonly Registration[];
  readonly simulatorUrl: string | undefined;
  readonly store: Store;
  readonly journal: Journal;
  readonly lifecycle: Lifecycle;
  readonly options: ServerOptions;
}

function compose(parts: Parts) {
  const { config, log, registrations, store } = parts;
  const now = Date.now;
  const metrics = createMetrics();
  const registration = lookUp(registrations);
  const { audit, recorded } = composeAudit(parts);
  const events = both(grantAudit(audit), metrics.grants);
  const custody = composeCustody({ ...parts, ...parts.options, registration, events });
  const { share, ...limiting } = composeLimits({ ...parts, ...parts.options, metrics });
  const app = createApp({
    ...custody,
    ...limiting,
    ...{ baseUrl: config.baseUrl, trustProxy: config.trustProxy },
    registrations,
    registration,
    simulatorUrl: parts.simulatorUrl,
    sessionStore: store.sessions,
    activity: store.activity,
    sessionSecrets: config.session.secrets,
    sessionLifetime: config.session,
    sameSite: config.session.sameSite,
    ping: () => (parts.lifecycle.draining ? Promise.reject(new Error('draining')) : store.ping()),
    unsaved: custody.refresher.waiting,
    audit,
    metrics,
    metricsToken: config.metricsToken,
    apiTimeoutMs: API_TIMEOUT_MS,
    patienceMs: parts.options.patienceMs ?? PATIENCE_MS,
    log,
    now,
  });
  const { refresher, revocations } = custody;
  const settled = () => custody.settled().then(recorded);
  const replay = () =>
    refresher.replay().catch((err: unknown) => {
      log.error({ err }, 'the journal could not be replayed; trying again');
    });
  const keepReplaying = () => every(REPLAY_MS, replay);
  const keepSharing = () => every(SHARE_MS, share);
  return { app, settled, keepReplaying, keepSharing, revocations };
}

/** One line in the log for each event, and an entry for the user it is about. */
function composeAudit({ log, store: { activity } }: Parts) {
  const onError = sayActivityTrouble(log);
  const recorder = createActivityRecorder({ activity, now: Date.now, onError });
  return { audit: createAudit(log, recorder.note), recorded: recorder.settled };
}

/** Repeats work until the returned function is called, never twice at the same time. */
function every(ms: number, work: () => Promise<void>): () => Promise<void> {
  let running = Promise.resolve();
  let idle = true;
  const timer = setInterval(() => {
    if (!idle) return;
    idle = false;
    running = work().finally(() => {
      idle = true;
    });
  }, ms);
  timer.unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}

function isHttps({ baseUrl }: Config): boolean {
  return baseUrl.startsWith('https:');
}

/** A session may outlive the registration it was made with. */
function lookUp(registrations: readonly Registration[]) {
  const byId = new Map(registrations.map((one) => [one.id, one]));
  return (id: RegistrationId): Registration => {
    const found = byId.get(id);
    if (found === undefined) throw new RouteError('registration_unknown');
    return found;
  };
}

function both(first: GrantEvents, second: GrantEvents): GrantEvents {
  const names = Object.keys(first) as (keyof GrantEvents)[];
  const merged = names.map((name) => [
    name,
    (...args: never[]) => {
      (first[name] as (...all: never[]) => void)(...args);
      (second[name] as (...all: never[]) => void)(...args);
    },
  ]);
  return Object.fromEntries(merged) as GrantEvents;
}
