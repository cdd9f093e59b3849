import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { sign } from 'cookie-signature';
import { keyAt, seedGrants } from './seed-grants.js';
import { loadConfig } from '../src/config.js';
import { grantId } from '../src/grants/grant.js';
import { createRedisGrantIndex } from '../src/redis/grant-index.js';
import { sessionHash, sessionKey } from '../test/support/keys.js';
import type { TcpRedis } from '../test/support/redis-tcp.js';
import { type Contestant, SECRETS } from './contestant.js';
import { CLIENT } from './provider-process.js';
import { withClient } from './redis-use.js';
import { type User, signIn } from './sign-in.js';

const COOKIE = 'fc_session';
const IDLE_MS = 8 * 3_600_000;
const BATCH = 200;
const INDEX_LIFE_MS = 24 * 3_600_000;
/** Grants of the registration that the server under test has: every fourth. */
const OWN_REGISTRATION = 'us-sandbox';

/** Stores so many grants with their index, as a server with the secrets of this run stores them. */
export async function seedStore({ url }: TcpRedis, grants: number): Promise<void> {
  const config = loadConfig({
    ...SECRETS,
    REDIS_URL: url,
    DATA_DIR: tmpdir(),
    FULLSCRIPT_CLIENT_ID: CLIENT.id,
    FULLSCRIPT_CLIENT_SECRET: CLIENT.secret,
  });
  await withClient(url, async (client) => {
    await seedGrants(client, config, grants);
    const index = createRedisGrantIndex(client);
    for (let from = 0; from < grants; from += BATCH) {
      const size = Math.min(BATCH, grants - from);
      const batch = Array.from({ length: size }, (_, at) => grantId(keyAt(from + at)));
      // Which status does not matter here.
      await Promise.all(batch.map((id) => index.put(id, 'active')));
    }
    // Or a server that starts would go through all of them.
    await index.noteChecked(INDEX_LIFE_MS);
  });
}

/**
 * Gives so many of the seeded grants a session each, like the one of somebody who signs in for it.
 *
 * @returns their cookies.
 */
export async function seedSessions(contestant: Contestant, count: number): Promise<string[]> {
  const { redis } = contestant;
  if (redis === undefined) throw new Error('no Redis to store sessions in');
  const model = await signIn(contestant, 'model');
  return withClient(redis.url, async (client) => {
    const stored = await client.get(sessionKey(sessionHash(idOf(model))));
    const session = JSON.parse(stored ?? '{}') as object;
    const cookies: string[] = [];
    for (let at = 0; cookies.length < count; at += BATCH) {
      const batch = client.pipeline();
      for (const key of ownKeys(at, at + BATCH).slice(0, count - cookies.length)) {
        const id = randomBytes(32).toString('base64url');
        const text = JSON.stringify({ ...session, k: grantId(key) });
        batch.set(sessionKey(sessionHash(id)), text, 'PX', IDLE_MS);
        cookies.push(cookieOf(model, id));
      }
      await batch.exec();
    }
    return cookies;
  });
}

function ownKeys(from: number, to: number) {
  return Array.from({ length: to - from }, (_, index) => keyAt(from + index)).filter(
    ({ registration }) => registration === OWN_REGISTRATION,
  );
}

/** The session's id, in front of its signature. */
function idOf({ browser }: User): string {
  const value = decodeURIComponent(browser.cookies.get(COOKIE) ?? '');
  return value.slice('s:'.length, value.lastIndexOf('.'));
}

/** All cookies of the model, but with another session. */
function cookieOf({ browser }: User, id: string): string {
  const session = encodeURIComponent(`s:${sign(id, SECRETS.SESSION_SECRET)}`);
  const all = new Map(browser.cookies).set(COOKIE, session);
  return [...all].map(([name, value]) => `${name}=${value}`).join('; ');
}
