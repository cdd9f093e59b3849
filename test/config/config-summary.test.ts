import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { configSummary } from '../../src/config-summary.js';
import { secretsWithoutMaking } from '../../src/config/generated-secrets.js';
import { loadConfig } from '../../src/config.js';
import { serverWish } from '../../src/server-arguments.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fc-summary-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const PRODUCTION = {
  NODE_ENV: 'production',
  BASE_URL: 'https://portal.example.com',
  TRUST_PROXY: '1',
  FULLSCRIPT_CLIENT_ID: 'client-1',
  FULLSCRIPT_CLIENT_SECRET: 'client-secret-of-this-test',
  FULLSCRIPT_CA_CLIENT_ID: 'client-2',
  FULLSCRIPT_CA_CLIENT_SECRET: 'client-secret-of-canada',
  // Nobody is there, which does not matter.
  REDIS_URL: 'rediss://me:password-of-redis@redis.example.com:1',
  SESSION_SECRET: `${'s'.repeat(40)},${'t'.repeat(40)}`,
  TOKEN_ENCRYPTION_KEYS: `new:${randomBytes(32).toString('base64')},old:${randomBytes(32).toString('base64')}`,
  METRICS_TOKEN: 'token-of-the-metrics',
};

const summaryOf = (env: Record<string, string>) =>
  configSummary(loadConfig(env, { secretsFrom: secretsWithoutMaking }), env);

describe('configSummary', () => {
  it('everything set → what a server would be, and no secret', () => {
    const text = summaryOf(PRODUCTION);
    for (const part of [
      'us-sandbox',
      'ca-sandbox',
      'api-ca-snd.fullscript.io',
      'redirect URI https://portal.example.com/oauth/callback',
      'rediss://redis.example.com:1/0',
      'new, old; the first one seals',
      '8 h idle, 168 h at most; 100 for each user',
      '2; the first one signs',
    ]) {
      expect(text).toContain(part);
    }
    const secrets = ['client-secret', 'password-of', 'ssss', 'tttt', 'token-of', 'me:'];
    const keys = PRODUCTION.TOKEN_ENCRYPTION_KEYS.split(/[,:]/).filter((part) => part.length > 9);
    for (const secret of [...secrets, ...keys]) expect(text).not.toContain(secret);
  });

  it('/metrics open to everybody, no proxy trusted → said in warnings', () => {
    expect(summaryOf(PRODUCTION)).not.toContain('Warning');
    const text = summaryOf({ ...PRODUCTION, METRICS_TOKEN: '', TRUST_PROXY: '' });
    expect(text).toMatch(/^Warning: .*TRUST_PROXY is unset/m);
    expect(text).toMatch(/^Warning: METRICS_TOKEN is unset: \/metrics is open to everybody/m);
  });

  it('nothing set → the simulator, the embedded store, and secrets that are made at the start', async () => {
    const env = { DATA_DIR: folder };
    const text = summaryOf(env);
    expect(text).toMatch(/Fullscript +the simulator in the server/);
    expect(text).toMatch(/store +embedded, in /);
    expect(text).toContain('SESSION_SECRET, TOKEN_ENCRYPTION_KEYS, and kept in DATA_DIR');
    expect(await readdir(folder)).toEqual([]);
    const away = { ...env, SIMULATOR_URL: 'http://simulator:4010' };
    expect(summaryOf(away)).toContain('the simulator at http://simulator:4010');
  });

  it('secrets could not be made → a problem of DATA_DIR', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    expect(() => summaryOf({ DATA_DIR: join(file, 'x') })).toThrow('DATA_DIR');
    await rm(file);
  });
});

describe('serverWish', () => {
  it.each([
    [[], 'start'],
    [['--check-config'], 'check-config'],
    [['--check-config', '-h'], 'help'],
    [['-v'], 'version'],
    [['x'], 'wrong use'],
    [['--check-confg'], 'wrong use'],
    [['--check-config=yes'], 'wrong use'],
  ])('%j → %s', (args, wish) => {
    expect(serverWish(args).wish).toBe(wish);
  });
});
