import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { VARIABLES } from '../../../src/config/variables.js';
import { freePort } from '../../support/app.js';
import { type OpenApp, openApp } from '../../support/open-app.js';
import { type ServerProcess, ready, startProcess } from '../../support/process.js';
import { type TestRedis, startRedis } from '../../support/redis-server.js';

/** What keeps a server from starting, and what forged headers change. */

const EXIT_CONFIG = 78;

let redis: TestRedis;
let folder: string;
const processes: ServerProcess[] = [];

beforeAll(async () => {
  [redis, folder] = await Promise.all([startRedis(), mkdtemp(join(tmpdir(), 'fc-start-'))]);
});

afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.stop()));
});

afterAll(async () => {
  await redis.stop();
  await rm(folder, { recursive: true });
});

async function production(changes: Record<string, string | undefined> = {}) {
  const port = await freePort();
  const complete: Record<string, string | undefined> = {
    NODE_ENV: 'production',
    PORT: String(port),
    BASE_URL: 'https://portal.example.test',
    FULLSCRIPT_CLIENT_ID: 'client-1',
    FULLSCRIPT_CLIENT_SECRET: 'client-secret-1',
    REDIS_URL: redis.url,
    SESSION_SECRET: randomBytes(32).toString('base64url'),
    TOKEN_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    TRUST_PROXY: '1',
    DATA_DIR: folder,
    ...changes,
  };
  const set = Object.entries(complete).filter(
    (one): one is [string, string] => one[1] !== undefined,
  );
  const server = startProcess({ cwd: folder, env: Object.fromEntries(set) });
  processes.push(server);
  return { server, origin: `http://127.0.0.1:${port}` };
}

describe('SR-27 a production server', () => {
  it('SR-27 with everything set → starts; the control for those that do not', async () => {
    const { server, origin } = await production();
    await ready(server, origin);
    expect(server.output()).not.toContain('TRUST_PROXY is unset');
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
  ])('SR-27 with %s → refuses to start and says why', async (_what, changes, blamed) => {
    const { server } = await production(changes);
    expect(await server.exited).toBe(EXIT_CONFIG);
    expect(server.output()).toContain(blamed);
    expect(server.output()).not.toContain('ready');
  });

  it('SR-27 behind a TLS proxy nobody told it of → says why the cookie will not be set', async () => {
    const { server, origin } = await production({ TRUST_PROXY: undefined });
    await ready(server, origin);
    expect(server.output()).toMatch(/TRUST_PROXY is unset.*cookie will not be set/);
  });
});

describe('SR-27 forged X-Forwarded-* of somebody who is no proxy of ours', () => {
  const forged = {
    'x-forwarded-for': '203.0.113.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.test',
    'x-forwarded-port': '443',
    forwarded: 'for=203.0.113.9;proto=https;host=evil.test',
  };
  const opened: OpenApp[] = [];

  afterAll(async () => {
    await Promise.all(opened.map((one) => one.close()));
  });

  it.each([
    ['no proxy configured', undefined],
    ['another proxy configured', '192.0.2.7'],
  ])('SR-27 %s → every answer is the same as without them', async (_what, TRUST_PROXY) => {
    const env = () => (TRUST_PROXY === undefined ? {} : { TRUST_PROXY });
    const app = await openApp({ env });
    opened.push(app);
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

  it('SR-27 no proxy configured → a foreign origin stays foreign', async () => {
    const [app] = opened as [OpenApp];
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
