import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { UsageError } from '../../src/cli/command.js';
import { type Config, loadConfig } from '../../src/config.js';
import { createCipher } from '../../src/grants/cipher.js';
import { type GrantStatus, grantId } from '../../src/grants/grant.js';
import { createIndexUpkeep } from '../../src/grants/index-upkeep.js';
import { indexedVault } from '../../src/grants/indexed-vault.js';
import { createVault } from '../../src/grants/vault.js';
import type { ResourceOwnerType } from '../../src/oauth/resource-owner.js';
import { auditEntryFrom } from '../../src/redis/audit-record.js';
import { createRedisGrantIndex } from '../../src/redis/grant-index.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { AUDIT_TRAIL_KEY, GRANT_INDEX_KEY, grantKey } from '../support/keys.js';
import { createRedisRefreshFailures } from '../../src/redis/refresh-failures.js';
import { createRedisUserActivity } from '../../src/redis/user-activity.js';
import type { Simulator } from '../../src/simulator/simulator.js';
import type { Browser } from '../support/browser.js';
import { runLine } from '../support/command.js';
import type { TestRedis } from '../support/redis-server.js';
import { grantOfOwner, sealingKey } from '../support/seeded-grants.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';

let world: World<TestRedis>;
let simulator: Simulator;
let client: Redis;
let app: App;
let config: Config;

beforeAll(async () => {
  // Its commands are counted, and nothing of one test is left for the next.
  world = await openWorldWithRedis();
  ({ simulator, stored: client } = world);
  app = await world.start();
  config = loadConfig(app.env);
});

afterAll(() => world.close());

beforeEach(async () => {
  await client.flushall();
  simulator.faults.reset();
});

const run = (line: string, more: Partial<Config> = {}) =>
  runLine(line.split(' '), { ...config, ...more });

async function runJson<T>(line: string, more: Partial<Config> = {}): Promise<T> {
  return JSON.parse((await run(`${line} --json`, more)).printed) as T;
}

interface Seed {
  readonly registration?: 'us-sandbox' | 'ca-production';
  readonly type?: ResourceOwnerType;
  readonly status?: GrantStatus;
}

/** As a server stores it. */
async function store(id: string, seed: Seed = {}, keys = config.sealingKeys): Promise<string> {
  const { registration = 'us-sandbox', type = 'Practitioner', status = 'active' } = seed;
  const key = { registration, owner: { id, type } };
  const reconnectReason = status === 'active' ? undefined : ('refresh_token_refused' as const);
  const records = createRedisGrantRecords(client);
  const inner = createVault({ records, cipher: createCipher(keys) });
  const index = createRedisGrantIndex(client);
  const upkeep = createIndexUpkeep({ index, vault: inner, onTrouble: () => undefined });
  const grant = { ...grantOfOwner(id), key, status, reconnectReason };
  await indexedVault(inner, upkeep).write(grant, 0);
  await upkeep.settled();
  return grantId(key);
}

interface Listed {
  readonly grants: readonly { user: string; status: string; sealedWith: string }[];
  readonly next: string | null;
}

const NAME = 'us-sandbox/Practitioner';

describe('grants list', () => {
  it('no grants → says so, and an empty list', async () => {
    expect(await run('grants list')).toMatchObject({ ended: 'done', printed: 'No such grants.' });
    expect(await runJson('grants list')).toEqual({ grants: [], next: null });
  });

  it('for people → aligned columns, and nothing that a terminal would take for an order', async () => {
    await store('ada');
    await store('\u001b[31mbob\u202e', { status: 'needs_reconnect' });
    const { printed } = await run('grants list');
    const [head, first, second, ...others] = printed.split('\n');
    expect(head).toMatch(/^USER +STATUS +TOKEN ENDS +REFRESHED +CONNECTED$/);
    expect(first).toMatch(/Practitioner\/\\u\{1b\}\[31mbob\\u\{202e\} +needs_reconnect +1970-01/);
    expect(second).toMatch(
      /ada +active +1970-01-01T02:00:01.000Z +1970-01-01T00:00:01.000Z +1970-01-01T00:00:00.001Z$/,
    );
    expect(first?.indexOf('needs_reconnect')).toBe(second?.indexOf('active'));
    expect(others).toEqual([]);
    expect(printed).not.toMatch(/of-ada/);
  });

  it('filters → those of that kind', async () => {
    await store('1', { status: 'needs_reconnect' });
    await store('2', { registration: 'ca-production', type: 'Staff' });
    await store('3', { registration: 'ca-production' });
    const users = async (filter: string) =>
      (await runJson<Listed>(`grants list ${filter}`)).grants.map(({ user }) => user);
    expect(await users('--status needs_reconnect')).toEqual([`${NAME}/1`]);
    expect(await users('--type staff')).toEqual(['ca-production/Staff/2']);
    expect(await users('--registration ca-production')).toHaveLength(2);
    expect(await users('--registration ca-production --status needs_reconnect')).toEqual([]);
  });

  it('pages → every grant once, with SCAN never used', async () => {
    for (let at = 0; at < 12; at += 1) await store(`${at}`);
    await client.config('RESETSTAT');
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const from: string = cursor === '' ? '' : ` --cursor ${cursor}`;
      const page: Listed = await runJson(`grants list --limit 5${from}`);
      seen.push(...page.grants.map(({ user }) => user));
      cursor = page.next;
    }
    expect(seen).toHaveLength(12);
    expect(new Set(seen).size).toBe(12);
    expect((await run('grants list --limit 5')).printed).toMatch(
      /\nThe next page: .*--cursor \S+$/,
    );
    expect(await client.info('commandstats')).not.toMatch(/cmdstat_(scan|keys):/);
  });

  it.each([
    ['--limit 0', '--limit is a number from 1 to 1000'],
    ['--limit 1001', '--limit is a number'],
    ['--status gone', '--status is one of active, needs_reconnect'],
    ['--registration mars', '--registration is one of ca-production'],
    ['--type Robot', '--type is one of Practitioner'],
    ['--cursor nonsense', 'no cursor'],
  ])('%s → wrong use', async (options, reason) => {
    const wrong = run(`grants list ${options}`);
    await expect(wrong).rejects.toThrow(reason);
    await expect(wrong).rejects.toBeInstanceOf(UsageError);
  });
});

describe('grants show', () => {
  it('a grant → all that is known, nothing secret', async () => {
    const id = await store('ada');
    const failure = { version: 1, count: 2, code: 'server_error', status: 503 } as const;
    await createRedisRefreshFailures(client).keep(id, { ...failure, byHand: false }, 30_000);
    await client.sadd('fc:1:disabled-users', id);
    const { ended, printed } = await run(`grants show ${NAME}/ada`);
    expect(ended).toBe('done');
    expect(printed.split('\n')).toEqual([
      `${NAME}/ada`,
      '  status      active',
      '  scope       clinic:read',
      '  token ends  1970-01-01T02:00:01.000Z',
      '  refreshed   1970-01-01T00:00:01.000Z',
      '  connected   1970-01-01T00:00:00.001Z',
      expect.stringMatching(/refresh {5}failed 2 times in a row: server_error \(503\); .* 30 s$/),
      '  earlier     1 pair still to be revoked',
      '  stored      version 1, sealed with key "k1"',
      '  sessions    0',
      '  sign-in     disabled by an administrator',
    ]);
    const json = await runJson<Record<string, object>>(`grants show ${NAME}/ada`);
    expect(json).toMatchObject({
      ...{ user: `${NAME}/ada`, disabled: true, sessions: 0 },
      grant: { status: 'active', reason: null, version: 1, sealedWith: 'k1', superseded: 1 },
      refreshFailure: { count: 2, code: 'server_error', status: 503 },
    });
    expect(JSON.stringify(json)).not.toMatch(/of-ada/);
  });

  it('its key is missing → says which, and what to do', async () => {
    await store('ada', {}, [sealingKey('old')]);
    const { ended, printed } = await run(`grants show ${NAME}/ada`);
    expect(ended).toBe('done');
    expect(printed).toContain(
      'unreadable: TOKEN_ENCRYPTION_KEYS no longer lists key "old": put it back',
    );
    expect(await runJson(`grants show ${NAME}/ada`)).toMatchObject({
      grant: { status: 'unreadable', problem: 'sealing_key_missing', sealedWith: 'old' },
    });
    expect((await run('grants list')).printed).toMatch(/ada +unreadable$/);
  });

  it('another key by the same name → says so', async () => {
    await store('ada', {}, [sealingKey('k1')]);
    expect((await run(`grants show ${NAME}/ada`)).printed).toContain('does not open with key "k1"');
  });

  it('no grant → failed, with what else is known', async () => {
    const { ended, printed } = await run(`grants show ${NAME}/nobody`);
    expect(ended).toBe('failed');
    expect(printed).toMatch(/^No grant of .*nobody is stored\.\n {2}sessions {2}0\n/);
  });
});

describe('grants reindex', () => {
  it('grants of a version without an index → listed afterwards; what is too much goes', async () => {
    for (const id of ['1', '2', '3']) await store(id);
    await client.del(GRANT_INDEX_KEY);
    await client.zadd(GRANT_INDEX_KEY, 0, `active:us-sandbox:Staff:gone`);
    expect((await runJson<Listed>('grants list --limit 1')).grants).toEqual([]);
    expect(await runJson('grants reindex')).toEqual({ status: 'done', grants: 3, removed: 0 });
    await client.zadd(GRANT_INDEX_KEY, 0, `active:us-sandbox:Staff:gone`);
    expect((await run('grants reindex')).printed).toBe(
      'Grants in the index: 3. Entries without a grant that were removed: 1.',
    );
    expect((await runJson<Listed>('grants list')).grants).toHaveLength(3);
  });

  it('told to stop → says so', async () => {
    await store('1');
    const { printed } = await runLine(['grants', 'reindex'], config, {
      signal: AbortSignal.abort('SIGINT'),
    });
    expect(printed).toBe('Stopped. Run it again.');
  });
});

describe('with a server and Fullscript', () => {
  let browser: Browser;
  let user: string;
  let id: string;
  /** Alive at Fullscript before; each test signs in once. */
  let others: number;

  beforeEach(async () => {
    others = simulator.stats.livePairs;
    browser = app.browser();
    await browser.signIn(simulator.people[0]!.id);
    const { resourceOwner } = await browser.json<{
      resourceOwner: { id: string; type: ResourceOwnerType };
    }>('/api/session');
    user = `us-sandbox/${resourceOwner.type}/${resourceOwner.id}`;
    id = grantId({ registration: 'us-sandbox', owner: resourceOwner });
    await until(async () => (await client.zcard(GRANT_INDEX_KEY)) === 1);
  });

  const clinic = async () => (await browser.send('/api/fullscript/clinic')).status;
  const calls = (end: string) => simulator.requests.filter(({ path }) => path.endsWith(end)).length;
  const acts = async () =>
    (await client.xrange(AUDIT_TRAIL_KEY, '-', '+')).map(([, fields]) => {
      const at = (name: string) => fields[fields.indexOf(name) + 1];
      return fields.includes('outcome') ? [at('event'), at('outcome')] : [at('event')];
    });
  const shown = async () =>
    (await createRedisUserActivity(client).list(id, { limit: 1 })).entries[0];

  it('refresh → a new pair in Redis, servers use it, written down', async () => {
    const before = calls('/oauth/token');
    const { ended, printed } = await run(`grants refresh ${user}`);
    expect({ ended, printed }).toEqual({
      ended: 'done',
      printed: expect.stringMatching(/ has a new pair of tokens; the access token ends at 20/),
    });
    expect(calls('/oauth/token')).toBe(before + 1);
    expect(await client.hget(grantKey(id), 'v')).toBe('2');
    expect(await clinic()).toBe(200);
    expect(calls('/oauth/token')).toBe(before + 1);
    expect(await acts()).toEqual([['refreshed']]);
    expect(await shown()).toMatchObject({ event: 'refreshed', reason: 'administrator' });
    expect(await client.exists(`fc:1:lock:{${id}}`)).toBe(0);
  });

  it('refresh while Fullscript is down → failed, why, and the grant is as it was', async () => {
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 503 });
    const { ended, printed } = await run(`grants refresh ${user}`);
    expect(ended).toBe('failed');
    expect(printed).toMatch(
      /was not refreshed: token endpoint: server_error \(503\).*as it was\.$/,
    );
    expect(await client.hget(grantKey(id), 'v')).toBe('1');
    expect(await acts()).toEqual([['refresh_failed', 'server_error']]);
    expect(await shown()).toMatchObject({ event: 'signed_in' });
    expect(await clinic()).toBe(200);
  });

  it('refresh of one that Fullscript has revoked → needs reconnect, listed so', async () => {
    simulator.faults.add({
      ...{ endpoint: 'token', kind: 'status', status: 400, body: { error: 'invalid_grant' } },
    });
    const { ended, printed } = await run(`grants refresh ${user}`);
    expect(ended).toBe('failed');
    expect(printed).toContain('only the user can mend it');
    const { grants } = await runJson<Listed>('grants list --status needs_reconnect');
    expect(grants.map((one) => one.user)).toEqual([user]);
    expect((await run(`grants show ${user}`)).printed).toMatch(/needs_reconnect \(refresh_token_/);
    expect(await acts()).toEqual([['reconnect_needed']]);
    const why = { event: 'reconnect_needed', reason: 'refresh_token_refused' };
    expect(await shown()).toMatchObject(why);
    expect((await client.xrange(AUDIT_TRAIL_KEY, '-', '+'))[0]?.[1]).toContain(why.reason);
    expect((await run(`grants refresh ${user}`)).printed).toContain('only the user can mend it');
    expect((await acts()).at(-1)).toEqual(['refresh_failed', 'needs_reconnect']);
  });

  it('refresh that is answered for another owner → needs reconnect, and the trail has both tags', async () => {
    const owner = { id: 'p1', type: 'Staff' } as const;
    simulator.faults.add({ endpoint: 'token', kind: 'change_owner', owner });
    const { ended, printed } = await run(`grants refresh ${user}`);
    expect({ ended, printed }).toMatchObject({
      ended: 'failed',
      printed: expect.stringContaining('(resource_owner_changed)'),
    });
    expect(await acts()).toEqual([['reconnect_needed']]);
    const [, fields = []] = (await client.xrange(AUDIT_TRAIL_KEY, '-', '+'))[0] ?? [];
    const { newOwner = '', ...entry } = auditEntryFrom(fields)[0]!;
    expect(entry).toMatchObject({ reason: 'resource_owner_changed', newOwnerType: 'Staff' });
    expect(newOwner).toMatch(/^[\w-]{12}$/);
    expect(newOwner).not.toBe(entry.owner);
  });

  it('refresh without a grant, or without its registration → failed, and says so', async () => {
    expect((await run(`grants refresh ${NAME}/nobody`)).printed).toContain('no grant is stored');
    await store('kim', { registration: 'ca-production' });
    const { printed } = await run('grants refresh ca-production/Practitioner/kim');
    expect(printed).toContain('no credentials are configured for ca-production');
  });

  it('refresh where DATA_DIR cannot be written → refused before anything is sent', async () => {
    const before = calls('/oauth/token');
    const refused = run(`grants refresh ${user}`, { dataDir: world.redis.socketPath });
    await expect(refused).rejects.toThrow(/DATA_DIR .* cannot hold a refreshed pair/);
    expect(calls('/oauth/token')).toBe(before);
  });

  it('disconnect → revoked, not listed, signed out, written down', async () => {
    expect(simulator.stats.livePairs).toBe(others + 1);
    const done = await runJson(`grants disconnect ${user}`);
    expect(done).toEqual({ user, disconnected: true, outcome: 'revoked', ended: 1 });
    expect(simulator.stats.livePairs).toBe(others);
    expect(await runJson('grants list')).toEqual({ grants: [], next: null });
    expect(await client.zcard(GRANT_INDEX_KEY)).toBe(0);
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: false });
    expect(await acts()).toEqual([['disconnected', 'revoked']]);
    expect(await shown()).toMatchObject({
      ...{ event: 'disconnected', reason: 'administrator', outcome: 'revoked', sessions: 1 },
    });
    const again = await run(`grants disconnect ${user}`);
    expect(again.printed).toContain('No grant is stored.\nEnded 0 sessions.');
    expect(await acts()).toHaveLength(1);
  });

  it('disconnect --keep-sessions → signed in, not connected; a new sign-in connects again', async () => {
    expect((await run(`grants disconnect ${user} --keep-sessions`)).printed).toBe(
      `${user}: Disconnected, and Fullscript has confirmed it.\nSessions were left as they are.`,
    );
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true });
    expect(await clinic()).not.toBe(200);
    await browser.signIn(simulator.people[0]!.id);
    await until(async () => (await runJson<Listed>('grants list')).grants.length === 1);
    expect(await clinic()).toBe(200);
  });

  it('disconnect while Fullscript is down → gone here, queued, and a server sees it through', async () => {
    const heal = simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503 });
    const { ended, printed } = await run(`grants disconnect ${user}`);
    expect(ended).toBe('done');
    expect(printed).toContain('has not confirmed it yet: the servers ask again for a day');
    expect(await client.hget(grantKey(id), 's')).toBeNull();
    expect(simulator.stats.livePairs).toBe(others + 1);
    heal();
    await until(() => simulator.stats.livePairs === others);
  });

  it('disconnect of one whose key is missing → removed, and says who has to do the rest', async () => {
    const { printed } = await run(`grants disconnect ${user}`, { sealingKeys: [sealingKey('k2')] });
    expect(printed).toContain('the user has to end the connection in the Fullscript account');
    expect(await client.hget(grantKey(id), 's')).toBeNull();
    expect(simulator.stats.livePairs).toBe(others + 1);
  });

  it('Redis goes away before → failed, with the reason, and nothing is revoked', async () => {
    const nowhere = { kind: 'socket', path: '/nowhere.sock', db: 0 } as unknown as Config['store'];
    const { ended, said } = await runLine(
      ['grants', 'disconnect', user],
      { ...config, store: nowhere },
      { waits: { readyMs: 300 } },
    );
    expect(ended).toBe('failed');
    expect(said).toMatch(/Redis cannot be reached: .*run it again/);
    expect(simulator.stats.livePairs).toBe(others + 1);
  });
});
