import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Whether a server with an embedded Redis has left something in its folder. */
export function isKept(dataDir: string): boolean {
  return existsSync(join(dataDir, 'appendonlydir'));
}

/** Else a command in the wrong folder would work on a store that nobody uses, and find that all is well. */
export function nothingKept(dataDir: string): string {
  return (
    `REDIS_URL is unset, and no server keeps anything in ${dataDir}. Nothing was done. Run this with the ` +
    "server's own environment and working directory."
  );
}
