import type { Logger } from 'pino';
import { configSummary } from './config-summary.js';
import { OpenToOthersError } from './data-folder.js';
import { readConfig, readEnvironment } from './environment.js';
import { currentRequestId } from './http/request-id.js';
import { createLogger } from './logger.js';
import { ForeignStoreError } from './grants/errors.js';
import { SERVER_HELP, serverWish } from './server-arguments.js';
import { type RunningServer, startServer } from './server.js';
import { packageVersion } from './version.js';

const EXIT_FAILURE = 1;
/** EX_USAGE of sysexits.h. */
const EXIT_USAGE = 64;

/** What Node adds to the error of a listen that failed. */
interface Listening {
  readonly address?: string;
  readonly port?: number;
}

async function main(): Promise<void> {
  const asked = serverWish(process.argv.slice(2));
  switch (asked.wish) {
    case 'start':
      await start();
      return;
    case 'check-config':
      print(configSummary(readConfig({ dry: true }), readEnvironment()));
      return;
    case 'help':
      print(SERVER_HELP);
      return;
    case 'version':
      print(`${packageVersion()}\n`);
      return;
    case 'wrong use':
      process.stderr.write(`${asked.reason}\nSee node dist/main.js --help\n`);
      process.exitCode = EXIT_USAGE;
  }
}

function print(text: string): void {
  process.stdout.write(text);
}

const NOT_WRITABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOTDIR', 'EEXIST']);

/** What the operator can mend, in a line; everything else with its stack. */
function whyNot(err: unknown): { fields: object; text: string } {
  if (err instanceof OpenToOthersError) return { fields: {}, text: err.message };
  const {
    code = '',
    syscall,
    path,
    address = '',
    port = '',
  } = err as NodeJS.ErrnoException & Listening;
  if (syscall === 'listen') {
    const text = `cannot listen on ${address}:${port} (${code}): choose another PORT or HOST`;
    return { fields: {}, text };
  }
  if (path !== undefined && NOT_WRITABLE.has(code)) {
    const text = `cannot use ${path} (${code}): give DATA_DIR a folder that this account can write to`;
    return { fields: {}, text };
  }
  if (err instanceof ForeignStoreError) return { fields: {}, text: err.message };
  return { fields: { err }, text: 'the server could not start' };
}

async function start(): Promise<void> {
  const config = readConfig();
  const { logLevel: level, production } = config;
  const log = createLogger({ level, production, requestId: currentRequestId });
  const starting: Promise<RunningServer> = startServer(config, log, {
    // A supervisor starts it anew, which is refused until the store is the right one again.
    onForeignStore: () => {
      void starting.then(({ close }) => close()).finally(() => process.exit(EXIT_FAILURE));
    },
  });
  stopOnSignals(starting, log);
  try {
    await starting;
  } catch (err) {
    const { fields, text } = whyNot(err);
    log.fatal(fields, text);
    process.exitCode = EXIT_FAILURE;
  }
}

/**
 * From the first moment on: as the first process of a container this one is not ended by a signal that
 * it does not handle, and would start, serve, and be killed.
 */
function stopOnSignals(starting: Promise<RunningServer>, log: Logger): void {
  let closing = false;
  const stop = async (signal: string) => {
    // A second signal is somebody losing patience.
    if (closing) process.exit(EXIT_FAILURE);
    closing = true;
    log.info({ signal }, 'stopping: finishing what is under way');
    const server = await starting.catch(() => undefined);
    // `start` has said why, and has closed what was open.
    if (server === undefined) return;
    try {
      await server.close();
      log.info('stopped');
      process.exit(0);
    } catch (err) {
      log.error({ err }, 'stopped with an error');
      process.exit(EXIT_FAILURE);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, (name) => void stop(String(name)));
}

await main();
