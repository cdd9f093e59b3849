import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { ConfigError } from '../../src/config/problem.js';
import { VARIABLES } from '../../src/config/variables.js';
import { type World, openWorld } from '../support/world.js';

/** What keeps a server from starting, and what forged headers change. */

/** What a production server is started with. */
function production(changes: Record<string, string | undefined> = {}): Record<string, string> {
  const complete: Record<string, string | undefined> = {
    NODE_ENV: 'production',
    BASE_URL: 'https://portal.example.test',
    FULLSCRIPT_CLIENT_ID: 'client-1',
    FULLSCRIPT_CLIENT_SECRET: 'client-secret-1',
    REDIS_URL: 'redis://127.0.0.1',
    SESSION_SECRET: randomBytes(32).toString('base64url'),
    TOKEN_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    TRUST_PROXY: '1',
    ...changes,
  };
  const isSet = (one: [string, string | undefined]): one is [string, string] =>
    one[1] !== undefined;
  return Object.fromEntries(Object.entries(complete).filter(isSet));
}

describe('SR-27 a production server', () => {
  it('SR-27 with everything set → accepted; the control for those that are not', () => {
    expect(() => loadConfig(production())).not.toThrow();
  });

  it.each<[string, Record<string, string | undefined>, string]>([
    ['the store in memory', { REDIS_URL: undefined }, 'REDIS_URL'],
    ['no session secret', { SESSION_SECRET: undefined }, 'SESSION_SECRET'],
    [
      'a short session secret',
      { SESSION_SECRET: randomBytes(15).toString('base64url') },
      'SESSION_SECRET',
    ],
    ['a placeholder', { SESSION_SECRET: 'change-me-'.repeat(4) }, 'SESSION_SECRET'],
    ['no key', { TOKEN_ENCRYPTION_KEYS: undefined }, 'TOKEN_ENCRYPTION_KEYS'],
    [
      'the key of the documentation',
      { TOKEN_ENCRYPTION_KEYS: VARIABLES.encryptionKeys.example },
      'TOKEN_ENCRYPTION_KEYS',
    ],
    ['trust proxy true', { TRUST_PROXY: 'true' }, 'TRUST_PROXY'],
    ['the simulator', { FULLSCRIPT_CLIENT_ID: '', FULLSCRIPT_CLIENT_SECRET: '' }, 'FULLSCRIPT_'],
  ])('SR-27 with %s → refused, and said why', (_what, changes, blamed) => {
    const refused = () => loadConfig(production(changes));
    expect(refused).toThrow(ConfigError);
    expect(refused).toThrow(blamed);
  });
});

describe('SR-27 forged X-Forwarded-* of a caller that is no proxy of ours', () => {
  const forged = {
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.test',
    'x-forwarded-port': '443',
    forwarded: 'for=203.0.113.9;proto=https;host=evil.test',
  };
  let world: World;

  beforeAll(async () => {
    world = await openWorld();
  });

  afterAll(() => world.close());

  it.each([
    ['no proxy configured', undefined],
    ['another proxy configured', '192.0.2.7'],
  ])('SR-27 %s → every answer is the same as without them', async (_what, TRUST_PROXY) => {
    const app = await world.start(TRUST_PROXY === undefined ? {} : { TRUST_PROXY });
    for (const path of ['/', '/oauth/authorize', '/api/session', '/portal', '/nowhere']) {
      const [plain, told] = [
        await app.browser().send(path),
        await app.browser().send(path, { headers: forged }),
      ];
      expect(told.status).toBe(plain.status);
      const [place, other] = [plain.location ?? '', told.location ?? ''].map(withoutState);
      expect(other).toBe(place);
      const cookies = [plain, told].map(({ headers }) => headers.getSetCookie().map(attributes));
      expect(cookies[1]).toEqual(cookies[0]);
      expect(told.headers.get('strict-transport-security')).toBeNull();
      expect(told.text).not.toContain('evil.test');
    }
  });

  it('SR-27 behind a TLS proxy that is not configured → says why the cookie will not be set', async () => {
    const app = await world.start({ BASE_URL: 'https://portal.example.test' });
    expect(app.lines.join('')).toMatch(/TRUST_PROXY is unset.*cookie will not be set/);
  });

  it('SR-27 no proxy configured → a foreign origin stays foreign', async () => {
    const app = await world.start();
    const headers = { ...forged, origin: 'https://evil.test', host: 'evil.test' };
    const answer = await app.browser().send('/sign-out', { method: 'POST', headers });
    expect(answer.status).toBe(403);
  });
});

function withoutState(location: string): string {
  return location.replace(/state=[\w-]+/, 'state=…');
}

/** What of a cookie does not change from one answer to the next. */
function attributes(line: string): string[] {
  return line
    .split('; ')
    .slice(1)
    .filter((one) => !one.startsWith('Expires='));
}
