import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { freePort } from '../../support/app.js';
import { type ServerProcess, ready, startProcess } from '../../support/process.js';
import { type Database, openDatabase } from '../../support/shared-redis.js';

/** What keeps the program from starting. The configurations are in test/security/start-up.test.ts. */

const EXIT_CONFIG = 78;

let redis: Database;
let folder: string;
const processes: ServerProcess[] = [];

beforeAll(async () => {
  [redis, folder] = await Promise.all([openDatabase(), mkdtemp(join(tmpdir(), 'fc-start-'))]);
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

describe('a store that another installation has marked', () => {
  it('→ ends with 1, and says what to do without a stack', async () => {
    const prefix = { REDIS_PREFIX: 'taken' };
    const first = await production(prefix);
    await ready(first.server, first.origin);
    const { server } = await production(prefix);
    expect(await server.exited).toBe(1);
    expect(server.output()).toContain('the store belongs to another installation');
    expect(server.output()).toContain('store adopt');
    expect(server.output()).not.toMatch(/\bat .*\.js:/);
  });
});

describe('SR-27 a production server', () => {
  it('SR-27 with everything set → starts; the control for those that do not', async () => {
    const { server, origin } = await production();
    await ready(server, origin);
    expect(server.output()).not.toContain('TRUST_PROXY is unset');
  });

  it('SR-27 with no session secret → ends with EX_CONFIG and says why', async () => {
    const { server } = await production({ SESSION_SECRET: undefined });
    expect(await server.exited).toBe(EXIT_CONFIG);
    expect(server.output()).toContain('SESSION_SECRET');
    expect(server.output()).not.toContain('ready');
  });
});
