import { existsSync } from 'node:fs';
import { ConfigError } from './config/problem.js';
import { type Config, loadConfig } from './config.js';

/** EX_CONFIG of sysexits.h: restarting will not help. */
const EXIT_CONFIG = 78;

/**
 * The configuration of this process: the environment, and `.env` in the working directory. Prints what
 * is wrong with it, all of it, and ends the process.
 */
export function readConfig(): Config {
  if (existsSync('.env')) process.loadEnvFile('.env');
  try {
    return loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_CONFIG);
  }
}
