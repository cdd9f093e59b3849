import { existsSync } from 'node:fs';
import { secretsWithoutMaking } from './config/generated-secrets.js';
import { ConfigError } from './config/problem.js';
import type { Environment } from './config/read-variables.js';
import { type Config, loadConfig } from './config.js';

/** EX_CONFIG of sysexits.h: restarting will not help. */
const EXIT_CONFIG = 78;

/** What this process was told: by its environment, and by `.env` in the working directory. */
export function readEnvironment(): Environment {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return process.env;
}

/**
 * The configuration of this process. Prints what is wrong with it, all of it, and ends the process.
 *
 * @param options.dry makes no file: to look at it only.
 */
export function readConfig({ dry = false }: { dry?: boolean } = {}): Config {
  const env = readEnvironment();
  try {
    return loadConfig(env, dry ? { secretsFrom: secretsWithoutMaking } : {});
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}
