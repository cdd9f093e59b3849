import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type RedisClient,
  closeRedis,
  connectRedis,
  waitUntilReady,
} from '../../src/redis/client.js';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../src/redis/embedded-server.js';
import { isAlive } from '../../src/redis/file-lock.js';
import { startServerChild } from '../../src/redis/server-child.js';
import { requestShutdown, serverState } from '../../src/redis/server-socket.js';
import { until } from '../support/until.js';

const MODULE = fileURLToPath(new URL('../../src/redis/embedded-server.ts', import.meta.url));

let root = '';
let dataDir = '';
const open: EmbeddedRedis[] = [];
const processes: ChildProcess[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fc-embedded-'));
  dataDir = root;
});

afterEach(async () => {
  for (const child of processes.splice(0)) await end(child);
  for (const one of open.splice(0)) await one.close();
  await endOrphan(join(root, 'redis.sock'));
  await rm(root, { recursive: true, force: true });
});

async function start(log?: (message: string) => void): Promise<EmbeddedRedis> {
  const quick = { watchMs: 10, againMs: 5 };
  const embedded = await startEmbeddedRedis({ dataDir, ...quick, ...(log && { log }) });
  open.push(embedded!);
  return embedded!;
}

const pathOf = ({ address }: EmbeddedRedis) => (address.kind === 'socket' ? address.path : '');

async function withClient<T>(
  embedded: Pick<EmbeddedRedis, 'address'>,
  use: (client: RedisClient) => Promise<T>,
): Promise<T> {
  const client = connectRedis(embedded.address);
  await waitUntilReady(client, 5_000);
  try {
    return await use(client);
  } finally {
    await closeRedis(client);
  }
}

/** The server of another process, when a test has failed before it was adopted. */
async function endOrphan(socketPath: string): Promise<void> {
  if ((await serverState(socketPath)) === 'absent') return;
  await requestShutdown(socketPath);
  await until(async () => (await serverState(socketPath)) === 'absent');
}

/** Another process of ours, which says `owned` or `joined` and then waits to be killed. */
async function otherProcess(): Promise<{ child: ChildProcess; said: string }> {
  const script = `
    import { startEmbeddedRedis } from ${JSON.stringify(MODULE)};
    process.on('SIGTERM', () => process.exit(1));
    const embedded = await startEmbeddedRedis({ dataDir: ${JSON.stringify(dataDir)} });
    process.stdout.write(embedded.owned ? 'owned' : 'joined');
    setInterval(() => {}, 1000);`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  processes.push(child);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, said: said.toString() };
}

/** Another process of ours that ends without closing what it has started, as at a second Ctrl-C. */
async function exits({ child }: { child: ChildProcess }): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

/** What another process of ours leaves in the folder that has started a server: it can be killed. */
async function otherOwner(): Promise<ChildProcess> {
  const child = spawn('sleep', ['1000']);
  processes.push(child);
  await writeFile(join(dataDir, 'redis.owner'), `${child.pid!}\n`);
  const socketPath = join(dataDir, 'redis.sock');
  await startServerChild({ program: 'redis-server', dataDir, socketPath });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** The process ids of the servers that were started, out of the log. */
const pidsIn = (lines: string[]) =>
  lines.flatMap((line) => /^started .*, process (\d+)$/.exec(line)?.[1] ?? []).map(Number);

const serverPid = (info: string) => /^process_id:(\d+)/m.exec(info)?.[1] ?? 'unknown';

const isPong = (answer: string) => answer === 'PONG';

/** Whether a second start is under way, or is over already. */
const isLocked = async (lines: string[]) =>
  pidsIn(lines).length > 1 || (await readdir(dataDir)).includes('redis.lock');

async function expectNothingLeft(embedded: EmbeddedRedis, lines: string[]): Promise<void> {
  expect(await serverState(pathOf(embedded))).toBe('absent');
  expect(pidsIn(lines).filter(isAlive)).toEqual([]);
  const leftovers = (await readdir(dataDir)).filter((name) => name.includes('lock'));
  expect(leftovers).toEqual([]);
}

describe('startEmbeddedRedis', () => {
  it('no program on PATH → undefined', async () => {
    const env = { PATH: dataDir };
    expect(await startEmbeddedRedis({ dataDir, env })).toBeUndefined();
  });

  it('program found → a private server on a socket in the data folder', async () => {
    const lines: string[] = [];
    const embedded = await start((line) => lines.push(line));
    expect(embedded).toMatchObject({ program: 'redis-server', owned: true });
    expect(embedded.address).toEqual({ kind: 'socket', path: join(dataDir, 'redis.sock'), db: 0 });
    expect((await stat(join(dataDir, 'redis.sock'))).mode & 0o777).toBe(0o700);
    expect(lines).toEqual([
      expect.stringMatching(/^started an embedded redis-server, process \d+$/),
    ]);
    const pairs = await withClient(embedded, (client) =>
      client.config('GET', 'port', 'appendonly', 'appendfsync', 'save', 'maxmemory-policy'),
    );
    const expected = { port: '0', appendonly: 'yes', appendfsync: 'always', save: '' };
    const found = Object.fromEntries(
      pairs.flatMap((name, n) => (n % 2 === 0 ? [[name, pairs[n + 1]]] : [])),
    ) as unknown;
    expect(found).toEqual({ ...expected, 'maxmemory-policy': 'noeviction' });
  });

  it('a folder that every account can read → closed, with all that the server keeps in it', async () => {
    await chmod(dataDir, 0o755);
    await mkdir(join(dataDir, 'appendonlydir'), { mode: 0o755 });
    const embedded = await start();
    await withClient(embedded, (client) => client.set('a', 'b'));
    const names = await readdir(dataDir, { recursive: true });
    const modes = await Promise.all(['', ...names].map((name) => stat(join(dataDir, name))));
    expect(names).toContain('appendonlydir');
    expect(modes.map(({ mode }) => mode & 0o077).filter((others) => others !== 0)).toEqual([]);
  });

  it('closed → the server has ended; closing twice is no error', async () => {
    const embedded = await start();
    await embedded.close();
    await embedded.close();
    expect(await serverState(pathOf(embedded))).toBe('absent');
  });

  it('closed and started again → the data is still there', async () => {
    const first = await start();
    await withClient(first, (client) => client.set('kept', 'yes'));
    await first.close();
    const second = await start();
    expect(await withClient(second, (client) => client.get('kept'))).toBe('yes');
  });

  it('five at once → one server, one owner; only the owner ends it', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => start()));
    const owners = all.filter(({ owned }) => owned);
    expect(owners).toHaveLength(1);
    for (const one of all) if (!one.owned) await one.close();
    expect(await serverState(pathOf(all[0]!))).toBe('ready');
    await owners[0]!.close();
    expect(await serverState(pathOf(all[0]!))).toBe('absent');
  });

  it('three processes at once → one server, one owner', async () => {
    const others = await Promise.all([otherProcess(), otherProcess()]);
    const mine = await start();
    const said = others.map((other) => other.said);
    expect(said.sort()).toEqual(['joined', 'owned']);
    expect(mine.owned).toBe(false);
    await Promise.all(others.map(({ child }) => end(child)));
    await until(() => mine.owned);
    expect((await start()).owned).toBe(false);
  });

  it('the owner was killed → its server goes on, is adopted with its data, and ends with us', async () => {
    const { child, said } = await otherProcess();
    expect(said).toBe('owned');
    const address = { kind: 'socket', path: join(dataDir, 'redis.sock'), db: 0 } as const;
    const pidOf = (client: RedisClient) => client.info('server').then(serverPid);
    const before = await withClient({ address }, async (client) => {
      await client.set('kept', 'yes');
      return await pidOf(client);
    });
    await end(child);
    const lines: string[] = [];
    const mine = await start((line) => lines.push(line));
    expect(mine.owned).toBe(true);
    expect(lines).toEqual(['adopted an embedded redis-server whose owner is gone']);
    const after = await withClient(mine, async (client) => ({
      kept: await client.get('kept'),
      pid: await pidOf(client),
    }));
    // Another server would have the data too, from the disk.
    expect(after).toEqual({ kept: 'yes', pid: before });
    await mine.close();
    expect(await serverState(pathOf(mine))).toBe('absent');
  });

  it.each([
    ['started', () => Promise.resolve()],
    ['adopted', async () => end((await otherProcess()).child)],
  ])('the owner exits without closing → the server that it has %s ends', async (_how, before) => {
    await before();
    const other = await otherProcess();
    expect(other.said).toBe('owned');
    await exits(other);
    await until(async () => (await serverState(join(dataDir, 'redis.sock'))) === 'absent');
  });

  it('a killed process left its lock file → it is not in the way', async () => {
    const gone = spawn('true');
    await once(gone, 'exit');
    await writeFile(join(dataDir, 'redis.lock'), `${gone.pid!}\n`);
    expect((await start()).owned).toBe(true);
  });

  it('path too long for a socket → the socket is elsewhere, the data is not', async () => {
    dataDir = join(root, 'long-'.repeat(20), 'longer-'.repeat(10));
    await mkdir(dataDir, { recursive: true });
    const embedded = await start();
    expect(Buffer.byteLength(pathOf(embedded))).toBeLessThanOrEqual(100);
    expect(await withClient(embedded, (client) => client.set('a', 'b'))).toBe('OK');
    expect((await stat(join(dataDir, 'appendonlydir'))).isDirectory()).toBe(true);
    await embedded.close();
    await rm(dirname(pathOf(embedded)), { recursive: true });
  });

  it('the server is killed → told in the log, started again with its data, ended by close', async () => {
    const lines: string[] = [];
    const embedded = await start((line) => lines.push(line));
    const kept = await withClient(embedded, async (client) => {
      await client.set('kept', 'yes');
      process.kill(pidsIn(lines)[0]!, 'SIGKILL');
      await until(() => pidsIn(lines).length === 2);
      // The very client that lost its connection, and nobody else, has to find the new server.
      await until(() => client.ping().then(isPong, () => false));
      return await client.get('kept');
    });
    expect(kept).toBe('yes');
    expect(lines[1]).toMatch(/^the embedded redis-server ended unexpectedly/);
    expect(embedded.owned).toBe(true);
    await embedded.close();
    await expectNothingLeft(embedded, lines);
  });

  it.each([
    ['waits', () => Promise.resolve(true)],
    ['starts', (lines: string[]) => isLocked(lines)],
  ])('closed while the next server %s → none is left', async (_case, isDue) => {
    const lines: string[] = [];
    const embedded = await start((line) => lines.push(line));
    process.kill(pidsIn(lines)[0]!, 'SIGKILL');
    await until(() => lines.length > 1);
    await until(() => isDue(lines));
    await embedded.close();
    await expectNothingLeft(embedded, lines);
  });

  it('the next server does not start → tried again until it does', async () => {
    const lines: string[] = [];
    const embedded = await start((line) => lines.push(line));
    await withClient(embedded, (client) => client.set('kept', 'yes'));
    const manifest = join(dataDir, 'appendonlydir', 'appendonly.aof.manifest');
    const good = await readFile(manifest);
    await writeFile(manifest, 'this is no manifest\n');
    process.kill(pidsIn(lines)[0]!, 'SIGKILL');
    await until(() => lines.filter((line) => line.includes('did not start')).length === 2);
    expect(embedded.owned).toBe(false);
    await writeFile(manifest, good);
    await until(() => embedded.owned);
    expect(await withClient(embedded, (client) => client.get('kept'))).toBe('yes');
  });

  it('the owner closes → one that had joined takes over, with the data', async () => {
    const owner = await start();
    const [second, third] = [await start(), await start()];
    await withClient(owner, (client) => client.set('kept', 'yes'));
    await owner.close();
    await until(() => second.owned || third.owned);
    expect(await withClient(second, (client) => client.get('kept'))).toBe('yes');
    expect([owner.owned, second.owned && third.owned]).toEqual([false, false]);
  });

  it('the owner is killed and its server ends → one that had joined starts another', async () => {
    const child = await otherOwner();
    const lines: string[] = [];
    const mine = await start((line) => lines.push(line));
    expect(mine.owned).toBe(false);
    await end(child);
    await withClient(mine, (client) => client.shutdown('NOSAVE').catch(() => undefined));
    await until(() => pidsIn(lines).length === 1);
    expect(mine.owned).toBe(true);
    expect(await withClient(mine, (client) => client.ping())).toBe('PONG');
  });

  it('joined, then closed → does not take over', async () => {
    const owner = await start();
    const lines: string[] = [];
    const other = await start((line) => lines.push(line));
    await other.close();
    await owner.close();
    expect(other.owned).toBe(false);
    await expectNothingLeft(other, lines);
  });

  it('an adopted server is killed → told in the log, another is started', async () => {
    await end(await otherOwner());
    const lines: string[] = [];
    const mine = await start((line) => lines.push(line));
    await withClient(mine, (client) => client.shutdown('NOSAVE').catch(() => undefined));
    await until(() => pidsIn(lines).length === 1);
    expect(lines[1]).toBe('the embedded redis-server ended unexpectedly');
    expect(await withClient(mine, (client) => client.ping())).toBe('PONG');
  });

  it('the server ends by itself → told in the log', async () => {
    const lines: string[] = [];
    const embedded = await start((line) => lines.push(line));
    await withClient(embedded, (client) => client.shutdown('NOSAVE').catch(() => undefined));
    await until(() => lines.length > 1);
    expect(lines[1]).toMatch(/^the embedded redis-server ended unexpectedly/);
  });

  it('the server does not start → its last lines are in the error, and the lock is free', async () => {
    const first = await start();
    await withClient(first, (client) => client.set('a', 'b'));
    await first.close();
    const manifest = join(dataDir, 'appendonlydir', 'appendonly.aof.manifest');
    const good = await readFile(manifest);
    await writeFile(manifest, 'this is no manifest\n');
    await expect(startEmbeddedRedis({ dataDir })).rejects.toThrow(
      /^redis-server did not start:\n[^]*manifest/i,
    );
    await writeFile(manifest, good);
    expect((await start()).owned).toBe(true);
  });
});
