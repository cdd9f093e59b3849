import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bounded } from '../../src/doctor/bounded.js';
import { type DoctorDeps, examine } from '../../src/doctor/doctor.js';
import { documentedUrls } from '../../src/doctor/documented-urls.js';
import type { Finding } from '../../src/doctor/finding.js';
import { createNetwork } from '../../src/doctor/network.js';
import { findingLines } from '../../src/doctor/report-text.js';
import { createTokenEndpoint } from '../../src/oauth/token-endpoint.js';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js';
import { environment } from '../support/app.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';

let [redis, simulator]: [TestRedis, Simulator] = [undefined!, undefined!];
let folder: string;

beforeAll(async () => {
  [redis, simulator] = await Promise.all([startRedis(), startSimulator()]);
  folder = await mkdtemp(join(tmpdir(), 'fc-doctor-'));
});

afterAll(async () => {
  await Promise.all([redis.stop(), simulator.close()]);
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() => rm(join(folder, '.env'), { force: true }));

const network = createNetwork({ timeoutMs: 2_000 });

function look(env: Record<string, string>, changes: Partial<DoctorDeps> = {}) {
  return examine({
    ...{ env, folder, network, nodeVersion: '24.0.0', offline: false },
    ...{ now: Date.now, elapsed: () => performance.now(), documented: documentedUrls },
    tokenEndpoint: createTokenEndpoint({ timeoutMs: 2_000, now: Date.now }),
    ...changes,
  });
}

const complete = () => environment({ simulator, redisUrl: redis.url, port: 9 });
const statusOf = (findings: readonly Finding[], check: string) =>
  findings.find((one) => one.check === check)?.status;
const problems = (findings: readonly Finding[]) =>
  findings.filter(({ status }) => status === 'problem').map(({ check }) => check);

describe('examine', () => {
  it('an installation that works → no problem; every check has a name of its own', async () => {
    const parts: string[] = [];
    const onPart = (done: number, of: number) => parts.push(`${done}/${of}`);
    const findings = await look(complete(), { onPart });
    expect(problems(findings)).toEqual([]);
    expect(statusOf(findings, 'fullscript.us-sandbox.credentials')).toBe('ok');
    expect(statusOf(findings, 'redis.commands')).toBe('ok');
    expect(statusOf(findings, 'clock.offset')).toBe('ok');
    const names = findings.map(({ check }) => check);
    expect(new Set(names).size).toBe(names.length);
    expect(parts.at(-1)).toBe(`${parts.length}/${parts.length}`);
    for (const { status, todo } of findings) {
      if (status === 'warning' || status === 'problem') expect(todo).toMatch(/.{10}/);
    }
  });

  it('a clock that is ten minutes ahead → a problem, by Redis and by the API', async () => {
    const now = () => Date.now() + 600_000;
    const found = (await look(complete(), { now })).find(({ check }) => check === 'clock.offset');
    expect(found).toMatchObject({ status: 'problem' });
    expect(found?.found).toMatch(/10 min ahead of Redis/);
    expect(found?.found).toContain(`10 min ahead of 127.0.0.1:${simulator.port}`);
  });

  it('a configuration that is wrong → that, and what can be looked at all the same', async () => {
    const env = { ...complete(), PORT: 'many', SESSION_IDLE_HOURS: '-1' };
    const findings = await look(env);
    expect(problems(findings)).toEqual(['configuration.PORT', 'configuration.SESSION_IDLE_HOURS']);
    expect(statusOf(findings, 'fullscript.us-sandbox.credentials')).toBe('ok');
    expect(statusOf(findings, 'redis.connection')).toBe('ok');
  });

  it('Redis and registration cannot be read → skipped, not guessed', async () => {
    const env = { ...complete(), REDIS_URL: 'http://x', FULLSCRIPT_CLIENT_SECRET: '' };
    const findings = await look(env);
    expect(statusOf(findings, 'redis.connection')).toBe('skipped');
    expect(statusOf(findings, 'fullscript.registration')).toBe('skipped');
  });

  it('nothing set → the simulator, an embedded store, and no file is made', async () => {
    const dataDir = join(folder, 'none');
    const findings = await look({ DATA_DIR: dataDir, BASE_URL: 'http://127.0.0.1:9' });
    expect(statusOf(findings, 'fullscript.simulator')).toBe('ok');
    expect(problems(findings)).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('what .env has and nobody reads → said', async () => {
    await writeFile(join(folder, '.env'), 'REDIS_URI=x\n', { mode: 0o600 });
    const findings = await look(complete());
    expect(statusOf(findings, 'configuration.unknown.REDIS_URI')).toBe('warning');
    expect(statusOf(findings, 'machine.env-file')).toBe('ok');
  });

  it('offline → no name is looked up, and nobody beyond this machine is asked', async () => {
    const touched: string[] = [];
    const refuse = (what: string) => () => {
      touched.push(what);
      return Promise.reject(new Error('not offline'));
    };
    const findings = await look(
      {
        ...complete(),
        BASE_URL: 'https://portal.example.com',
        REDIS_URL: 'redis://redis.example.com',
        FULLSCRIPT_API_URL: '',
      },
      {
        offline: true,
        network: { lookup: refuse('lookup'), connect: refuse('connect'), get: refuse('get') },
        tokenEndpoint: { exchangeCode: refuse('token endpoint') },
      },
    );
    expect(touched).toEqual([]);
    expect(problems(findings)).toEqual([]);
    expect(statusOf(findings, 'redis.connection')).toBe('skipped');
    expect(statusOf(findings, 'redirect.base-url')).toBe('skipped');
    expect(statusOf(findings, 'fullscript.us-sandbox.credentials')).toBe('skipped');
  });

  it('whatever the secrets are → none is in what it says', async () => {
    const text = fc.stringMatching(/^[A-Za-z0-9]{12,40}$/);
    await fc.assert(
      fc.asyncProperty(fc.tuple(text, text, text), fc.boolean(), async (words, isWrong) => {
        const [one, two, three] = words;
        const key = randomBytes(32).toString('base64');
        const env = {
          ...complete(),
          FULLSCRIPT_CLIENT_SECRET: `client-${one}`,
          FULLSCRIPT_CLIENT_SECRT: `slip-${one}`,
          SESSION_SECRET: `session-${two}`,
          METRICS_TOKEN: `metrics-${two}`,
          TOKEN_ENCRYPTION_KEYS: isWrong ? `k1:${key}x` : `k1:${key}`,
          REDIS_URL: redis.url.replace('unix://', `unix://user-${three}:pass-${three}@`),
        };
        const findings = await look(env);
        const said = JSON.stringify(findings) + findingLines(findings).join('\n');
        for (const secret of [one, two, three, key, key.slice(0, 20)]) {
          expect(said).not.toContain(secret);
        }
      }),
      { numRuns: 10 },
    );
  });
});

describe('bounded', () => {
  it('a part that hangs → a problem, in time', async () => {
    const { findings } = await bounded('a.part', 20, () => new Promise(() => undefined));
    expect(findings).toMatchObject([{ check: 'a.part', status: 'problem' }]);
  });

  it('a part that fails → a problem without the message, which may hold anything', async () => {
    const { findings } = await bounded('a.part', 1_000, () => Promise.reject(new Error('hush')));
    expect(findings).toMatchObject([{ check: 'a.part', status: 'problem' }]);
    expect(JSON.stringify(findings)).not.toContain('hush');
  });
});

describe('findingLines', () => {
  it('by group, aligned, with what to do below and the tally at the end', () => {
    const lines = findingLines([
      { check: 'redis.version', status: 'ok', found: '7.2.4' },
      { check: 'configuration.PORT', status: 'problem', found: 'is wrong', todo: 'Correct it.' },
      { check: 'redis.role', status: 'warning', found: 'odd', todo: 'Look.' },
      { check: 'clock.offset', status: 'skipped', found: 'alone' },
    ]);
    expect(lines).toEqual([
      ...['Configuration', '  PROBLEM  PORT  is wrong', '           -> Correct it.', ''],
      ...['Clock', '  skipped  offset  alone', ''],
      ...[
        'Redis',
        '  ok       version  7.2.4',
        '  warning  role     odd',
        '           -> Look.',
        '',
      ],
      '1 problem, 1 warning, 1 ok, 1 skipped.',
    ]);
  });
});
