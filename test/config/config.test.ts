import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Config, loadConfig } from '../../src/config.js';
import { generatedSecrets } from '../../src/config/generated-secrets.js';
import { isLoopback } from '../../src/config/loopback.js';
import { ConfigError, type Problem } from '../../src/config/problem.js';
import { PER_REGION, VARIABLES, type VariableName } from '../../src/config/variables.js';
import { shown, thrown } from '../fixtures/shown.js';

type Env = Record<string, string | undefined>;

const KEY_1 = Buffer.alloc(32, 1);
const KEY_2 = Buffer.alloc(32, 2);
const KEYS = `k2:${KEY_2.toString('base64')},k1:${KEY_1.toString('base64')}`;
const SESSION_SECRET = 'session-secret-of-thirty-two-chars-1';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'fc-config-'));
});

afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

function load(env: Env = {}): Config {
  return loadConfig({ DATA_DIR: dataDir, ...env });
}

function problemsOf(env: Env): readonly Problem[] {
  const error = thrown(() => load(env));
  if (!(error instanceof ConfigError)) throw error;
  return error.problems;
}

/** The names of the variables that a problem was found with, each as often as it was named. */
function blamed(env: Env): string[] {
  return problemsOf(env).map(({ variable }) => variable);
}

const PRODUCTION: Env = {
  NODE_ENV: 'production',
  BASE_URL: 'https://portal.example.com',
  FULLSCRIPT_ENVIRONMENT: 'production',
  FULLSCRIPT_CLIENT_ID: 'client-1',
  FULLSCRIPT_CLIENT_SECRET: 'client-secret-1',
  REDIS_URL: 'rediss://user:redis-password-1@redis.example.com:6380/2',
  SESSION_SECRET,
  TOKEN_ENCRYPTION_KEYS: KEYS,
};

const CLIENT: Env = {
  FULLSCRIPT_CLIENT_ID: 'client-1',
  FULLSCRIPT_CLIENT_SECRET: 'client-secret-1',
};

/** Keys print nothing of themselves, so they are compared by what they hold. */
function exported(keys: Config['sealingKeys']) {
  return keys.map(({ id, key }) => ({ id, key: key.export() }));
}

describe('loadConfig, nothing set', () => {
  it('→ the documented defaults, the simulator and the embedded store', () => {
    const { session, sealingKeys, ...rest } = load();
    expect(rest).toEqual({
      warnings: [],
      openSignIns: { lifetimeMs: 3_600_000, perAddress: 1_000 },
      rateLimits: { oauth: 300, api: 60_000, address: 300_000 },
      callsPerUser: 32,
      production: false,
      listen: { host: '127.0.0.1', port: 3000 },
      baseUrl: 'http://localhost:3000',
      trustProxy: false,
      logLevel: 'info',
      metricsToken: undefined,
      registrations: [],
      simulator: {
        region: 'us',
        port: undefined,
        url: undefined,
        publicUrl: undefined,
        redirectUri: 'http://localhost:3000/oauth/callback',
        scope: [],
      },
      store: 'embedded',
      dataDir,
    });
    expect(session).toMatchObject({ idleMs: 8 * 3_600_000, maxMs: 168 * 3_600_000 });
    expect(session.sameSite).toBe('lax');
    expect(session.secrets).toHaveLength(1);
    expect(sealingKeys).toHaveLength(1);
  });

  it('every variable empty or blank → the same as unset', () => {
    const plain = Object.values(VARIABLES).map(({ name }): string => name);
    const perRegion = PER_REGION.flatMap((name) =>
      ['US', 'CA'].map((region) => VARIABLES[name].name.replace('_', `_${region}_`)),
    );
    const names = [...plain, ...perRegion].filter((name) => name !== 'DATA_DIR');
    const blank = Object.fromEntries(names.map((name, at) => [name, at % 2 === 0 ? '' : ' \t ']));
    expect(JSON.stringify(load(blank))).toBe(JSON.stringify(load()));
  });

  it('variables of others → ignored', () => {
    expect(load({ PATH: '/bin', FULLSCRIPT_MX_CLIENT_ID: 'x', PORTS: 'x' }).listen.port).toBe(3000);
  });
});

/** For each variable: a value and what becomes of it, and values that are refused. */
const TABLE: Record<
  VariableName,
  { value: string; with?: Env; read: (config: Config) => unknown; as: unknown; refused?: string[] }
> = {
  port: {
    value: ' 8080 ',
    read: ({ listen, baseUrl }) => [listen.port, baseUrl],
    as: [8080, 'http://localhost:8080'],
    refused: ['abc', '80.5', '65536'],
  },
  host: { value: '0.0.0.0', read: ({ listen }) => listen.host, as: '0.0.0.0' },
  baseUrl: {
    value: 'https://portal.example.com/',
    read: ({ baseUrl }) => baseUrl,
    as: 'https://portal.example.com',
    refused: [
      'portal.example.com',
      'ftp://portal.example.com',
      'https://portal.example.com/path',
      'https://user:password@portal.example.com',
    ],
  },
  region: {
    value: 'ca',
    with: CLIENT,
    read: ({ registrations }) => registrations[0]?.id,
    as: 'ca-sandbox',
    refused: ['eu', 'US'],
  },
  environment: {
    value: 'production',
    with: CLIENT,
    read: ({ registrations }) => registrations[0]?.server.apiUrl,
    as: 'https://api-us.fullscript.io/api',
    refused: ['prod'],
  },
  clientId: {
    value: 'client-2',
    with: CLIENT,
    read: ({ registrations }) => registrations[0]?.clientId,
    as: 'client-2',
  },
  clientSecret: {
    value: 'client-secret-2',
    with: CLIENT,
    read: ({ registrations }) => registrations[0]?.clientSecret.reveal(),
    as: 'client-secret-2',
  },
  redirectUri: {
    value: 'https://Portal.example.com:443/a/../back?x=%20',
    with: CLIENT,
    read: ({ registrations }) => registrations[0]?.redirectUri,
    as: 'https://Portal.example.com:443/a/../back?x=%20',
    refused: ['/oauth/callback', 'ftp://h/x', 'https://h/cb#x'],
  },
  apiUrl: {
    value: 'https://api-us.fullscript.com/api/',
    with: CLIENT,
    read: ({ registrations }) => registrations[0]?.server,
    as: {
      apiUrl: 'https://api-us.fullscript.com/api',
      authorizeUrl: 'https://api-us.fullscript.com/api/oauth/authorize',
      tokenUrl: 'https://api-us.fullscript.com/api/oauth/token',
      revokeUrl: 'https://api-us.fullscript.com/api/oauth/revoke',
    },
    refused: ['api-us.fullscript.com', 'file:///etc/passwd'],
  },
  authorizeUrl: {
    value: 'https://us-snd.fullscript.io/oauth/authorize',
    with: CLIENT,
    read: ({ registrations }) => [
      registrations[0]?.server.authorizeUrl,
      registrations[0]?.server.tokenUrl,
    ],
    as: [
      'https://us-snd.fullscript.io/oauth/authorize',
      'https://api-us-snd.fullscript.io/api/oauth/token',
    ],
    refused: ['us-snd.fullscript.io/oauth/authorize'],
  },
  tokenUrl: {
    value: 'https://token.example.com/t',
    with: CLIENT,
    read: ({ registrations }) => registrations[0]?.server.tokenUrl,
    as: 'https://token.example.com/t',
    refused: ['token'],
  },
  revokeUrl: {
    value: 'https://revoke.example.com/r',
    with: CLIENT,
    read: ({ registrations }) => registrations[0]?.server.revokeUrl,
    as: 'https://revoke.example.com/r',
    refused: ['revoke'],
  },
  pkce: {
    value: 'on',
    with: CLIENT,
    read: ({ registrations }) => registrations[0]?.pkce,
    as: true,
    refused: ['true'],
  },
  issuer: {
    value: 'https://us-snd.example.com',
    with: CLIENT,
    read: ({ registrations }) => registrations[0]?.issuer,
    as: 'https://us-snd.example.com',
    refused: ['us-snd.example.com', 'ftp://h'],
  },
  scope: {
    value: 'clinic:read  patients:read',
    with: CLIENT,
    read: ({ registrations }) => registrations[0]?.scope,
    as: ['clinic:read', 'patients:read'],
    refused: ['clinic"read', 'clínic:read'],
  },
  redisUrl: {
    value: 'redis://redis.example.com:6390/3',
    read: ({ store }) => store,
    as: { kind: 'single', host: 'redis.example.com', port: 6390, tls: false, db: 3 },
    refused: ['localhost:6379', 'http://localhost', 'redis://h1,h2'],
  },
  redisPrefix: {
    value: 'clinic-b',
    with: { REDIS_URL: 'redis://h' },
    read: ({ store, storePrefix }) => [store, storePrefix],
    as: [
      { kind: 'single', host: 'h', port: 6379, tls: false, db: 0, prefix: 'clinic-b' },
      'clinic-b',
    ],
    refused: ['a:b', 'a{b', 'a*', '-a', 'a b', 'a'.repeat(33)],
  },
  sessionSecret: {
    value: ' new-secret , old-secret ',
    read: ({ session }) => session.secrets.map((one) => one.reveal()),
    as: ['new-secret', 'old-secret'],
    refused: [',', 'a,,b'],
  },
  encryptionKeys: {
    value: KEYS,
    read: ({ sealingKeys }) => exported(sealingKeys),
    as: [
      { id: 'k2', key: KEY_2 },
      { id: 'k1', key: KEY_1 },
    ],
    refused: [
      'k1',
      `:${KEY_1.toString('base64')}`,
      `k1:${Buffer.alloc(31).toString('base64')}`,
      `k 1:${KEY_1.toString('base64')}`,
      `${'k'.repeat(33)}:${KEY_1.toString('base64')}`,
      `k1:${KEY_1.toString('base64')},k1:${KEY_2.toString('base64')}`,
      `k1:${KEY_1.toString('base64').replace('A', '!')}`,
    ],
  },
  sessionIdleHours: {
    value: '0.5',
    read: ({ session }) => session.idleMs,
    as: 1_800_000,
    refused: ['0', 'eight', '2161'],
  },
  sessionSameSite: {
    value: 'strict',
    read: ({ session }) => session.sameSite,
    as: 'strict',
    refused: ['none', 'Lax'],
  },
  sessionMaxHours: {
    value: '2160',
    read: ({ session }) => session.maxMs,
    as: 2160 * 3_600_000,
    refused: ['2160.5'],
  },
  sessionsPerUser: {
    value: '0',
    read: ({ session }) => session.perUser,
    as: 0,
    refused: ['-1', '1.5', 'few'],
  },
  trustProxy: {
    value: '2',
    read: ({ trustProxy }) => trustProxy,
    as: 2,
    refused: ['true', 'yes', '10.0.0.0/99', '10.0.0.0/0'],
  },
  callsPerUser: {
    value: '8',
    read: ({ callsPerUser }) => callsPerUser,
    as: 8,
    refused: ['0', '257', '-1', 'many'],
  },
  signInMinutes: {
    value: '90',
    read: ({ openSignIns }) => openSignIns,
    as: { lifetimeMs: 5_400_000, perAddress: 1_000 },
    refused: ['9', '1441', '1.5', 'an hour'],
  },
  signInsPerAddress: {
    value: '0',
    read: ({ openSignIns }) => openSignIns,
    as: { lifetimeMs: 3_600_000, perAddress: 0 },
    refused: ['-1'],
  },
  rateLimitOAuth: {
    value: '30',
    read: ({ rateLimits }) => rateLimits,
    as: { oauth: 30, api: 60_000, address: 300_000 },
    refused: ['-1', '1000000000'],
  },
  rateLimitApi: {
    value: '0',
    read: ({ rateLimits }) => rateLimits,
    as: { oauth: 300, api: 0, address: 300_000 },
  },
  rateLimitAddress: {
    value: '999999999',
    read: ({ rateLimits }) => rateLimits,
    as: { oauth: 300, api: 60_000, address: 999_999_999 },
  },
  logLevel: {
    value: 'silent',
    read: ({ logLevel }) => logLevel,
    as: 'silent',
    refused: ['INFO'],
  },
  metricsToken: {
    value: 'metrics-token-1',
    read: ({ metricsToken }) => metricsToken?.reveal(),
    as: 'metrics-token-1',
  },
  dataDir: {
    value: join(tmpdir(), 'fc-config-elsewhere', '..', 'fc-config-here'),
    with: { SESSION_SECRET, TOKEN_ENCRYPTION_KEYS: KEYS },
    read: (config) => config.dataDir,
    as: join(tmpdir(), 'fc-config-here'),
  },
  simulatorPort: {
    value: '0',
    read: ({ simulator }) => simulator?.port,
    as: 0,
    refused: ['70000'],
  },
  simulatorUrl: {
    value: 'http://simulator:4010/',
    read: ({ simulator }) => simulator?.url,
    as: 'http://simulator:4010',
    refused: ['simulator:4010', 'http://simulator:4010/api'],
  },
  simulatorPublicUrl: {
    value: 'http://localhost:4010/',
    read: ({ simulator }) => simulator?.publicUrl,
    as: 'http://localhost:4010',
    refused: ['http://localhost:4010/?x'],
  },
};

const ROWS = (Object.keys(TABLE) as VariableName[]).map((name) => ({
  variable: VARIABLES[name].name,
  ...TABLE[name],
}));

describe('loadConfig, one variable', () => {
  it.each(ROWS)('$variable set → read', (row) => {
    expect(row.read(load({ ...row.with, [row.variable]: row.value }))).toEqual(row.as);
  });

  it.each(
    ROWS.flatMap((row) => (row.refused ?? []).map((value) => [row.variable, value, row] as const)),
  )('%s=%s → one problem, and it names the variable', (variable, value, row) => {
    const error = thrown(() => load({ ...row.with, [variable]: value }));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ code: 'configuration_invalid', problems: [{ variable }] });
    expect((error as ConfigError).problems).toHaveLength(1);
    expect((error as ConfigError).message).toContain(`\n  ${variable} `);
  });

  it.each<[string, unknown]>([
    ['false', false],
    ['0', false],
    ['1', 1],
    ['loopback', 'loopback'],
    ['loopback, 10.0.0.0/8', 'loopback, 10.0.0.0/8'],
    ['::1', '::1'],
  ])('TRUST_PROXY=%s → as Express takes it', (value, expected) => {
    expect(load({ TRUST_PROXY: value }).trustProxy).toBe(expected);
  });

  it('TOKEN_ENCRYPTION_KEYS in URL-safe base64, with blanks → the same key', () => {
    const key = Buffer.alloc(32, 0xfb);
    const { sealingKeys } = load({ TOKEN_ENCRYPTION_KEYS: ` k_1-a:${key.toString('base64url')} ` });
    expect(exported(sealingKeys)).toEqual([{ id: 'k_1-a', key }]);
  });

  it("the example of every variable's documentation → is accepted", () => {
    const env = Object.fromEntries(
      Object.values(VARIABLES).map(({ name, example }) => [name, example]),
    );
    expect(load({ ...env, DATA_DIR: dataDir }).registrations).toHaveLength(1);
  });
});

/** A secret value that is a good key as well. */
const MARKED = Buffer.from('sEcReT-2f9b-0123456789abcdef-xyz').toString('base64');
const markedTwice = { FULLSCRIPT_US_CLIENT_ID: 'x', FULLSCRIPT_US_CLIENT_SECRET: MARKED };

describe('loadConfig, several problems', () => {
  it('→ all of them at once, in words, with examples', () => {
    const env = { PORT: 'x', FULLSCRIPT_REGION: 'eu', LOG_LEVEL: 'x', FULLSCRIPT_CLIENT_ID: 'c' };
    expect(blamed(env)).toEqual([
      'PORT',
      'FULLSCRIPT_REGION',
      'LOG_LEVEL',
      'FULLSCRIPT_CLIENT_SECRET',
    ]);
    expect((thrown(() => load(env)) as ConfigError).message).toBe(
      [
        'The configuration has 4 problems:',
        '  PORT is not a whole number (for example 3000)',
        '  FULLSCRIPT_REGION is neither us nor ca (for example us)',
        '  LOG_LEVEL is not a log level of pino (for example info)',
        '  FULLSCRIPT_CLIENT_SECRET is missing while FULLSCRIPT_CLIENT_ID is set',
      ].join('\n'),
    );
  });

  it('one problem → singular', () => {
    expect((thrown(() => load({ PORT: 'x' })) as ConfigError).message).toBe(
      'The configuration has a problem:\n  PORT is not a whole number (for example 3000)',
    );
  });

  it('a DATA_DIR that cannot be used → named, with the reason', () => {
    const file = join(dataDir, 'a-file');
    writeFileSync(file, '');
    const error = thrown(() => load({ DATA_DIR: join(file, 'below') }));
    expect(error).toMatchObject({ problems: [{ variable: 'DATA_DIR' }] });
    expect((error as ConfigError).message).toContain('ENOTDIR');
  });

  it('the answer → frozen all the way down', () => {
    const config = load();
    for (const part of [config, config.listen, config.session, config.session.secrets]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it.each([
    '',
    '/portal',
    '/portal/x',
    '/api/cb',
    '/oauth/authorize',
    '/oauth/disconnect',
    '/sign-out',
  ])('a redirect URI at our own "%s" → refused', (path) => {
    const FULLSCRIPT_REDIRECT_URI = `https://portal.example.com${path}`;
    const env = {
      FULLSCRIPT_CLIENT_ID: 'a',
      FULLSCRIPT_CLIENT_SECRET: 'b',
      FULLSCRIPT_REDIRECT_URI,
    };
    expect(blamed(env)).toEqual(['FULLSCRIPT_REDIRECT_URI']);
  });

  it('an issuer for all regions → refused: each has its own', () => {
    const regions = { FULLSCRIPT_US_CLIENT_ID: 'a', FULLSCRIPT_US_CLIENT_SECRET: 'b' };
    const issuer = { FULLSCRIPT_ISSUER: 'https://auth.example.com' };
    expect(blamed({ ...regions, ...issuer })).toEqual(['FULLSCRIPT_ISSUER']);
    const own = load({ ...regions, FULLSCRIPT_US_ISSUER: 'https://us.example.com' });
    expect(own.registrations[0]?.issuer).toBe('https://us.example.com');
  });

  it('PORT=0 without BASE_URL → BASE_URL is needed', () => {
    expect(blamed({ PORT: '0' })).toEqual(['BASE_URL']);
    expect(load({ PORT: '0', BASE_URL: 'http://localhost:4000' }).listen.port).toBe(0);
  });

  it('secret values in every wrong place → in no message, field or stack', () => {
    const marker = 'sEcReT-2f9b';
    const error = thrown(() =>
      load({
        NODE_ENV: 'production',
        PORT: marker,
        BASE_URL: `https://user:${marker}@portal.example.com`,
        FULLSCRIPT_REGION: marker,
        FULLSCRIPT_ENVIRONMENT: marker,
        FULLSCRIPT_CLIENT_SECRET: marker,
        FULLSCRIPT_CA_CLIENT_SECRET: marker,
        FULLSCRIPT_API_URL: `ftp://user:${marker}@h`,
        FULLSCRIPT_REDIRECT_URI: `http://user:${marker}@portal.example.com/x?code=${marker}`,
        FULLSCRIPT_PKCE: marker,
        REDIS_URL: `redis://user:${marker}@${marker}@host/${marker}`,
        SESSION_SECRET: `${marker},`,
        TOKEN_ENCRYPTION_KEYS: `k1:${marker}`,
        SESSION_IDLE_HOURS: marker,
        LOG_LEVEL: marker,
        METRICS_TOKEN: marker,
        TRUST_PROXY: 'true',
      }),
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).problems.length).toBeGreaterThan(10);
    expect(shown(error)).not.toContain(marker);
  });

  it.each<[string, Env]>([
    ['the same key id twice', { TOKEN_ENCRYPTION_KEYS: `k1:${MARKED},k1:${MARKED}` }],
    ['a key without id', { TOKEN_ENCRYPTION_KEYS: MARKED }],
    ['an empty session secret', { SESSION_SECRET: `${MARKED},` }],
    ['a short session secret', { ...PRODUCTION, SESSION_SECRET: MARKED.slice(0, 31) }],
    ['a password with a slash', { REDIS_URL: `redis://user:${MARKED}/x@host` }],
    ['a password without user', { REDIS_URL: `redis://${MARKED}@host` }],
    ['a database that is a password', { REDIS_URL: `redis://host/${MARKED}` }],
    ['a host that is a password', { REDIS_URL: `redis://host:${MARKED}` }],
    ['no scheme', { REDIS_URL: `user:${MARKED}@host` }],
    ['a parameter', { REDIS_URL: `redis://host?password=${MARKED}` }],
    ['half of the credentials', { FULLSCRIPT_CLIENT_SECRET: MARKED }],
    ['the same country twice', { ...CLIENT, ...markedTwice }],
  ])('secret value in: %s → in no message, field or stack', (_what, env) => {
    const error = thrown(() => load(env));
    expect(error).toBeInstanceOf(ConfigError);
    expect(shown(error)).not.toContain(MARKED.slice(0, 20));
  });
});

describe('loadConfig, registrations', () => {
  it('one application → one registration with the documented hosts and redirect URI', () => {
    const { registrations, simulator } = load({
      ...CLIENT,
      BASE_URL: 'https://portal.example.com',
      FULLSCRIPT_REGION: 'ca',
    });
    expect(simulator).toBeUndefined();
    expect(registrations).toHaveLength(1);
    expect(registrations[0]).toMatchObject({
      id: 'ca-sandbox',
      region: 'ca',
      environment: 'sandbox',
      clientId: 'client-1',
      redirectUri: 'https://portal.example.com/oauth/callback',
      server: { apiUrl: 'https://api-ca-snd.fullscript.io/api' },
      pkce: false,
    });
  });

  it('both countries → both, each with its own, what is common inherited', () => {
    const { registrations } = load({
      FULLSCRIPT_ENVIRONMENT: 'production',
      FULLSCRIPT_REDIRECT_URI: 'https://portal.example.com/back',
      FULLSCRIPT_US_CLIENT_ID: 'us-id',
      FULLSCRIPT_US_CLIENT_SECRET: 'us-secret',
      FULLSCRIPT_US_API_URL: 'https://us.example.com/api',
      FULLSCRIPT_CA_CLIENT_ID: 'ca-id',
      FULLSCRIPT_CA_CLIENT_SECRET: 'ca-secret',
      FULLSCRIPT_CA_ENVIRONMENT: 'sandbox',
      FULLSCRIPT_CA_REDIRECT_URI: 'https://portal.example.com/ca',
      FULLSCRIPT_CA_AUTHORIZE_URL: 'https://ca.example.com/authorize',
      FULLSCRIPT_CA_TOKEN_URL: 'https://ca.example.com/token',
      FULLSCRIPT_CA_REVOKE_URL: 'https://ca.example.com/revoke',
      FULLSCRIPT_CA_PKCE: 'on',
    });
    expect(registrations.map((one) => [one.id, one.clientId, one.clientSecret.reveal()])).toEqual([
      ['us-production', 'us-id', 'us-secret'],
      ['ca-sandbox', 'ca-id', 'ca-secret'],
    ]);
    expect(registrations[0]).toMatchObject({
      redirectUri: 'https://portal.example.com/back',
      server: {
        apiUrl: 'https://us.example.com/api',
        tokenUrl: 'https://us.example.com/api/oauth/token',
      },
      pkce: false,
    });
    expect(registrations[1]).toMatchObject({
      redirectUri: 'https://portal.example.com/ca',
      server: {
        apiUrl: 'https://api-ca-snd.fullscript.io/api',
        authorizeUrl: 'https://ca.example.com/authorize',
        tokenUrl: 'https://ca.example.com/token',
        revokeUrl: 'https://ca.example.com/revoke',
      },
      pkce: true,
    });
  });

  it("the plain variables and the other country's → both, the plain one is the default", () => {
    const { registrations } = load({
      ...CLIENT,
      FULLSCRIPT_API_URL: 'https://us.example.com/api',
      FULLSCRIPT_CA_CLIENT_ID: 'ca-id',
      FULLSCRIPT_CA_CLIENT_SECRET: 'ca-secret',
    });
    expect(registrations.map(({ id, server }) => [id, server.apiUrl])).toEqual([
      ['us-sandbox', 'https://us.example.com/api'],
      ['ca-sandbox', 'https://api-ca-snd.fullscript.io/api'],
    ]);
  });

  it('the same country twice → refused', () => {
    const twice = { FULLSCRIPT_US_CLIENT_ID: 'x', FULLSCRIPT_US_CLIENT_SECRET: 'y' };
    expect(blamed({ ...CLIENT, ...twice })).toEqual(['FULLSCRIPT_US_CLIENT_ID']);
    expect(load({ ...CLIENT, ...twice, FULLSCRIPT_REGION: 'ca' }).registrations).toHaveLength(2);
  });

  it.each([
    ['FULLSCRIPT_CLIENT_ID', 'FULLSCRIPT_CLIENT_SECRET'],
    ['FULLSCRIPT_CLIENT_SECRET', 'FULLSCRIPT_CLIENT_ID'],
    ['FULLSCRIPT_CA_CLIENT_ID', 'FULLSCRIPT_CA_CLIENT_SECRET'],
    ['FULLSCRIPT_US_CLIENT_SECRET', 'FULLSCRIPT_US_CLIENT_ID'],
  ])('%s without %s → the missing half is named', (given, missing) => {
    expect(problemsOf({ [given]: 'x' })).toMatchObject([
      { variable: missing, problem: `is missing while ${given} is set` },
    ]);
  });

  it.each(['FULLSCRIPT_CA_ENVIRONMENT', 'FULLSCRIPT_US_PKCE', 'FULLSCRIPT_CA_API_URL'])(
    '%s wrong → refused by its own name',
    (variable) => {
      expect(blamed({ [variable]: 'wrong' })).toEqual([variable]);
    },
  );

  it.each([
    ['FULLSCRIPT_ENVIRONMENT', 'production'],
    ['FULLSCRIPT_API_URL', 'https://api.example.com/api'],
  ])('%s=%s without an application → asked for, instead of simulated', (variable, value) => {
    expect(blamed({ [variable]: value })).toEqual(['FULLSCRIPT_CLIENT_ID']);
  });

  it.each([
    'FULLSCRIPT_REDIRECT_URI',
    'FULLSCRIPT_API_URL',
    'FULLSCRIPT_AUTHORIZE_URL',
    'FULLSCRIPT_TOKEN_URL',
    'FULLSCRIPT_REVOKE_URL',
  ])('%s by http → refused, except on this machine', (variable) => {
    expect(blamed({ ...CLIENT, [variable]: 'http://portal.example.com/x' })).toEqual([variable]);
    expect(blamed({ ...CLIENT, [variable]: 'http://localhost.example.com/x' })).toEqual([variable]);
    for (const host of ['localhost:3000', '127.0.0.1', '[::1]:3000', 'app.localhost']) {
      expect(load({ ...CLIENT, [variable]: `http://${host}/x` }).registrations).toHaveLength(1);
    }
  });

  it('BASE_URL by http on another host → the redirect URI made of it is refused', () => {
    expect(blamed({ ...CLIENT, BASE_URL: 'http://portal.example.com' })).toEqual([
      'FULLSCRIPT_REDIRECT_URI',
    ]);
  });
});

describe('isLoopback', () => {
  it.each([
    ['http://localhost:3000', true],
    ['http://a.localhost', true],
    ['http://127.0.0.1', true],
    ['http://[::1]:1', true],
    ['http://localhost.example.com', false],
    ['http://notlocalhost', false],
    ['http://127.0.0.1.example.com', false],
    ['http://128.0.0.1', false],
  ])('%s → %s', (url, expected) => {
    expect(isLoopback(url)).toBe(expected);
  });
});

describe('loadConfig in production', () => {
  it('everything set → starts, and makes no secrets', () => {
    const config = load(PRODUCTION);
    expect(config).toMatchObject({ production: true, simulator: undefined });
    expect(config.registrations.map(({ id }) => id)).toEqual(['us-production']);
    expect(() => statSync(join(dataDir, 'secrets.json'))).toThrow('ENOENT');
  });

  it('nothing set → every missing part at once', () => {
    expect(blamed({ NODE_ENV: 'production' }).sort()).toEqual([
      'FULLSCRIPT_CLIENT_ID',
      'FULLSCRIPT_CLIENT_SECRET',
      'REDIS_URL',
      'SESSION_SECRET',
      'TOKEN_ENCRYPTION_KEYS',
    ]);
    expect(() => statSync(join(dataDir, 'secrets.json'))).toThrow('ENOENT');
  });

  it.each(['REDIS_URL', 'SESSION_SECRET', 'TOKEN_ENCRYPTION_KEYS'])(
    '%s missing, or empty → refused, while development goes on',
    (variable) => {
      expect(blamed({ ...PRODUCTION, [variable]: undefined })).toEqual([variable]);
      expect(blamed({ ...PRODUCTION, [variable]: ' ' })).toEqual([variable]);
      expect(load({ ...PRODUCTION, NODE_ENV: 'development', [variable]: '' })).toBeDefined();
    },
  );

  it.each([
    ['REDIS_URL', 'garbage'],
    ['SESSION_SECRET', ','],
    ['TOKEN_ENCRYPTION_KEYS', 'k1:x'],
  ])('%s set but unreadable → said once, not called missing as well', (variable, value) => {
    expect(blamed({ ...PRODUCTION, [variable]: value })).toEqual([variable]);
  });

  it.each([
    ['one short', 'x'.repeat(31)],
    ['a short one behind a long one', `${SESSION_SECRET},short`],
  ])('SESSION_SECRET with %s → refused, while development goes on', (_what, value) => {
    expect(blamed({ ...PRODUCTION, SESSION_SECRET: value })).toEqual(['SESSION_SECRET']);
    const development = { ...PRODUCTION, NODE_ENV: 'development', SESSION_SECRET: value };
    expect(load(development).production).toBe(false);
  });

  it.each([
    ['SESSION_SECRET', `${SESSION_SECRET},change-me-change-me-change-me-change-me`],
    ['SESSION_SECRET', 'your-session-secret-of-32-characters-here'],
    ['TOKEN_ENCRYPTION_KEYS', VARIABLES.encryptionKeys.example],
    ['TOKEN_ENCRYPTION_KEYS', `${KEYS},other:${VARIABLES.encryptionKeys.example.slice(3)}`],
  ])('%s that everybody can read (%s) → refused', (variable, value) => {
    expect(blamed({ ...PRODUCTION, [variable]: value })).toEqual([variable]);
  });

  it('SESSION_SECRET of 32 characters → accepted', () => {
    expect(load({ ...PRODUCTION, SESSION_SECRET: 'x'.repeat(32) }).production).toBe(true);
  });

  it('BASE_URL by http outside loopback → refused', () => {
    const redirect = { FULLSCRIPT_REDIRECT_URI: 'https://portal.example.com/oauth/callback' };
    const plain = { ...PRODUCTION, ...redirect, BASE_URL: 'http://portal.example.com' };
    expect(blamed(plain)).toEqual(['BASE_URL']);
    expect(load({ ...plain, BASE_URL: 'http://localhost:3000' }).production).toBe(true);
  });

  it('redirect URI by http outside loopback → refused', () => {
    const plain = { FULLSCRIPT_REDIRECT_URI: 'http://portal.example.com/oauth/callback' };
    expect(blamed({ ...PRODUCTION, ...plain })).toEqual(['FULLSCRIPT_REDIRECT_URI']);
  });

  it('applications per country only → accepted', () => {
    const { registrations } = load({
      ...PRODUCTION,
      FULLSCRIPT_CLIENT_ID: '',
      FULLSCRIPT_CLIENT_SECRET: '',
      FULLSCRIPT_CA_CLIENT_ID: 'ca-id',
      FULLSCRIPT_CA_CLIENT_SECRET: 'ca-secret',
    });
    expect(registrations.map(({ id }) => id)).toEqual(['ca-production']);
  });

  it('the simulator by its URL → refused, the application is missing', () => {
    const simulated = { FULLSCRIPT_CLIENT_ID: '', FULLSCRIPT_CLIENT_SECRET: '' };
    const env = { ...PRODUCTION, ...simulated, SIMULATOR_URL: 'http://localhost:4010' };
    expect(new Set(blamed(env))).toEqual(
      new Set(['FULLSCRIPT_CLIENT_ID', 'FULLSCRIPT_CLIENT_SECRET']),
    );
  });

  it('TRUST_PROXY=true → refused', () => {
    expect(blamed({ ...PRODUCTION, TRUST_PROXY: 'true' })).toEqual(['TRUST_PROXY']);
  });
});

describe('the configuration', () => {
  it('written to → refused', () => {
    const config = load(PRODUCTION);
    expect(Object.isFrozen(config)).toBe(true);
    expect(() => Object.assign(config, { baseUrl: 'https://evil.example' })).toThrow(TypeError);
  });

  it('JSON and inspect → show no client secret, session secret, password or metrics token', () => {
    const text = shown(load({ ...PRODUCTION, METRICS_TOKEN: 'metrics-token-1' }));
    const values = ['client-secret-1', SESSION_SECRET, 'redis-password-1', 'metrics-token-1'];
    for (const value of values) expect(text).not.toContain(value);
  });

  it('JSON and inspect → show no byte of the sealing keys', () => {
    const config = load({
      TOKEN_ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 0xab).toString('base64')}`,
    });
    expect(JSON.stringify(config)).not.toMatch(/171,171,171|qtqt|abab|q6ur/i);
    expect(shown(config)).not.toMatch(/171,\s*171|ab ab ab/i);
  });
});

describe('BASE_URL as people write it', () => {
  it.each([
    ['HTTPS://Portal.Example.COM/', 'https://portal.example.com'],
    ['https://portal.example.com:443', 'https://portal.example.com'],
    ['http://localhost:80', 'http://localhost'],
    ['https://pörtal.example.com', 'https://xn--prtal-jua.example.com'],
    ['https://portal.example.com:8443', 'https://portal.example.com:8443'],
  ])('%s → %s, which browsers send as Origin', (written, origin) => {
    const { baseUrl, registrations } = load({ ...CLIENT, BASE_URL: written });
    expect(baseUrl).toBe(origin);
    expect(registrations[0]?.redirectUri).toMatch(`${origin}/oauth/callback`);
  });

  it.each([
    ...['https://x/path', 'https://x?a', 'https://x/#a', 'https://u@x', 'https:x', 'https:\\\\x'],
    ...['x', 'ftp://x'],
  ])('%s → refused', (written) => {
    expect(blamed({ BASE_URL: written })).toContain('BASE_URL');
  });

  it('a redirect URI whose scheme is in capitals → taken as it is registered', () => {
    const redirect = 'HTTPS://portal.example.com/oauth/callback';
    const { registrations } = load({ ...CLIENT, FULLSCRIPT_REDIRECT_URI: redirect });
    expect(registrations[0]?.redirectUri).toBe(redirect);
  });
});

describe('what works, and is most likely not meant', () => {
  const exposures = (env: Env) => load(env).warnings.map((one) => one.split(':')[0]);
  const whole = { ...PRODUCTION, METRICS_TOKEN: 'metrics-token-1', TRUST_PROXY: '1' };

  it.each<[string, Env, string[]]>([
    ['production with all that it needs', whole, []],
    [
      'production without METRICS_TOKEN',
      { ...whole, METRICS_TOKEN: '' },
      ['METRICS_TOKEN is unset'],
    ],
    ['development without METRICS_TOKEN', {}, []],
    [
      'https without TRUST_PROXY',
      { ...whole, TRUST_PROXY: '' },
      ['BASE_URL is https but TRUST_PROXY is unset'],
    ],
  ])('%s → %j, for the start and for --check-config', (_what, env, warned) => {
    expect(exposures(env)).toEqual(warned);
  });
});

describe('values in quotes, as `docker --env-file` passes them on', () => {
  it('URLs, numbers, ids → without them, and one warning that names the variables', () => {
    const config = load({
      PORT: '"4000"',
      BASE_URL: "'https://portal.example.com'",
      TRUST_PROXY: '1',
      REDIS_URL: '"redis://:password-1@h1"',
      FULLSCRIPT_CA_CLIENT_ID: ' "client-1" ',
      FULLSCRIPT_CA_CLIENT_SECRET: 'client-secret-1',
      FULLSCRIPT_CA_SCOPE: '"clinic:read patients:read"',
    });
    expect(config).toMatchObject({
      listen: { port: 4000 },
      baseUrl: 'https://portal.example.com',
      store: { host: 'h1' },
      registrations: [{ clientId: 'client-1', scope: ['clinic:read', 'patients:read'] }],
    });
    expect(config.warnings).toEqual([
      'values stood in quotes, which were taken off: PORT,BASE_URL,FULLSCRIPT_CA_CLIENT_ID,' +
        'FULLSCRIPT_CA_SCOPE,REDIS_URL',
    ]);
  });

  it('secrets → as they are, and a warning for each without its value', () => {
    const secret = `"${SESSION_SECRET}"`;
    const config = load({
      ...CLIENT,
      FULLSCRIPT_CLIENT_SECRET: "'client-secret-1'",
      SESSION_SECRET: secret,
    });
    expect(config.session.secrets.map((one) => one.reveal())).toEqual([secret]);
    expect(config.registrations[0]?.clientSecret.reveal()).toBe("'client-secret-1'");
    expect(config.warnings).toEqual(
      ['FULLSCRIPT_CLIENT_SECRET', 'SESSION_SECRET'].map(
        (name) => `${name} stands in quotes, which were kept as a part of the secret`,
      ),
    );
  });

  it('a key that cannot be read with them → its problem says that they are there', () => {
    const error = thrown(() => load({ TOKEN_ENCRYPTION_KEYS: `"${KEYS}"` }));
    expect(shown(error)).toContain('TOKEN_ENCRYPTION_KEYS stands in quotes');
  });

  it('nothing but quotes → unset, also for a secret', () => {
    const config = load({ BASE_URL: '""', SESSION_SECRET: "''", FULLSCRIPT_CLIENT_SECRET: '""' });
    expect(config).toMatchObject({ baseUrl: 'http://localhost:3000', registrations: [] });
  });

  it('NODE_ENV → production all the same', () => {
    expect(load({ ...PRODUCTION, NODE_ENV: '"production"' }).production).toBe(true);
  });

  it('a quote at one end only → a part of the value', () => {
    expect(blamed({ PORT: '"3000' })).toEqual(['PORT']);
  });
});

describe('generatedSecrets', () => {
  it('first call → makes them, for the owner alone to read', () => {
    const dir = join(dataDir, 'deep', 'er');
    const { sessionSecret, encryptionKey } = generatedSecrets(dir);
    expect(sessionSecret).toMatch(/^[\w-]{43}$/);
    expect(encryptionKey).toHaveLength(32);
    expect(statSync(join(dir, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
  });

  it('called again → the same ones, file untouched', () => {
    const first = generatedSecrets(dataDir);
    const file = readFileSync(join(dataDir, 'secrets.json'), 'utf8');
    expect(generatedSecrets(dataDir)).toEqual(first);
    expect(readFileSync(join(dataDir, 'secrets.json'), 'utf8')).toBe(file);
  });

  it('another folder → others', () => {
    const [a, b] = [generatedSecrets(join(dataDir, 'a')), generatedSecrets(join(dataDir, 'b'))];
    expect(a.sessionSecret).not.toBe(b.sessionSecret);
    expect(a.encryptionKey).not.toEqual(b.encryptionKey);
  });

  it('two starts of the server → the same session secret and sealing key', () => {
    const [a, b] = [load(), load()];
    expect(a.session.secrets[0].reveal()).toBe(b.session.secrets[0].reveal());
    expect(exported(a.sealingKeys)).toEqual(exported(b.sealingKeys));
  });

  it('only one of the two set → the other one is made', () => {
    const config = load({ SESSION_SECRET });
    expect(config.session.secrets.map((one) => one.reveal())).toEqual([SESSION_SECRET]);
    expect(exported(config.sealingKeys)).toEqual([
      { id: 'generated', key: generatedSecrets(dataDir).encryptionKey },
    ]);
  });

  it('two starts at the same moment, fifty times → both find the same, none fails', async () => {
    const [one, other] = await startTogether({ rounds: 50, root: dataDir });
    expect(one.filter((answer) => !/^[\w-]{43}$/.test(answer))).toEqual([]);
    expect(other).toEqual(one);
  });
});

/** What each of two threads got in each round; both ask at the same moment, folder by folder. */
async function startTogether(at: { rounds: number; root: string }) {
  const source = new URL('../../src/config/generated-secrets.ts', import.meta.url).href;
  const arrived = new SharedArrayBuffer(8 * at.rounds);
  const start = async () => {
    const worker = new Worker(THREAD, { eval: true, workerData: { ...at, arrived, source } });
    const [answers] = (await once(worker, 'message')) as [string[]];
    return answers;
  };
  return await Promise.all([start(), start()]);
}

const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { rounds, root, source } = workerData;
const arrived = new Int32Array(workerData.arrived);

/** Waiting to be woken leaves a core to the other thread; a thread that is woken is late, so both then spin. */
function meet(round) {
  const others = Atomics.add(arrived, round, 1);
  if (others === 0) Atomics.wait(arrived, round, 1);
  else Atomics.notify(arrived, round);
  const awake = rounds + round;
  Atomics.add(arrived, awake, 1);
  while (Atomics.load(arrived, awake) < 2);
}

import('tsx/esm/api').then(async ({ tsImport }) => {
  const { generatedSecrets } = await tsImport(source, source);
  const answers = [];
  for (let round = 0; round < rounds; round += 1) {
    meet(round);
    try {
      answers.push(generatedSecrets(root + '/' + round).sessionSecret);
    } catch (error) {
      answers.push('failed: ' + error.message);
    }
  }
  parentPort.postMessage(answers);
});`;
