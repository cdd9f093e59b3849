import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findServerProgram, startServerChild } from '../../src/redis/server-child.js';
import { serverState } from '../../src/redis/server-socket.js';

let dir = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fc-child-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

/** A PATH with nothing but these programs, which only know their version. */
async function pathWith(programs: Record<string, string>): Promise<NodeJS.ProcessEnv> {
  for (const [name, version] of Object.entries(programs)) {
    await writeFile(join(dir, name), `#!/bin/sh\necho '${version}'\n`);
    await chmod(join(dir, name), 0o755);
  }
  return { PATH: dir };
}

describe('findServerProgram', () => {
  it.each([
    [{}, undefined],
    [{ 'redis-server': 'Redis server v=7.0.15 sha=0' }, 'redis-server'],
    [{ 'redis-server': 'Redis server v=6.2.0 sha=0' }, 'redis-server'],
    [{ 'redis-server': 'Redis server v=6.0.16 sha=0' }, undefined],
    [{ 'valkey-server': 'Valkey server v=8.1.4 sha=0' }, 'valkey-server'],
    [{ 'redis-server': 'Redis server v=7.2.4', 'valkey-server': 'v=8.1.4' }, 'redis-server'],
    [{ 'redis-server': 'Redis server v=5.0.7', 'valkey-server': 'v=8.1.4' }, 'valkey-server'],
  ])('%j on PATH → %s', async (programs, found) => {
    expect(await findServerProgram(await pathWith(programs))).toBe(found);
  });
});

describe('startServerChild', () => {
  it('started and stopped → listens, then has ended', async () => {
    const socketPath = join(dir, 'redis.sock');
    const child = await startServerChild({ program: 'redis-server', dataDir: dir, socketPath });
    expect(await serverState(socketPath)).toBe('ready');
    await child.stop();
    await child.ended;
    expect(await serverState(socketPath)).toBe('absent');
  });

  it('cannot listen → an error with its last lines', async () => {
    const socketPath = join(dir, 'missing', 'redis.sock');
    const starting = startServerChild({ program: 'redis-server', dataDir: dir, socketPath });
    await expect(starting).rejects.toThrow(/^redis-server did not start:\n[^]*socket/);
  });

  it('frozen when it is to stop → killed in the end', async () => {
    const socketPath = join(dir, 'redis.sock');
    const deps = { program: 'redis-server', dataDir: dir, socketPath, stopMs: 50 };
    const child = await startServerChild(deps);
    process.kill(child.pid, 'SIGSTOP');
    await child.stop();
    expect(await serverState(socketPath)).toBe('absent');
  });
});
