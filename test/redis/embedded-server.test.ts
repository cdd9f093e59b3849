import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closeRedis, connectRedis, waitUntilReady } from '../../src/redis/client.js';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../src/redis/embedded-server.js';
import { serverState } from '../../src/redis/server-socket.js';
import { until } from '../support/contract.js';

const MODULE = fileURLToPath(new URL('../../src/redis/embedded-server.ts', import.meta.url));

let root = '';
let dataDir = '';
const open: EmbeddedRedis[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fc-embedded-'));
  dataDir = root;
});

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await rm(root, { recursive: true, force: true });
});

async function start(log?: (message: string) => void): Promise<EmbeddedRedis> {
  const embedded = await startEmbeddedRedis({ dataDir, ...(log && { log }) });
  open.push(embedded!);
  return embedded!;
}

const pathOf = ({ address }: EmbeddedRedis) => (address.kind === 'socket' ? address.path : '');

async function withClient<T>(
  embedded: EmbeddedRedis,
  use: (client: ReturnType<typeof connectRedis>) => Promise<T>,
): Promise<T> {
  const client = connectRedis(embedded.address);
  await waitUntilReady(client, 5_000);
  try {
    return await use(client);
  } finally {
    await closeRedis(client);
  }
}

/** Another process of ours, which says `owned` or `joined` and then waits to be killed. */
async function otherProcess(): Promise<{ child: ChildProcess; said: string }> {
  const script = `
    import { startEmbeddedRedis } from ${JSON.stringify(MODULE)};
    const embedded = await startEmbeddedRedis({ dataDir: ${JSON.stringify(dataDir)} });
    process.stdout.write(embedded.owned ? 'owned' : 'joined');
    setInterval(() => {}, 1000);`;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, said: said.toString() };
}

async function end(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
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
    const adopter = await start();
    expect(adopter.owned).toBe(true);
  });

  it('the owner was killed → its server goes on, is adopted with its data, and ends with us', async () => {
    const { child, said } = await otherProcess();
    expect(said).toBe('owned');
    await end(child);
    const lines: string[] = [];
    const mine = await start((line) => lines.push(line));
    expect(mine.owned).toBe(true);
    expect(lines).toEqual(['adopted an embedded redis-server whose owner is gone']);
    expect(await withClient(mine, (client) => client.ping())).toBe('PONG');
    await mine.close();
    expect(await serverState(pathOf(mine))).toBe('absent');
  });

  it('a killed process left its lock file → it is not in the way', async () => {
    const gone = spawn(process.execPath, ['-e', '']);
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
