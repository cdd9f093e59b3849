import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasCode, isAlive, isRunning, ownName, withFileLock } from '../../src/redis/file-lock.js';
import { until } from '../support/until.js';

let dir = '';
let path = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fc-lock-'));
  path = join(dir, 'lock');
});

afterEach(() => rm(dir, { recursive: true, force: true }));

async function deadPid(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid!;
}

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

describe('withFileLock', () => {
  it('free → runs the work with our name in the file, and takes the file away', async () => {
    const held = await withFileLock(path, () => readFile(path, 'utf8'));
    expect(held).toBe(ownName());
    expect(await exists(path)).toBe(false);
  });

  it('work fails → its error comes through and the file is gone', async () => {
    const failing = withFileLock(path, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(await exists(path)).toBe(false);
  });

  it('ten at once, after a holder that died → one at a time', async () => {
    await writeFile(path, `${await deadPid()}\n`);
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, (inside += 1));
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 10 }, () => withFileLock(path, work)));
    expect(most).toBe(1);
    expect(await exists(`${path}.breaking`)).toBe(false);
  });

  it.each([
    ['our own id, from an earlier life in a container', `${process.pid}\n`],
    ['no id, written by a process that died at once', ''],
  ])('an old file with %s → a leftover', async (_what, text) => {
    await writeFile(path, text);
    const before = new Date(Date.now() - 120_000);
    await utimes(path, before, before);
    expect(await withFileLock(path, () => Promise.resolve('mine'))).toBe('mine');
  });

  it.each([
    ['our own id, as earlier versions wrote it', `${process.pid}\n`],
    ['our own id and another start', `${process.pid} 1 ${hostname()}\n`],
    ['the id of another living process and another start', `${process.ppid} 1 ${hostname()}\n`],
  ])(
    'a fresh file with %s → a leftover at once',
    async (_what, text) => {
      await writeFile(path, text);
      expect(await withFileLock(path, () => Promise.resolve('mine'))).toBe('mine');
    },
    10_000,
  );

  it('a holder on another machine that shows nothing for ten seconds → a leftover', async () => {
    await writeFile(path, `${process.pid} 1 elsewhere\n`);
    const before = new Date(Date.now() - 11_000);
    await utimes(path, before, before);
    expect(await withFileLock(path, () => Promise.resolve('mine'))).toBe('mine');
  }, 10_000);

  it('held → the file shows that its holder is there', async () => {
    const before = new Date(Date.now() - 30_000);
    await withFileLock(path, async () => {
      await utimes(path, before, before);
      await until(async () => (await stat(path)).mtimeMs > before.getTime() + 1_000);
    });
  });

  it('both files left behind → still gets through', async () => {
    const pid = await deadPid();
    await writeFile(path, `${pid}\n`);
    await writeFile(`${path}.breaking`, `${pid}\n`);
    expect(await withFileLock(path, () => Promise.resolve('mine'))).toBe('mine');
  });

  it('folder missing → the error of the file system, at once', async () => {
    const failing = withFileLock(join(dir, 'missing', 'lock'), () => Promise.resolve());
    await expect(failing).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('isRunning', () => {
  it.each([
    ['ourselves', ownName(), true],
    ['another process, as earlier versions wrote it', `${process.ppid}\n`, true],
    ['our id, started at another time', `${process.pid} 1 ${hostname()}\n`, false],
    ['its id, started at another time', `${process.ppid} 1 ${hostname()}\n`, false],
    ['a process of another machine', '1 1 elsewhere\n', true],
    ['no name', 'x\n', false],
  ])('%s → %s', (_what, name, running) => {
    expect(isRunning(name)).toBe(running);
  });
});

describe('isRunning, of a process that ended and whose parent does not care', () => {
  it('→ false, with its start and without', async () => {
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = said.toString().trim();
    await until(() => !isRunning(`${pid}\n`));
    expect(isAlive(Number(pid))).toBe(true);
    expect(isRunning(`${pid} 1 ${hostname()}\n`)).toBe(false);
    parent.kill();
  });
});

describe('isAlive', () => {
  it('this process, a process that ended → true, false', async () => {
    expect(isAlive(process.pid)).toBe(true);
    expect(isAlive(await deadPid())).toBe(false);
  });
});

describe('hasCode', () => {
  it('error with one of the codes → true, anything else → false', () => {
    const error = Object.assign(new Error('x'), { code: 'ENOENT' });
    expect(hasCode(error, 'EPERM', 'ENOENT')).toBe(true);
    expect(hasCode(error, 'EPERM')).toBe(false);
    expect(hasCode('ENOENT', 'ENOENT')).toBe(false);
  });
});
