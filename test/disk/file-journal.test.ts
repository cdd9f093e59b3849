import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openFileJournal } from '../../src/disk/file-journal.js';
import type { Journal } from '../../src/grants/journal.js';
import { createMemoryJournal } from '../../src/memory/journal.js';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fc-journal-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const a = { id: 'us-sandbox:Staff:a', sealed: 'k1.one' };
const b = { id: 'us-sandbox:Staff:b', sealed: 'k1.two' };

describe.each<[string, () => Promise<Journal>]>([
  ['in a folder', () => openFileJournal({ dir })],
  ['in memory', () => Promise.resolve(createMemoryJournal())],
])('a journal %s', (_where, open) => {
  it('keeps one entry an id, the last one, and forgets it when told', async () => {
    const journal = await open();
    await journal.keep(a);
    await journal.keep(b);
    await journal.keep({ ...a, sealed: 'k1.three' });
    expect(journal.find(a.id)?.sealed).toBe('k1.three');
    expect(journal.entries()).toHaveLength(2);
    await journal.drop({ ...a, sealed: 'k1.three' });
    expect(journal.find(a.id)).toBeUndefined();
    expect(journal.entries()).toEqual([b]);
  });

  it('does not forget an entry that replaced the one to be dropped', async () => {
    const journal = await open();
    await journal.keep(a);
    await journal.keep({ ...a, sealed: 'k1.newer' });
    await journal.drop(a);
    expect(journal.find(a.id)?.sealed).toBe('k1.newer');
  });
});

describe('a journal in a folder', () => {
  it('is there for the next process, readable by this user only', async () => {
    await (await openFileJournal({ dir })).keep(a);
    expect((await openFileJournal({ dir })).entries()).toEqual([a]);
    const [name = ''] = await readdir(dir);
    expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
    expect(name).toMatch(/^[0-9a-f]{64}\.json$/);
  });

  it('leaves no file behind for what was dropped', async () => {
    const journal = await openFileJournal({ dir });
    await journal.keep(a);
    await journal.drop(a);
    expect(await readdir(dir)).toEqual([]);
  });

  it('passes over files that are no entries, and leaves them alone', async () => {
    await writeFile(join(dir, 'broken.json'), '{"id":');
    await writeFile(join(dir, 'other.json'), '[]');
    await (await openFileJournal({ dir })).keep(b);
    expect((await openFileJournal({ dir })).entries()).toEqual([b]);
    expect(await readFile(join(dir, 'broken.json'), 'utf8')).toBe('{"id":');
  });

  it('in a place that cannot be one → an error', async () => {
    await writeFile(join(dir, 'file'), '');
    await expect(openFileJournal({ dir: join(dir, 'file', 'below') })).rejects.toThrow('ENOTDIR');
  });
});
