import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { surveyConfig } from '../../src/config.js';
import { examineConfiguration } from '../../src/doctor/configuration.js';
import { slipsBetween, unknownVariables } from '../../src/doctor/unknown-variables.js';

const look = (env: Record<string, string>) => examineConfiguration(surveyConfig(env));
const statuses = (env: Record<string, string>) =>
  Object.fromEntries(look(env).map(({ check, status }) => [check, status]));

const KEY = `k1:${Buffer.alloc(32, 7).toString('base64')}`;
const PRODUCTION = {
  NODE_ENV: 'production',
  BASE_URL: 'https://portal.example.com',
  TRUST_PROXY: '1',
  FULLSCRIPT_CLIENT_ID: 'client-1',
  FULLSCRIPT_CLIENT_SECRET: 'client-secret-1',
  REDIS_URL: 'redis://localhost',
  SESSION_SECRET: 'x'.repeat(40),
  TOKEN_ENCRYPTION_KEYS: KEY,
  METRICS_TOKEN: 'metrics-token',
};

describe('examineConfiguration', () => {
  it('everything set for production → nothing to do; one sealing key is fine', () => {
    expect(statuses(PRODUCTION)).toEqual({
      ...{ 'configuration.variables': 'ok', 'configuration.mode': 'ok' },
      ...{ 'configuration.proxy': 'ok', 'configuration.secrets': 'ok' },
    });
  });

  it('nothing set → development, nothing to do', () => {
    expect(Object.values(statuses({}))).toEqual(['ok', 'ok', 'ok']);
  });

  it('several mistakes → each with its variable and what to do', () => {
    const env = { PORT: 'x', REDIS_URL: 'http://x', FULLSCRIPT_CLIENT_ID: 'a' };
    const found = look(env).filter(({ status }) => status === 'problem');
    expect(found.map(({ check }) => check)).toEqual([
      ...['configuration.PORT', 'configuration.REDIS_URL'],
      'configuration.FULLSCRIPT_CLIENT_SECRET',
    ]);
    for (const { todo } of found) expect(todo).toMatch(/^Correct [A-Z_]+: /);
  });

  it.each([
    ['no proxy is named', { TRUST_PROXY: '' }, 'configuration.proxy'],
    ['metrics are open', { METRICS_TOKEN: '' }, 'configuration.metrics'],
    ['development in public', { NODE_ENV: '' }, 'configuration.mode'],
    ['a value in quotes', { TRUST_PROXY: '"1"' }, 'configuration.quotes'],
    ['production on this machine', { BASE_URL: '' }, 'configuration.mode'],
    ['a short secret', { NODE_ENV: '', SESSION_SECRET: 'short' }, 'configuration.SESSION_SECRET'],
    [
      'the key of the documentation',
      { NODE_ENV: '', TOKEN_ENCRYPTION_KEYS: 'k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' },
      'configuration.TOKEN_ENCRYPTION_KEYS',
    ],
  ])('%s → a warning with what to do', (_what, changes, check) => {
    const found = look({ ...PRODUCTION, ...changes }).find((one) => one.check === check);
    expect(found).toMatchObject({ status: 'warning', todo: expect.stringMatching(/.{10}/) });
  });

  it('weak secrets in production → said once, as a problem', () => {
    const env = { ...PRODUCTION, SESSION_SECRET: 'short' };
    const checks = look(env).filter(({ check }) => check === 'configuration.SESSION_SECRET');
    expect(checks.map(({ status }) => status)).toEqual(['problem']);
  });
});

describe('unknownVariables', () => {
  const names = (env: Record<string, string>, file: Record<string, string> = {}) =>
    unknownVariables(env, file).map(({ check }) => check.replace('configuration.unknown.', ''));

  it.each([
    ['FULLSCRIPT_CLIENT_SECRT', 'FULLSCRIPT_CLIENT_SECRET'],
    ['FULLSCRIPT_CA_CLIENTID', 'FULLSCRIPT_CA_CLIENT_ID'],
    ['SESSION_SECRETS', 'SESSION_SECRET'],
    ['REDIS_URI', 'REDIS_URL'],
    ['BASEURL', 'BASE_URL'],
    ['token_encryption_key', 'TOKEN_ENCRYPTION_KEYS'],
  ])('%s → asks whether %s is meant', (name, meant) => {
    const [found] = unknownVariables({ [name]: 'a secret value' }, {});
    expect(found?.todo).toBe(`If ${meant} is meant, rename it.`);
    expect(JSON.stringify(found)).not.toContain('a secret value');
  });

  it('what belongs to others → left alone', () => {
    const env = {
      PATH: '/bin',
      HOME: '/',
      HOSTNAME: 'h',
      HTTP_PROXY: 'p',
      REDIS_PORT: '1',
      PORTS: '',
    };
    const others = { OTEL_EXPORTER_OTLP_ENDPOINT: 'x', NODE_OPTIONS: 'x', npm_config_cache: 'x' };
    expect(names({ ...env, ...others })).toEqual([]);
  });

  it('what Compose takes from .env → known', async () => {
    const source = await readFile(new URL('../../docker-compose.yml', import.meta.url), 'utf8');
    const taken = [...source.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => [name, 'x'] as const);
    expect(taken.map(([name]) => name)).toContain('IMAGE_TAG');
    expect(names({}, Object.fromEntries(taken))).toEqual([]);
  });

  it('with our prefix, or in .env, and like nothing we know → said; unset → not', () => {
    const env = { FULLSCRIPT_FAVOURITE_COLOUR: 'red', FULLSCRIPT_OTHER: '', MY_APP: '1' };
    expect(names(env)).toEqual(['FULLSCRIPT_FAVOURITE_COLOUR']);
    expect(names({}, { MY_APP: '1', BASE_URL: 'x' })).toEqual(['MY_APP']);
  });
});

describe('slipsBetween', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', 'ab', 1],
    ['abc', 'axc', 1],
    ['abc', 'xabcx', 2],
    ['', 'abc', 3],
  ])('%j and %j → %i', (a, b, slips) => {
    expect(slipsBetween(a, b)).toBe(slips);
    expect(slipsBetween(b, a)).toBe(slips);
  });
});
