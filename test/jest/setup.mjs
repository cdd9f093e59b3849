// jest's globalSetup for `npm test`: a folder that goes with the run, and the one Redis of the run, in which
// suites have databases of their own.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSharedRedis } from '../support/shared-redis.ts';

export default async function setup() {
  openRunFolder();
  await startSharedRedis();
}

/** Workers inherit the environment. */
export function openRunFolder() {
  process.env.TEST_RUN_DIR = mkdtempSync(join(tmpdir(), 'fc-run-'));
  return process.env.TEST_RUN_DIR;
}
