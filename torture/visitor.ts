import { setTimeout as delay } from 'node:timers/promises';
import { createSecretKey } from 'node:crypto';
import { createCipher } from '../src/grants/cipher.js';
import type { Grant, GrantKey } from '../src/grants/grant.js';
import { type Vault, createVault } from '../src/grants/vault.js';
import { closeRedis } from '../src/redis/client.js';
import { createRedisGrantRecords } from '../src/redis/grant-records.js';
import { SECRETS } from '../test/support/app.js';
import { type Browser, createBrowser } from '../test/support/browser.js';
import { connectTo } from '../test/support/contract.js';
import { until } from '../test/support/until.js';
import { type Answer, told } from './call.js';
import type { Member } from './fleet.js';

type StoreOfTest = Parameters<typeof connectTo>[0];

/** Somebody with a session, and the grant behind it. */
export interface Visitor {
  readonly key: GrantKey;
  readonly cookie: () => string;
  /** The same session in a window that is open at another process. */
  readonly at: (member: Pick<Member, 'origin'>) => Browser;
}

/** What `/api/session` says. */
export interface SessionView {
  readonly signedIn: boolean;
  readonly status?: 'active' | 'needs_reconnect';
  readonly reason?: string;
  readonly expiresAt?: string;
  readonly registration?: GrantKey['registration'];
  readonly resourceOwner?: GrantKey['owner'];
}

export async function signIn(browser: Browser, person: string): Promise<Visitor> {
  const page = await browser.signIn(person);
  const { registration, resourceOwner } = await browser.json<SessionView>('/api/session');
  if (registration === undefined || resourceOwner === undefined) {
    throw new Error(`the sign-in ended at ${page.url} with ${page.status}`);
  }
  const cookies = [...browser.cookies];
  return {
    key: { registration, owner: resourceOwner },
    cookie: () => cookies.map(([name, value]) => `${name}=${value}`).join('; '),
    at: (member) => {
      const other = createBrowser(member.origin);
      for (const [name, value] of cookies) other.cookies.set(name, value);
      return other;
    },
  };
}

/** What the server tells this visitor's browser; undefined when it does not say. */
export async function sessionOf(
  visitor: Visitor,
  member: Pick<Member, 'ask'>,
): Promise<SessionView | undefined> {
  const { status, body } = await member.ask(visitor, '/api/session');
  return status === 200 ? (JSON.parse(body) as SessionView) : undefined;
}

/** Asks until the answer is 200; the last answer after `limitMs`, or when only the user can help. */
export async function settle(
  visitor: Visitor,
  member: Pick<Member, 'ask'>,
  limitMs = 20_000,
): Promise<Answer> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = await member.ask(visitor);
    const final = answer.status === 200 || answer.status === 401;
    if (final || performance.now() > deadline) return answer;
    await delay(50);
  }
}

/** Those whose grant no longer answers, each with the last answer. */
export async function lostAmong(visitors: readonly Visitor[], member: Member) {
  const answers = await Promise.all(visitors.map((visitor) => settle(visitor, member)));
  return visitors.flatMap((visitor, index) => {
    const answer = answers[index]!;
    return answer.status === 200 ? [] : [{ visitor, answer, why: told(answer) }];
  });
}

/** The grants as they are stored, opened with the servers' own key. Redis must be up. */
export async function storedGrants(
  redis: StoreOfTest,
  visitors: readonly Pick<Visitor, 'key'>[],
): Promise<(Grant | undefined)[]> {
  return await withVault(redis, (vault) =>
    Promise.all(visitors.map((visitor) => vault.read(visitor.key))),
  );
}

/** As if the time of the stored access token were over: no server uses it any more. */
export async function expireStored(
  redis: StoreOfTest,
  visitor: Pick<Visitor, 'key'>,
): Promise<void> {
  await withVault(redis, async (vault) => {
    const grant = (await vault.read(visitor.key))!;
    const tokens = { ...grant.tokens, expiresAt: Date.now() - 1 };
    const written = await vault.write({ ...grant, tokens }, grant.version);
    if (written === undefined) throw new Error('a server has written meanwhile');
  });
}

async function withVault<T>(redis: StoreOfTest, work: (vault: Vault) => Promise<T>): Promise<T> {
  const [id = '', key = ''] = SECRETS.TOKEN_ENCRYPTION_KEYS.split(':');
  const cipher = createCipher([{ id, key: createSecretKey(Buffer.from(key, 'base64')) }]);
  const client = await connectTo(redis);
  try {
    return await work(createVault({ records: createRedisGrantRecords(client), cipher }));
  } finally {
    await closeRedis(client);
  }
}

/**
 * A refreshed grant when its version stays as it is: what earlier sign-ins left is struck from it behind
 * the answer, by one more write.
 */
export async function grantAtRest(
  redis: StoreOfTest,
  visitor: Pick<Visitor, 'key'>,
): Promise<Grant> {
  let grant: Grant | undefined;
  await until(async () => {
    [grant] = await storedGrants(redis, [visitor]);
    return grant?.superseded.length === 0;
  });
  return grant!;
}
