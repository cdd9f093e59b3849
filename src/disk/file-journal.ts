import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Journal, JournalEntry } from '../grants/journal.js';

const entryFile = z.object({ id: z.string(), sealed: z.string() });

/**
 * A journal in a folder, one file an entry, readable by this user only. Entries that an earlier
 * process left are there from the start.
 *
 * @throws Error when the folder cannot be made or read.
 */
export async function openFileJournal(options: { dir: string }): Promise<Journal> {
  const { dir } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const kept = new Map((await readAll(dir)).map((entry) => [entry.id, entry]));
  const inTurn = oneAfterTheOther();
  return {
    keep: (entry) =>
      inTurn(async () => {
        await writeDurably(dir, pathOf(dir, entry.id), JSON.stringify(entry));
        kept.set(entry.id, entry);
      }),
    find: (id) => kept.get(id),
    entries: () => [...kept.values()],
    drop: (entry) =>
      inTurn(async () => {
        if (kept.get(entry.id)?.sealed !== entry.sealed) return;
        kept.delete(entry.id);
        const path = pathOf(dir, entry.id);
        // Another process with the same folder may have kept a later pair there.
        if ((await readEntry(path))?.sealed === entry.sealed) await rm(path, { force: true });
      }),
  };
}

/** What removes a file must not meet what is just putting another one in its place. */
function oneAfterTheOther() {
  let last: Promise<unknown> = Promise.resolve();
  return (work: () => Promise<void>): Promise<void> => {
    const mine = last.then(work, work);
    last = mine;
    return mine;
  };
}

/** Ids are opaque and may be long; a file name is neither. */
function pathOf(dir: string, id: string): string {
  return join(dir, `${createHash('sha256').update(id).digest('hex')}.json`);
}

/** Written aside, synced, renamed, and the folder synced: after a power cut it is whole or absent. */
async function writeDurably(dir: string, path: string, text: string): Promise<void> {
  const draft = `${path}.${randomUUID()}.tmp`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  const folder = await open(dir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A file that is no entry is left alone: whoever put it there may want to look at it. */
async function readAll(dir: string): Promise<JournalEntry[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.json'));
  const read = names.map((name) => readEntry(join(dir, name)));
  return (await Promise.all(read)).filter((entry) => entry !== undefined);
}

async function readEntry(path: string): Promise<JournalEntry | undefined> {
  try {
    return entryFile.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}
