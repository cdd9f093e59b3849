import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { environment, freePort } from '../../support/app.js';
import { createBrowser } from '../../support/browser.js';
import { type KnownSecret, type Material, record } from '../../support/leaks/recorder.mjs';
import { scan } from '../../support/leaks/scan.js';
import { type ServerProcess, ready, startProcess } from '../../support/process.js';
import { type Database, openDatabase } from '../../support/shared-redis.js';
import { until } from '../../support/until.js';

/** No secret in what processes print, however they end; and the scan of a whole run that sees to it. */

const CRASH = fileURLToPath(new URL('../../support/leaks/crash.mjs', import.meta.url));

describe('processes', () => {
  const secrets: KnownSecret[] = [];
  const materials: Material[] = [];
  const running: ServerProcess[] = [];
  let folder: string;
  let redis: Database;
  let simulator: Simulator;
  let env: ReturnType<typeof environment>;
  let stop: () => void;

  beforeAll(async () => {
    stop = record({
      secret: (secret) => secrets.push(secret),
      material: (material) => materials.push(material),
    });
    folder = await mkdtemp(join(tmpdir(), 'fc-crash-'));
    [redis, simulator] = await Promise.all([openDatabase(), startSimulator()]);
    env = environment({ simulator, redisUrl: redis.url, port: await freePort() });
  });

  beforeEach(() => {
    materials.length = 0;
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
    simulator.faults.reset();
  });

  afterAll(async () => {
    await simulator.close();
    await redis.stop();
    stop();
    await rm(folder, { recursive: true, force: true });
  });

  function start(own: Record<string, string> = {}): ServerProcess {
    const server = startProcess({ cwd: folder, env: { ...env, LOG_LEVEL: 'trace', ...own } });
    running.push(server);
    return server;
  }

  /** Its whole output, once there is no more of it. */
  async function outputOf(server: ServerProcess): Promise<Material[]> {
    await once(server.child, 'close');
    return materials.filter(({ channel }) => channel === 'output');
  }

  it.each([
    ['an error nobody catches', 'SIGUSR2'],
    ['a rejection nobody handles', 'SIGHUP'],
  ] as const)(
    'SR-39 %s in the middle of a refresh → the last words hold no secret',
    async (_what, signal) => {
      const server = start({ NODE_OPTIONS: `--import ${CRASH}`, FULLSCRIPT_PKCE: 'on' });
      await ready(server, env.BASE_URL);
      const browser = createBrowser(env.BASE_URL);
      await browser.signIn(simulator.people[0]!.id);
      await browser.consent({ person: simulator.people[1]!.id });
      simulator.expireAccessTokens();
      simulator.faults.add({ endpoint: 'token', kind: 'delay', ms: 60_000 });
      const before = simulator.stats.refreshes;
      const call = browser.send('/api/fullscript/clinic').catch(() => undefined);
      await until(() => simulator.stats.refreshes > before);
      const output = outputOf(server);
      server.child.kill(signal);
      await call;
      const said = await output;
      expect(await server.exited).toBe(1);
      expect(said.map(({ text }) => text).join('')).toContain('nobody catches this');
      const kinds = new Set(secrets.map(({ kind }) => kind));
      for (const kind of ['access token', 'code verifier', 'sealing key', 'state']) {
        expect(kinds).toContain(kind);
      }
      expect(scan(secrets, said)).toEqual([]);
      const last = {
        ...said.at(-1)!,
        text: `Error: ${simulator.issued.refreshTokens.at(-1)!} is bad`,
      };
      expect(scan(secrets, [last])).toMatchObject([{ kind: 'refresh token', channel: 'output' }]);
    },
  );

  const wrongKey = Buffer.from('a key that is too short').toString('base64');
  it.each<[string, Record<string, string>, string]>([
    ['a sealing key', { TOKEN_ENCRYPTION_KEYS: `k1:${wrongKey}` }, 'TOKEN_ENCRYPTION_KEYS'],
    ['a store', { REDIS_URL: 'redis://me:a-password-of-redis@127.0.0.1:99999/x' }, 'REDIS_URL'],
    ['a secret', { NODE_ENV: 'production', SESSION_SECRET: 'a-short-secret' }, 'SESSION_SECRET'],
  ])('SR-39 a server that cannot start for %s → names it, not its value', async (...about) => {
    const [, wrong, variable] = about;
    const server = start(wrong);
    const said = await outputOf(server);
    expect(await server.exited).toBe(78);
    expect(server.output()).toContain(variable);
    const values = secrets.map(({ value }) => value);
    const value = variable === 'REDIS_URL' ? 'a-password-of-redis' : wrong[variable]!;
    expect(values).toContain(value.replace('k1:', ''));
    expect(scan(secrets, said)).toEqual([]);
  });

  it('SR-39 a server whose port is taken → says so without a secret', async () => {
    await ready(start(), env.BASE_URL);
    const server = start();
    const said = await outputOf(server);
    expect(await server.exited).toBe(1);
    expect(server.output()).toContain('EADDRINUSE');
    expect(scan(secrets, said)).toEqual([]);
  });
});

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const JEST = ['--import', './test/jest/register.mjs', 'node_modules/jest/bin/jest.js'];

describe('a whole run of jest', () => {
  it('a token in an answer, a log line and Redis → red, and says where', async () => {
    // A limit of memory makes jest use workers, which is how it runs many suites.
    const { default: config } = (await import(`${ROOT}jest.all.config.js`)) as { default: object };
    const own = { ...config, rootDir: ROOT, workerIdleMemoryLimit: '4GB' };
    const chosen = ['--config', JSON.stringify(own), '--testMatch', '**/leaks/fixture/leaking.ts'];
    const options = { cwd: ROOT, env: { PATH: process.env['PATH'] } };
    const { code, output } = await new Promise<{ code: number; output: string }>((resolve) => {
      execFile(process.execPath, [...JEST, ...chosen], options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), output: `${stdout}${stderr}` }),
      );
    });
    expect(output).toContain('1 passed');
    const test = 'test/support/leaks/fixture/leaking.ts: and does not notice';
    const body = /access token [\w-]{6}…, base64, in body: GET \/page → 200 \((.*)\)/.exec(output);
    expect(body?.[1]).toBe(test);
    const log = /access token [\w-]{6}…, as it is, in log: startApp \((.*)\)/.exec(output);
    expect(log?.[1]).toBe(test);
    expect(output).toMatch(/refresh token [\w-]{6}…, as it is, in redis: dump\.rdb/);
    expect(output).not.toMatch(/[\w-]{43}/);
    expect(code).toBe(1);
  });
});
