import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config.js';
import { openFileJournal } from '../disk/file-journal.js';
import { createCipher } from '../grants/cipher.js';
import type { StoreUnavailableError } from '../grants/errors.js';
import type { JournalEntry } from '../grants/journal.js';
import { rotateKeys } from '../grants/rotate-keys.js';
import type { RotationArguments } from './arguments.js';
import { type OpenRecords, openRecords } from './open-records.js';
import { type Progress, type Terminal, createProgress } from './progress.js';
import { type RotationReport, type RotationStatus, reportOf } from './report.js';
import { reportText } from './report-text.js';

export interface RunDeps {
  readonly config: Pick<Config, 'store' | 'dataDir' | 'sealingKeys'>;
  readonly options: Pick<RotationArguments, 'dryRun' | 'json'>;
  /** For progress and trouble. */
  readonly terminal: Terminal;
  /** For the result. */
  readonly print: (text: string) => void;
  /** Stops it when what is under way is finished. */
  readonly signal: AbortSignal;
}

/** Where no store outlives a server, there is nothing that another process could seal anew. */
type Ended = RotationStatus | 'nothing_stored';

const NOTHING_STORED =
  'Nothing is stored: REDIS_URL is unset and no redis-server is installed, so grants live and end ' +
  'with the server process.';

/** Rotates the keys of the configured store, and says what came of it. */
export async function runRotation(deps: RunDeps): Promise<Ended> {
  const { config, terminal, print, options } = deps;
  const progress = createProgress({ terminal, now: () => performance.now() });
  const opened = await openRecords({ config, say: progress.say });
  if (opened === undefined) {
    print(options.json ? JSON.stringify({ status: 'nothing_stored' }) : NOTHING_STORED);
    return 'nothing_stored';
  }
  try {
    const report = await rotate(deps, opened, progress);
    progress.end();
    print(options.json ? JSON.stringify(report) : reportText(report).join('\n'));
    return report.status;
  } finally {
    await opened.close();
  }
}

async function rotate(
  deps: RunDeps,
  { records, reasonOf }: OpenRecords,
  bar: Progress,
): Promise<RotationReport> {
  const { config, signal } = deps;
  const { dryRun } = deps.options;
  const cipher = createCipher(config.sealingKeys);
  // A wait is over when we are told to stop.
  const sleep = (ms: number) => delay(ms, undefined, { signal }).catch(() => undefined);
  const waiting = (error: StoreUnavailableError, waitMs: number) => {
    bar.say(`${reasonOf(error)}. Nothing is lost; trying again in ${waitMs / 1000} s`);
  };
  const progress = { ...bar, waiting };
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
