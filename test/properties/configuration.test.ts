import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Config, loadConfig } from '../../src/config.js';
import { ConfigError } from '../../src/config/problem.js';
import { PER_REGION, VARIABLES, type VariableName } from '../../src/config/variables.js';
import { nastyText } from '../support/nasty-text.js';

type Env = Record<string, string>;

/** Stands wherever a secret may, whole or broken; nothing may show it. */
const CANARY = 'c4narY0c4narY0c4narY0c4narY0c4narY0';
const KEY = Buffer.from(CANARY.slice(0, 32)).toString('base64');

let folder: string;
let file: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fc-config-'));
  file = join(folder, 'file');
  writeFileSync(file, '');
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const regionVariables = PER_REGION.flatMap((name) =>
  ['US', 'CA'].map((region) =>
    VARIABLES[name].name.replace('FULLSCRIPT_', `FULLSCRIPT_${region}_`),
  ),
);
const names = Object.values(VARIABLES).map(({ name }) => name);
const known = new Set([...names, ...regionVariables]);

const SECRETS: Env[string][] = [
  ...[CANARY, `${CANARY},${CANARY}2`, `${CANARY},`, CANARY.slice(0, 12), `,${CANARY}`],
  ...[`k1:${KEY}`, `k1:${KEY},k1:${KEY}`, `k1:${CANARY}`, `k 1:${KEY}`, KEY, `k1:${KEY}=`],
  ...[
    `redis://user:${CANARY}@127.0.0.1:6379/1`,
    `redis://user:${CANARY}/@host`,
    `redis://${CANARY}`,
  ],
  ...[`rediss+sentinel://a,b/main?sentinelPassword=${CANARY}`, `redis+cluster://:${CANARY}@a,b/1`],
  ...[`http://user:${CANARY}@127.0.0.1`, `https://user:${CANARY}@host/x?y=${CANARY}#${CANARY}`],
  ...[
    `redis://:${CANARY}%@h`,
    `redis://h/${CANARY}`,
    `redis://h?${CANARY}=${CANARY}`,
    `${CANARY}://h`,
  ],
];
const examples = Object.values(VARIABLES).map(({ example }) => example);
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...SECRETS) },
  { weight: 3, arbitrary: fc.constantFrom(...examples) },
  { weight: 1, arbitrary: nastyText() },
  {
    weight: 2,
    arbitrary: fc.constantFrom('', ' ', '0', '-1', '65536', 'on', 'true', '10.0.0.0/33'),
  },
);

/** Some variables, each of them right or anything. */
const variable = fc.constantFrom(...Object.values(VARIABLES)).chain(({ name, example }) => {
  const right = { weight: 3, arbitrary: fc.constant(example) };
  return fc.tuple(fc.constant(name), fc.oneof(right, { weight: 1, arbitrary: value }));
});
const ofRegion = fc.tuple(fc.constantFrom(...regionVariables), value);
const environment: fc.Arbitrary<Env> = fc
  .tuple(
    fc.array(fc.oneof({ weight: 4, arbitrary: variable }, { weight: 1, arbitrary: ofRegion }), {
      maxLength: 10,
    }),
    fc.constantFrom('production', 'development', ''),
  )
  .map(([pairs, mode]) => ({ ...Object.fromEntries(pairs), NODE_ENV: mode }));
const dataDir = fc.constantFrom('whole', 'whole', 'whole', 'below a file');

/** The configuration, or its problems; anything else that is thrown fails the property. */
function loaded(env: Env): Config | ConfigError {
  try {
    return loadConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error;
  }
}

const place = (kind: string) => ({
  DATA_DIR: kind === 'whole' ? folder : join(file, 'data'),
});

/** Every way in which an object or an error gets into a log. */
function shown(what: unknown): string {
  const error = what as Partial<Error>;
  const deep = inspect(what, { depth: 20, showHidden: true });
  return [deep, JSON.stringify(what), error.message, error.stack, String(error.cause)].join('\n');
}

function thawed(one: unknown, path = 'config'): string[] {
  if (typeof one !== 'object' || one === null) return [];
  const below = Object.entries(one).flatMap(([name, part]) => thawed(part, `${path}.${name}`));
  const plain = Array.isArray(one) || Object.getPrototypeOf(one) === Object.prototype;
  return plain && !Object.isFrozen(one) ? [path, ...below] : below;
}

describe('SR-27', () => {
  it('SR-27 any environment → a frozen configuration, or all problems by the name of their variable', () => {
    const seen = { valid: 0, refused: 0 };
    fc.assert(
      fc.property(environment, dataDir, (env, kind) => {
        const result = loaded({ ...env, ...place(kind) });
        if (!(result instanceof ConfigError)) {
          seen.valid += 1;
          expect(thawed(result)).toEqual([]);
          return;
        }
        seen.refused += 1;
        expect(result.problems.length).toBeGreaterThan(0);
        const wrong = result.problems.filter(
          ({ variable, problem }) =>
            !known.has(variable) || !result.message.includes(`${variable} ${problem}`),
        );
        expect(wrong).toEqual([]);
      }),
      { numRuns: 400 },
    );
    expect(seen.refused).toBeGreaterThan(0);
    expect(seen.valid).toBeGreaterThan(0);
  });

  it('SR-27 any environment with secrets in the wrong places → neither configuration nor problems show one', () => {
    const secrets = fc.dictionary(fc.constantFrom(...known), fc.constantFrom(...SECRETS), {
      minKeys: 1,
    });
    const names = ['clientSecret', 'sessionSecret', 'encryptionKeys', 'metricsToken', 'redisUrl'];
    const secretNames = new Set(
      names.flatMap((name) => {
        const { name: plain } = VARIABLES[name as VariableName];
        return [
          plain,
          plain.replace('FULLSCRIPT_', 'FULLSCRIPT_US_'),
          plain.replace('FULLSCRIPT_', 'FULLSCRIPT_CA_'),
        ];
      }),
    );
    fc.assert(
      fc.property(environment, secrets, dataDir, (env, misplaced, kind) => {
        const mixed = { ...env, ...misplaced, ...place(kind) };
        const problems = loaded(mixed);
        // A problem shows no value at all; a configuration shows those that are no secrets.
        if (problems instanceof ConfigError)
          expect(shown(problems)).not.toContain(CANARY.slice(0, 8));
        const kept = Object.entries(mixed).filter(
          ([name, text]) =>
            // Without "@" it is a host, which is no secret.
            (secretNames.has(name) && text !== `redis://${CANARY}`) ||
            !/c4narY0|YzRuYXJZ/.test(text),
        );
        expect(shown(loaded(Object.fromEntries(kept)))).not.toMatch(/c4narY0|YzRuYXJZ/);
      }),
      { numRuns: 400 },
    );
  });

  it('SR-27 any environment in production → no start with what is for development only', () => {
    const good = {
      NODE_ENV: 'production',
      BASE_URL: 'https://portal.example.com',
      FULLSCRIPT_CLIENT_ID: 'client-1',
      FULLSCRIPT_CLIENT_SECRET: CANARY,
      REDIS_URL: 'redis://127.0.0.1',
      SESSION_SECRET: CANARY,
      TOKEN_ENCRYPTION_KEYS: `k1:${KEY}`,
    };
    const some = fc.subarray(
      Object.keys(good).filter((name) => name !== 'NODE_ENV'),
      { maxLength: 2 },
    );
    const change = fc.constantFrom('', CANARY.slice(0, 31), 'http://portal.example.com', 'true');
    const changed = fc.tuple(some, change).map(([names, text]) => ({
      ...good,
      ...Object.fromEntries(names.map((name) => [name, text])),
    }));
    const proxy = fc.constantFrom('', '1', 'true', 'loopback', '0.0.0.0/0', '10.0.0.0/8');
    const seen = { valid: 0, refused: 0 };
    fc.assert(
      fc.property(changed, proxy, (env, trustProxy) => {
        const result = loaded({ ...env, TRUST_PROXY: trustProxy, ...place('whole') });
        seen[result instanceof ConfigError ? 'refused' : 'valid'] += 1;
        if (result instanceof ConfigError) return;
        expect(result.production).toBe(true);
        expect(result.baseUrl).toMatch(/^(https:|http:\/\/localhost:)/);
        expect(result.simulator).toBeUndefined();
        expect(result.store).not.toBe('embedded');
        expect(result.trustProxy).not.toBe(true);
        const shortest = Math.min(...result.session.secrets.map((one) => one.reveal().length));
        expect(shortest).toBeGreaterThanOrEqual(32);
        expect(result.sealingKeys.map(({ id }) => id)).toEqual(['k1']);
      }),
      { numRuns: 300 },
    );
    expect(seen.refused).toBeGreaterThan(0);
    expect(seen.valid).toBeGreaterThan(0);
  });
});
