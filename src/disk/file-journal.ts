import { createHash } from 'node:crypto';
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
  return {
    keep: async (entry) => {
      await writeDurably(dir, pathOf(dir, entry.id), JSON.stringify(entry));
      kept.set(entry.id, entry);
    },
    find: (id) => kept.get(id),
    entries: () => [...kept.values()],
    drop: async (entry) => {
      if (kept.get(entry.id)?.sealed !== entry.sealed) return;
      kept.delete(entry.id);
      await rm(pathOf(dir, entry.id), { force: true });
    },
  };
}

/** Ids are opaque and may be long; a file name is neither. */
function pathOf(dir: string, id: string): string {
  return join(dir, `${createHash('sha256').update(id).digest('hex')}.json`);
}

/** Written aside, synced, renamed, and the folder synced: after a power cut it is whole or absent. */
async function writeDurably(dir: string, path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`;
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
  const read = names.map(async (name) => {
    const text = await readFile(join(dir, name), 'utf8').catch(() => '');
    return entryOf(text);
  });
  return (await Promise.all(read)).filter((entry) => entry !== undefined);
}

function entryOf(text: string): JournalEntry | undefined {
  try {
    return entryFile.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
