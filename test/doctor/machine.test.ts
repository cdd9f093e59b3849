import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openFileJournal } from '../../src/disk/file-journal.js';
import { createCipher } from '../../src/grants/cipher.js';
import { examineClock } from '../../src/doctor/clock.js';
import { examineDataFolder, examineEnvFile, examineNode } from '../../src/doctor/machine.js';
import { sealingKey } from '../support/seeded-grants.js';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fc-machine-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const byCheck = async (...args: Parameters<typeof examineDataFolder>) =>
  Object.fromEntries((await examineDataFolder(...args)).map((one) => [one.check, one]));

describe('examineNode', () => {
  it.each([
    ['20.18.9', 'problem'],
    ['20.19.0', 'ok'],
    ['24.1.0', 'ok'],
    ['18.99.0', 'problem'],
  ])('%s → %s', (version, status) => {
    expect(examineNode(version).status).toBe(status);
  });
});

describe('examineDataFolder', () => {
  it('none yet → skipped, and none is made', async () => {
    const missing = join(folder, 'none');
    expect(await byCheck(missing, undefined)).toMatchObject({
      'machine.data-folder': { status: 'skipped' },
    });
    expect(await examineDataFolder(missing, undefined)).toHaveLength(1);
  });

  it('a folder of its own → all is well', async () => {
    await writeFile(join(folder, 'secrets.json'), '{}', { mode: 0o600 });
    await mkdir(join(folder, 'journal'));
    const found = await examineDataFolder(folder, undefined);
    expect(found.map(({ check, status }) => [check, status])).toEqual([
      ['machine.data-folder', 'ok'],
      ['machine.disk', expect.any(String)],
      ['machine.secrets-file', 'ok'],
      ['machine.journal', 'ok'],
    ]);
  });

  it('others may read the secrets, or write into the folder → what to do', async () => {
    await writeFile(join(folder, 'secrets.json'), '{}');
    await chmod(join(folder, 'secrets.json'), 0o644);
    await chmod(folder, 0o777);
    expect(await byCheck(folder, undefined)).toMatchObject({
      'machine.secrets-file': { status: 'problem', todo: expect.stringContaining('chmod 600') },
      'machine.data-folder': { status: 'warning', todo: expect.stringContaining('chmod 700') },
    });
  });

  it('others may read the embedded store → a problem, until it or the folder is closed', async () => {
    const store = join(folder, 'appendonlydir');
    await mkdir(store);
    await chmod(store, 0o755);
    await chmod(folder, 0o755);
    expect(await byCheck(folder, undefined)).toMatchObject({
      'machine.embedded-store': { status: 'problem', todo: expect.stringContaining('chmod 700') },
    });
    await chmod(folder, 0o700);
    expect(await byCheck(folder, undefined)).toMatchObject({
      'machine.embedded-store': { status: 'ok' },
    });
  });

  it('a file where the folder should be → a problem', async () => {
    const path = join(folder, 'file');
    await writeFile(path, '');
    expect(await byCheck(path, undefined)).toMatchObject({
      'machine.data-folder': { status: 'problem' },
    });
  });

  it('pairs wait → a warning; sealed with a key that is not listed → a problem', async () => {
    const [old, current] = [sealingKey('old'), sealingKey('new')];
    const journal = await openFileJournal({ dir: join(folder, 'journal') });
    const sealed = createCipher([old]).seal(randomBytes(8).toString('hex'), 'context');
    await journal.keep({ id: 'one', sealed });
    expect(await byCheck(folder, [current, old])).toMatchObject({
      'machine.journal': { status: 'warning', found: '1 refreshed pairs wait to be saved' },
    });
    expect(await byCheck(folder, [current])).toMatchObject({
      'machine.journal': { status: 'problem', found: expect.stringContaining('old') },
    });
  });
});

describe('the file .env', () => {
  it('others may read it; what Node reads earlier stands in it → warnings', async () => {
    const path = join(folder, '.env');
    await writeFile(path, 'x');
    await chmod(path, 0o644);
    const found = await examineEnvFile(folder, { NODE_EXTRA_CA_CERTS: '/a.pem' });
    expect(found.map(({ check, status }) => [check, status])).toEqual([
      ['machine.env-file', 'warning'],
      ['machine.extra-ca-certs', 'warning'],
    ]);
    await chmod(path, 0o600);
    expect(await examineEnvFile(folder, {})).toMatchObject([{ status: 'ok' }]);
  });
});

describe('examineClock', () => {
  const sample = (source: string, aheadMs: number) => ({
    source,
    theirs: 1e12,
    ours: 1e12 + aheadMs,
  });

  it.each([
    [0, 'ok'],
    [29_000, 'ok'],
    [-29_000, 'ok'],
    [31_000, 'warning'],
    [-299_000, 'warning'],
    [301_000, 'problem'],
    [-86_400_000, 'problem'],
  ])('%i ms ahead of Redis → %s', (ms, status) => {
    expect(examineClock([sample('Redis', ms)]).status).toBe(status);
  });

  it('in words, with what to do', () => {
    const { found, todo } = examineClock([
      sample('Redis', 420_000),
      sample('api.example', -40_000),
    ]);
    expect(found).toBe('this machine is 7 min ahead of Redis; 40 s behind api.example');
    expect(todo).toContain('timedatectl');
    expect(todo).not.toContain('others agree');
  });

  it('only one of two differs → it may be that one', () => {
    const { todo } = examineClock([sample('Redis', 420_000), sample('api.example', 0)]);
    expect(todo).toContain('others agree with this machine');
  });

  it('nobody to compare with → skipped', () => {
    expect(examineClock([]).status).toBe('skipped');
  });
});
