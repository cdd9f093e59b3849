import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config.js';
import { openFileJournal } from '../disk/file-journal.js';
import { createCipher } from '../grants/cipher.js';
import type { StoreUnavailableError } from '../grants/errors.js';
import type { JournalEntry } from '../grants/journal.js';
import { rotateKeys } from '../grants/rotate-keys.js';
import type { RedisClient } from '../redis/client.js';
import { createRedisGrantRecords } from '../redis/grant-records.js';
import { type OpenClient, openClient } from '../redis/open-client.js';
import type { Progress } from '../terminal/progress.js';
import { type RotationReport, reportOf } from './report.js';
import { rotationProgress } from './rotation-progress.js';

export interface RunDeps {
  readonly config: Pick<Config, 'store' | 'dataDir' | 'sealingKeys'> & {
    readonly storePrefix?: Config['storePrefix'];
  };
  /** Only counts. */
  readonly dryRun: boolean;
  /** For progress and trouble. */
  readonly progress: Progress;
  /** Stops it when what is under way is finished. */
  readonly signal: AbortSignal;
  /** For the first connection to Redis. */
  readonly readyWaitMs?: number | undefined;
  /** Told what came of it where grants were sealed anew, as long as the store is open. */
  readonly onResealed?: (client: RedisClient, report: RotationReport) => Promise<void>;
}

/**
 * Rotates the keys of the configured store.
 *
 * @returns undefined where no store outlives a server: there is nothing that another process could
 *   seal anew.
 */
export async function runRotation(deps: RunDeps): Promise<RotationReport | undefined> {
  const { config, progress, readyWaitMs } = deps;
  const opened = await openClient({ config, say: progress.say, readyWaitMs });
  if (opened === undefined) return undefined;
  try {
    const report = await rotate(deps, opened);
    if (report.resealed > 0) await deps.onResealed?.(opened.client, report);
    return report;
  } finally {
    progress.end();
    await opened.close();
  }
}

async function rotate(deps: RunDeps, { client, reasonOf }: OpenClient): Promise<RotationReport> {
  const { config, signal, dryRun, progress: bar } = deps;
  const records = createRedisGrantRecords(client);
  const cipher = createCipher(config.sealingKeys);
  // A wait is over when we are told to stop.
  const sleep = (ms: number) => delay(ms, undefined, { signal }).catch(() => undefined);
  const waiting = (error: StoreUnavailableError, waitMs: number) => {
    bar.say(`${reasonOf(error)}. Nothing is lost; trying again in ${waitMs / 1000} s`);
  };
  const progress = { ...rotationProgress(bar), waiting };
  const rotation = await rotateKeys({ records, cipher, sleep, signal, progress, dryRun });
  const journal = await journalIn(config.dataDir);
  const failure = rotation.failure === undefined ? null : reasonOf(rotation.failure);
  return reportOf({ rotation, failure, keyIds: cipher.keyIds, journal, dryRun, now: Date.now() });
}

/** What waits there is saved, and sealed anew, by the server that it belongs to. */
async function journalIn(dataDir: string): Promise<readonly JournalEntry[]> {
  const dir = join(dataDir, 'journal');
  return existsSync(dir) ? (await openFileJournal({ dir })).entries() : [];
}
