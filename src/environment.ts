import { EnvFileError, readEnvFile } from './config/env-file.js';
import { secretsWithoutMaking } from './config/generated-secrets.js';
import { ConfigError } from './config/problem.js';
import type { Environment } from './config/read-variables.js';
import { type Config, loadConfig } from './config.js';

/** EX_CONFIG of sysexits.h: restarting will not help. */
const EXIT_CONFIG = 78;

/**
 * What this process was told: by its environment, and by `.env` in the working directory. Prints why that file
 * cannot be read, and ends the process.
 */
export function readEnvironment(): Environment {
  const file = orEnd(() => readEnvFile('.env'));
  for (const [name, value] of Object.entries(file ?? {})) process.env[name] ??= value;
  return process.env;
}

/**
 * The configuration of this process. Prints what is wrong with it, all of it, and ends the process.
 *
 * @param options.dry makes no file: to look at it only.
 */
export function readConfig({ dry = false }: { dry?: boolean } = {}): Config {
  const env = readEnvironment();
  return orEnd(() => loadConfig(env, dry ? { secretsFrom: secretsWithoutMaking } : {}));
}

function orEnd<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof EnvFileError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}
