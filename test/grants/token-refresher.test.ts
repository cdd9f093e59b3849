import { afterEach, describe, expect, it } from '@jest/globals';
import { LockTimeoutError, StoreUnavailableError } from '../../src/grants/errors.js';
import { decodeGrant, encodeGrant } from '../../src/grants/grant-codec.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import type { Grant } from '../../src/grants/grant.js';
import type { Lock } from '../../src/grants/lock.js';
import { createTokenRefresher } from '../../src/grants/token-refresher.js';
import { createMemoryJournal } from '../../src/memory/journal.js';
import { createMemoryRefreshFailures } from '../../src/memory/refresh-failures.js';
import { createMemoryLock } from '../../src/memory/lock.js';
import { secret } from '../../src/oauth/secret.js';
import type { Simulator } from '../../src/simulator/simulator.js';
import { MINUTE, type Custody, type CustodyOptions, openCustody } from '../support/custody.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';

const LIFETIME = 7200_000;
let world: Custody;

async function open(options: CustodyOptions = {}): Promise<Custody> {
  world = await openCustody(options);
  return world;
}

afterEach(() => world.close());

const token = (grant: Grant) => grant.tokens.accessToken.reveal();

/** A store whose writes can be made to fail. */
function failingStore() {
  const store = { down: false };
  const records = (inner: GrantRecords): GrantRecords => ({
    ...inner,
    compareAndSet: (...args) => {
      if (store.down) throw new StoreUnavailableError('save', new Error('down'));
      return inner.compareAndSet(...args);
    },
  });
  return { store, records };
}

/** Lets everybody in: what is left of custody when a lease is outlived. */
const noLock: Lock = { run: (_id, _waitMs, work) => work(0) };

describe('a token that is fresh', () => {
  it('is returned without the lock and without a call', async () => {
    const inner = createMemoryLock();
    let locked = 0;
    const lock: Lock = {
      run: (...args) => {
        locked += 1;
        return inner.run(...args);
      },
    };
    const { connect, refresher, simulator } = await open({ lock });
    const key = await connect();
    const grant = await refresher().current(key);
    expect(await world.call(token(grant))).toBe(200);
    expect({ locked, refreshes: simulator.stats.refreshes }).toEqual({ locked: 0, refreshes: 0 });
  });
});

describe('an expired token', () => {
  it('is refreshed once, saved under the next version and works', async () => {
    const { connect, refresher, clock, vault, simulator } = await open();
    const key = await connect();
    const before = await vault.read(key);
    clock.advance(LIFETIME);
    const grant = await refresher().current(key);
    expect(grant.version).toBe(before!.version + 1);
    expect(token((await vault.read(key))!)).toBe(token(grant));
    expect(await world.call(token(grant))).toBe(200);
    expect(simulator.stats.refreshes).toBe(1);
    expect(world.seen).toEqual(['connected', 'refreshed']);
  });

  it('is saved before anyone uses it', async () => {
    const writes: number[] = [];
    const records = (inner: GrantRecords): GrantRecords => ({
      ...inner,
      compareAndSet: (id, record, expected) => {
        writes.push(world.simulator.stats.apiCalls);
        return inner.compareAndSet(id, record, expected);
      },
    });
    const { connect, refresher, clock } = await open({ records });
    const key = await connect();
    clock.advance(LIFETIME);
    await world.call(token(await refresher().current(key)));
    expect(writes).toEqual([0, 0]);
  });

  it('costs one refresh for 50 callers of one process', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    const one = refresher();
    const grants = await Promise.all(Array.from({ length: 50 }, () => one.current(key)));
    expect(new Set(grants.map(token)).size).toBe(1);
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('costs one refresh for 100 callers of four processes, in either rotation mode', async () => {
    const { connect, refresher, clock, simulator } = await open({
      simulator: { rotation: 'immediate' },
    });
    const key = await connect();
    clock.advance(LIFETIME);
    const processes = Array.from({ length: 4 }, refresher);
    const grants = await Promise.all(
      Array.from({ length: 100 }, (_, i) => processes[i % 4]!.current(key)),
    );
    expect(new Set(grants.map(token)).size).toBe(1);
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('uses the token another process saved while it waited for the lock', async () => {
    const lock = createMemoryLock();
    const { connect, refresher, clock, vault, simulator, deps } = await open({ lock });
    const key = await connect();
    clock.advance(LIFETIME);
    const other = (await vault.read(key))!;
    const renewed = {
      ...other.tokens,
      accessToken: secret('made by another process'),
      obtainedAt: clock.now(),
      expiresAt: clock.now() + LIFETIME,
    };
    const { opened, open: letGo } = gate();
    const held = deps.lock.run('us-sandbox:Practitioner:' + key.owner.id, 0, () => opened);
    const waiting = refresher().current(key);
    await vault.write({ ...other, tokens: renewed }, other.version);
    letGo();
    await held;
    expect(token(await waiting)).toBe('made by another process');
    expect(simulator.stats.refreshes).toBe(0);
  });

  it('without a refresh token ends in needs reconnect', async () => {
    const { connect, refresher, clock, simulator } = await open();
    simulator.faults.add({ endpoint: 'token', kind: 'missing_field', fields: ['refresh_token'] });
    const key = await connect();
    clock.advance(LIFETIME);
    await expect(refresher().current(key)).rejects.toMatchObject({
      code: 'needs_reconnect',
      reason: 'no_refresh_token',
    });
    expect(simulator.stats.refreshes).toBe(0);
  });
});

describe('the early window', () => {
  it('returns the valid token at once and refreshes behind the caller', async () => {
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    const first = (await vault.read(key))!;
    clock.advance(LIFETIME - 4 * MINUTE);
    const { opened, open: answer } = gate();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const one = refresher();
    // Ten callers, none of whom waits for the token endpoint.
    const grants = await Promise.all(Array.from({ length: 10 }, () => one.current(key)));
    expect(new Set(grants.map(token))).toEqual(new Set([token(first)]));
    answer();
    await one.settled();
    expect((await vault.read(key))!.version).toBe(first.version + 1);
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('leaves the work to the process that holds the lock', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME - 4 * MINUTE);
    const { opened, open: answer } = gate();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const [one, two] = [refresher(), refresher()];
    await one.current(key);
    await until(() => simulator.stats.refreshes === 1);
    await two.current(key);
    await two.settled();
    answer();
    await one.settled();
    expect(simulator.stats.refreshes).toBe(1);
    expect(world.seen).toEqual(['connected', 'refreshed']);
  });

  it('goes on with the valid token when the refresh fails, and pauses before the next try', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME - 4 * MINUTE);
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500 });
    const one = refresher();
    for (let call = 0; call < 5; call += 1) {
      expect(await world.call(token(await one.current(key)))).toBe(200);
      await one.settled();
    }
    expect(simulator.stats.refreshes).toBe(1);
    clock.advance(MINUTE);
    await one.current(key);
    await one.settled();
    expect(simulator.stats.refreshes).toBe(2);
  });

  it('is left by an expired caller who joins: the early refresh serves both', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME - 4 * MINUTE);
    const { opened, open: answer } = gate();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const one = refresher();
    const early = await one.current(key);
    await until(() => simulator.stats.refreshes === 1);
    const late = one.current(key, token(early));
    answer();
    expect(token(await late)).not.toBe(token(early));
    expect(simulator.stats.refreshes).toBe(1);
  });
});

describe('a rejected token', () => {
  it('is refreshed when it is still the stored one', async () => {
    const { connect, refresher, simulator, vault } = await open();
    const key = await connect();
    const rejected = token((await vault.read(key))!);
    const grant = await refresher().current(key, rejected);
    expect(token(grant)).not.toBe(rejected);
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('is not refreshed when another one is stored already', async () => {
    const { connect, refresher, simulator, vault } = await open();
    const key = await connect();
    await vault.read(key);
    await refresher().current(key, 'an older token');
    expect(simulator.stats.refreshes).toBe(0);
  });

  it('costs one refresh when 50 callers of two processes report it', async () => {
    const { connect, refresher, simulator, vault } = await open();
    const key = await connect();
    const rejected = token((await vault.read(key))!);
    const [one, two] = [refresher(), refresher()];
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => (i % 2 ? one : two).current(key, rejected)),
    );
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('is looked up once for all callers who report it at a time', async () => {
    let reads = 0;
    const records = (inner: GrantRecords): GrantRecords => ({
      ...inner,
      read: (...args) => {
        reads += 1;
        return inner.read(...args);
      },
    });
    const { connect, refresher, vault } = await open({ records });
    const key = await connect();
    const rejected = token((await vault.read(key))!);
    const one = refresher();
    const before = reads;
    const callers = Array.from({ length: 50 }, () => one.current(key, rejected));
    const grants = await Promise.all([...callers, one.current(key, 'an older token')]);
    // One for each token, one under the lock.
    expect(reads - before).toBe(3);
    expect(new Set(grants.slice(0, 50).map(token)).size).toBe(1);
    expect(token(grants[0])).not.toBe(rejected);
    expect(token(grants[50]!)).toBe(rejected);
  });

  it('an older one, while the stored one is refreshed early → the stored one, at once', async () => {
    const { opened, open: answer } = gate();
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    const stored = token((await vault.read(key))!);
    clock.advance(LIFETIME - 2 * MINUTE);
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const one = refresher();
    await one.current(key);
    expect(token(await one.current(key, 'an older token'))).toBe(stored);
    answer();
    await one.settled();
    expect(simulator.stats.refreshes).toBe(1);
  });
});

describe('invalid_grant', () => {
  it('on an unchanged grant → needs reconnect with its reason, and no further tries', async () => {
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    simulator.revokeAuthorization(key.owner.id);
    clock.advance(LIFETIME);
    const one = refresher();
    for (let call = 0; call < 3; call += 1) {
      await expect(one.current(key)).rejects.toMatchObject({
        code: 'needs_reconnect',
        reason: 'refresh_token_refused',
      });
    }
    expect((await vault.read(key))!.status).toBe('needs_reconnect');
    expect(simulator.stats.refreshes).toBe(1);
    expect(world.seen).toContain('reconnectNeeded: refresh_token_refused');
  });

  it('after another process has saved → its token is used and nothing ends', async () => {
    const { connect, refresher, clock, simulator, vault } = await open({
      lock: noLock,
      simulator: { rotation: 'immediate' },
    });
    const key = await connect();
    clock.advance(LIFETIME);
    const { opened, open: answer } = gate();
    // The loser's request is held back until the winner has saved.
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const loser = refresher().current(key);
    await until(() => simulator.stats.refreshes === 1);
    const winner = await refresher().current(key);
    answer();
    expect(token(await loser)).toBe(token(winner));
    expect((await vault.read(key))!.status).toBe('active');
    expect(simulator.stats.refreshes).toBe(2);
  });

  it('marked while the winner was still saving → the saved pair wins over the mark', async () => {
    const { opened, open: letSave } = gate();
    let hold = false;
    const records = (inner: GrantRecords): GrantRecords => ({
      ...inner,
      compareAndSet: async (id, record, expected) => {
        if (hold) {
          hold = false;
          await opened;
        }
        return inner.compareAndSet(id, record, expected);
      },
    });
    const { connect, refresher, clock, vault, simulator } = await open({
      records,
      lock: noLock,
      simulator: { rotation: 'immediate' },
    });
    const key = await connect();
    clock.advance(LIFETIME);
    hold = true;
    const winner = refresher().current(key);
    await until(() => !hold);
    await expect(refresher().current(key)).rejects.toMatchObject({ code: 'needs_reconnect' });
    letSave();
    const saved = await winner;
    expect((await vault.read(key))!.status).toBe('active');
    expect(await world.call(token(saved))).toBe(200);
    expect(simulator.stats.livePairs).toBe(1);
  });
});

describe('a failing token endpoint', () => {
  const cases = [
    ['500', { kind: 'status', status: 500 }, 'server_error'],
    [
      '502 that quotes invalid_grant',
      { kind: 'status', status: 502, body: { error: 'invalid_grant' } },
      'server_error',
    ],
    ['429', { kind: 'status', status: 429, headers: { 'retry-after': '3' } }, 'rate_limited'],
    ['no connection', { kind: 'drop' }, 'no_answer'],
    ['a lost answer', { kind: 'lost_answer' }, 'no_answer'],
    ['garbage', { kind: 'garbage' }, 'invalid_response'],
  ] as const;

  it.each(cases)(
    '%s → an error of its own, the grant kept, and the next call works',
    async (_name, fault, code) => {
      const { connect, refresher, clock, simulator, vault } = await open();
      const key = await connect();
      clock.advance(LIFETIME);
      simulator.faults.add({ endpoint: 'token', times: 1, ...fault });
      const one = refresher();
      await expect(one.current(key)).rejects.toMatchObject({ code });
      expect((await vault.read(key))!.status).toBe('active');
      clock.advance(3_000);
      expect(await world.call(token(await one.current(key)))).toBe(200);
      expect(simulator.stats.refreshes).toBe(2);
    },
  );

  it('a wrong client secret → invalid_client and the grant kept', async () => {
    const { connect, refresher, clock, vault, register } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    register({ clientSecret: secret('wrong') });
    await expect(refresher().current(key)).rejects.toMatchObject({ code: 'invalid_client' });
    expect((await vault.read(key))!.status).toBe('active');
    register({});
    expect(await world.call(token(await refresher().current(key)))).toBe(200);
  });

  it('an answer without refresh_token → asked for once more before the pair is used', async () => {
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    simulator.faults.add({
      ...{ endpoint: 'token', kind: 'missing_field', fields: ['refresh_token'], times: 1 },
    });
    for (let round = 1; round <= 3; round += 1) {
      const grant = await refresher().current(key);
      expect(await world.call(token(grant))).toBe(200);
      expect((await vault.read(key))!.status).toBe('active');
      expect(simulator.stats.refreshes).toBe(round + 1);
      clock.advance(LIFETIME);
    }
  });

  it('answers that never have a refresh_token → the stored one stays in force', async () => {
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    const before = (await vault.read(key))!.tokens.refreshToken!.reveal();
    clock.advance(LIFETIME);
    simulator.faults.add({
      ...{ endpoint: 'token', kind: 'missing_field', fields: ['refresh_token'] },
    });
    await refresher().current(key);
    expect((await vault.read(key))!.tokens.refreshToken!.reveal()).toBe(before);
    expect(simulator.stats.refreshes).toBe(2);
  });

  it.each<[string, unknown]>([
    ['beside the envelope', { error: 'invalid_grant' }],
    ['inside the envelope', { oauth: { error: 'invalid_grant' } }],
  ])('invalid_grant inside 200, %s → needs reconnect, like one inside 400', async (_how, body) => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 200, body, times: 1 });
    await expect(refresher().current(key)).rejects.toMatchObject({
      code: 'needs_reconnect',
      reason: 'refresh_token_refused',
    });
  });

  it('an answer without scope → the granted ones stay, and none is reported missing', async () => {
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    const { scope } = (await vault.read(key))!.tokens;
    clock.advance(LIFETIME);
    simulator.faults.add({ endpoint: 'token', kind: 'missing_field', fields: ['scope'] });
    await refresher().current(key);
    expect((await vault.read(key))!.tokens.scope).toEqual(scope);
    expect(scope).toContain('catalog:read');
    expect(world.seen).toEqual(['connected', 'refreshed']);
  });

  it('an answer without expires_in → two hours, not for ever and not a loop', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    simulator.faults.add({ endpoint: 'token', kind: 'missing_field', fields: ['expires_in'] });
    const one = refresher();
    const grant = await one.current(key);
    expect(grant.tokens.expiresAt - clock.now()).toBe(LIFETIME);
    for (let call = 0; call < 5; call += 1) await one.current(key);
    expect(simulator.stats.refreshes).toBe(1);
  });
});

describe('refreshes that fail again and again', () => {
  it('may be tried once more at once, then at longer and longer intervals', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500 });
    const one = refresher();
    for (let second = 0; second < 60; second += 1) {
      for (let call = 0; call < 5; call += 1) {
        await expect(one.current(key)).rejects.toMatchObject({ code: 'server_error', status: 500 });
      }
      clock.advance(1_000);
    }
    expect(simulator.stats.refreshes).toBeGreaterThan(4);
    expect(simulator.stats.refreshes).toBeLessThan(10);
    simulator.faults.reset();
    clock.advance(MINUTE);
    expect(await world.call(token(await one.current(key)))).toBe(200);
  });

  it('wait as long as Retry-After says, and say how long that is', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    const headers = { 'retry-after': '120' };
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 429, headers, times: 1 });
    const one = refresher();
    await expect(one.current(key)).rejects.toMatchObject({ code: 'rate_limited' });
    clock.advance(MINUTE);
    await expect(one.current(key)).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterMs: MINUTE,
    });
    expect(simulator.stats.refreshes).toBe(1);
    clock.advance(MINUTE);
    await one.current(key);
  });

  it('count for all processes together', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500 });
    const processes = [refresher(), refresher(), refresher(), refresher()];
    for (let second = 0; second < 60; second += 1) {
      for (const one of processes) {
        await expect(one.current(key)).rejects.toMatchObject({ code: 'server_error', status: 500 });
      }
      clock.advance(1_000);
    }
    expect(simulator.stats.refreshes).toBeGreaterThan(4);
    expect(simulator.stats.refreshes).toBeLessThan(10);
    simulator.faults.reset();
    clock.advance(MINUTE);
    expect(await world.call(token(await processes[1]!.current(key)))).toBe(200);
    clock.advance(LIFETIME);
    // Forgotten with the success: what fails next is the first failure again.
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500, times: 1 });
    await expect(processes[2]!.current(key)).rejects.toMatchObject({ code: 'server_error' });
    await processes[3]!.current(key);
  });

  it('while others wait for the lock → they share the outcome instead of asking again', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    const { opened, open: answer } = gate();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 503, times: 1 });
    const holder = refresher().current(key);
    await until(() => simulator.stats.refreshes === 1);
    const waiters = [refresher().current(key), refresher().current(key)];
    await new Promise((resolve) => setImmediate(resolve));
    answer();
    for (const one of [holder, ...waiters]) {
      await expect(one).rejects.toMatchObject({ code: 'server_error', status: 503 });
    }
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('let a try by hand through once in each wait', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    const headers = { 'retry-after': '120' };
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 429, headers });
    const [one, other] = [refresher(), refresher()];
    const busy = { code: 'rate_limited' };
    await expect(one.current(key)).rejects.toMatchObject(busy);
    await expect(one.tryAgain(key)).rejects.toMatchObject(busy);
    expect(simulator.stats.refreshes).toBe(2);
    for (const again of [one, other]) {
      await expect(again.tryAgain(key)).rejects.toMatchObject(busy);
      await expect(again.current(key)).rejects.toMatchObject(busy);
    }
    expect(simulator.stats.refreshes).toBe(2);
    clock.advance(2 * MINUTE);
    await expect(other.current(key)).rejects.toMatchObject(busy);
    simulator.faults.reset();
    expect(await world.call(token(await one.tryAgain(key)))).toBe(200);
    expect(simulator.stats.refreshes).toBe(4);
  });

  it('are forgotten when the user connects again', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    const headers = { 'retry-after': '120' };
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 429, headers, times: 1 });
    const one = refresher();
    await expect(one.current(key)).rejects.toMatchObject({ code: 'rate_limited' });
    const grant = await one.current(await connect());
    expect(await world.call(token(await one.current(key, token(grant))))).toBe(200);
  });

  it('a try by hand of a token that works costs nothing', async () => {
    const { connect, refresher, simulator } = await open();
    await refresher().tryAgain(await connect());
    expect(simulator.stats.refreshes).toBe(0);
  });

  it('of which the store takes no note → the error is that of the token endpoint', async () => {
    const failures = {
      ...createMemoryRefreshFailures(),
      keep: () => Promise.reject(new StoreUnavailableError('keep', new Error('down'))),
    };
    const { connect, refresher, clock, simulator } = await open({ failures });
    const key = await connect();
    clock.advance(LIFETIME);
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500, times: 1 });
    await expect(refresher().current(key)).rejects.toMatchObject({ code: 'server_error' });
    await refresher().current(key);
  });

  it('because Fullscript rejects new tokens like old ones → less and less often', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    const one = refresher();
    let grant = await one.current(key);
    for (let call = 0; call < 100; call += 1) {
      const renewed = await one.current(key, token(grant)).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'token_rejected' });
      });
      if (renewed) one.renewed(key, false);
      grant = renewed ?? grant;
      clock.advance(300);
    }
    expect(simulator.stats.refreshes).toBeGreaterThan(3);
    expect(simulator.stats.refreshes).toBeLessThan(8);
  });

  it('does not count renewals that helped', async () => {
    const { connect, refresher, simulator } = await open();
    const key = await connect();
    const one = refresher();
    let grant = await one.current(key);
    for (let round = 0; round < 20; round += 1) {
      simulator.expireAccessTokens();
      grant = await one.current(key, token(grant));
      one.renewed(key, (await world.call(token(grant))) === 200);
    }
    expect(simulator.stats.refreshes).toBe(20);
  });
});

describe('a refresh that is answered for another owner', () => {
  const reason = 'resource_owner_changed';
  const ended = { code: 'needs_reconnect', reason };
  const staff = { id: 'p1', type: 'Staff' };

  const answeringFor = (simulator: Simulator, owner: { id: string; type: string }, times = 9) =>
    simulator.faults.add({ endpoint: 'token', kind: 'change_owner', owner, times });

  it.each([
    ['the practitioner became staff', 'Staff'],
    ['the account is of a kind that is not known', 'Patient'],
  ])('%s → needs reconnect, asked once, its token set revoked once', async (_name, type) => {
    const { connect, refresher, clock, simulator, vault, revocations, seen } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    answeringFor(simulator, { id: key.owner.id, type });
    const one = refresher();
    for (let call = 0; call < 3; call += 1) {
      await expect(one.current(key)).rejects.toMatchObject(ended);
      await expect(one.tryAgain(key)).rejects.toMatchObject(ended);
      clock.advance(2 * MINUTE);
    }
    await revocations.settled();
    expect(await vault.read(key)).toMatchObject({
      status: 'needs_reconnect',
      reconnectReason: reason,
    });
    expect(simulator.stats.refreshes).toBe(1);
    expect(simulator.requests.filter(({ path }) => path.endsWith('/oauth/revoke'))).toHaveLength(2);
    expect(seen.filter((event) => event === `reconnectNeeded: ${reason}`)).toHaveLength(1);
  });

  it('before the token has ended → ended all the same: whose data it reads is not certain', async () => {
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    clock.advance(LIFETIME - MINUTE);
    answeringFor(simulator, staff);
    const one = refresher();
    await one.current(key);
    await one.settled();
    expect((await vault.read(key))!.status).toBe('needs_reconnect');
    await expect(one.current(key)).rejects.toMatchObject(ended);
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('an answer without refresh_token → the old one is not sent once more', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    const oauth = { access_token: 'of-another-account', resource_owner: staff };
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 200, body: { oauth } });
    await expect(refresher().current(key)).rejects.toMatchObject(ended);
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('the store does not take it → 503, and when it does → ended, without asking again', async () => {
    const { store, records } = failingStore();
    const { connect, refresher, clock, simulator, vault } = await open({ records });
    const key = await connect();
    clock.advance(LIFETIME);
    answeringFor(simulator, staff);
    store.down = true;
    const one = refresher();
    await expect(one.current(key)).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(one.current(key)).rejects.toMatchObject({ code: 'store_unavailable' });
    store.down = false;
    await expect(one.current(key)).rejects.toMatchObject(ended);
    expect((await vault.read(key))!.status).toBe('needs_reconnect');
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('the user connects again meanwhile → the new grant wins', async () => {
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    const { opened, open: letGo } = gate();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    simulator.faults.add({
      ...{ endpoint: 'token', grantType: 'refresh_token', kind: 'change_owner' },
      owner: staff,
    });
    const refreshing = refresher().current(key);
    await until(() => simulator.stats.refreshes === 1);
    await connect();
    letGo();
    expect((await refreshing).status).toBe('active');
    expect((await vault.read(key))!.status).toBe('active');
  });

  it('connected again → works', async () => {
    const { connect, refresher, clock, simulator } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    answeringFor(simulator, staff, 1);
    const one = refresher();
    await expect(one.current(key)).rejects.toMatchObject(ended);
    await connect();
    expect(await world.call(token(await one.current(key)))).toBe(200);
  });

  it('what is stored → opens for versions that do not know the reason', async () => {
    const { connect, vault } = await open();
    const active = (await vault.read(await connect()))!;
    const grant = { ...active, status: 'needs_reconnect', reconnectReason: reason } as const;
    const text = encodeGrant(grant);
    expect(JSON.parse(text)).toMatchObject({ s: 'needs_reconnect', w: 'refresh_token_refused' });
    expect(decodeGrant(grant.key, text).reconnectReason).toBe(reason);
    const later = JSON.stringify({ ...(JSON.parse(text) as object), y: 'of_a_later_version' });
    expect(decodeGrant(grant.key, later).reconnectReason).toBe('refresh_token_refused');
  });
});

describe('clocks', () => {
  it.each([-3 * 3600_000, -5 * MINUTE, 5 * MINUTE, 3 * 3600_000])(
    'ours jumping by %d ms → one refresh at the most, no loop',
    async (jump) => {
      const { connect, refresher, clock, simulator } = await open();
      const key = await connect();
      clock.advance(jump);
      const one = refresher();
      for (let call = 0; call < 10; call += 1) {
        await one.current(key);
        await one.settled();
      }
      expect(simulator.stats.refreshes).toBeLessThanOrEqual(1);
    },
  );

  it('a server that says created_at 2021 for ever → one refresh, no loop', async () => {
    const { connect, refresher, simulator } = await open({
      simulator: { now: () => 1623855441000 },
    });
    const key = await connect();
    const one = refresher();
    for (let call = 0; call < 10; call += 1) await one.current(key);
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('a token that lives two seconds is used for most of them', async () => {
    const { connect, refresher, clock, simulator } = await open({
      simulator: { accessTokenLifetime: 2 },
    });
    const key = await connect();
    const one = refresher();
    for (let call = 0; call < 5; call += 1) {
      await one.current(key);
      await one.settled();
      clock.advance(300);
    }
    expect(simulator.stats.refreshes).toBe(0);
  });
});

describe('the save after a refresh', () => {
  it('is repeated when the store fails for a moment', async () => {
    let failures = 0;
    const records = (inner: GrantRecords): GrantRecords => ({
      ...inner,
      compareAndSet: (id, record, expected) => {
        if (failures-- > 0) throw new StoreUnavailableError('save', new Error('down'));
        return inner.compareAndSet(id, record, expected);
      },
    });
    const { connect, refresher, clock, simulator } = await open({ records });
    const key = await connect();
    clock.advance(LIFETIME);
    failures = 3;
    expect(await world.call(token(await refresher().current(key)))).toBe(200);
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('that the store does not take → the caller goes on at once, the lock is held for the tries', async () => {
    const { records, store } = failingStore();
    const { connect, clock, simulator } = await open({ records });
    const key = await connect();
    clock.advance(LIFETIME);
    store.down = true;
    const { opened, open: goOn } = gate();
    const one = createTokenRefresher({ ...world.deps, sleep: () => opened });
    expect(await world.call(token(await one.current(key)))).toBe(200);
    const other = createTokenRefresher({ ...world.deps, journal: createMemoryJournal() });
    const waiter = other.current(key);
    store.down = false;
    goOn();
    expect(await world.call(token(await waiter))).toBe(200);
    expect(one.waiting()).toBe(0);
    expect(simulator.stats.refreshes).toBe(1);
  });

  it('that was carried out although the store said otherwise counts as done', async () => {
    let lie = false;
    const records = (inner: GrantRecords): GrantRecords => ({
      ...inner,
      compareAndSet: async (id, record, expected) => {
        const written = await inner.compareAndSet(id, record, expected);
        if (!lie) return written;
        lie = false;
        throw new StoreUnavailableError('save', new Error('answer lost'));
      },
    });
    const { connect, refresher, clock, simulator } = await open({ records });
    const key = await connect();
    clock.advance(LIFETIME);
    lie = true;
    const grant = await refresher().current(key);
    expect(await world.call(token(grant))).toBe(200);
    expect(simulator.stats).toMatchObject({ refreshes: 1, revokes: 0 });
  });

  it('that fails for good, with no journal either → an error, an unused pair, a grant that works', async () => {
    const { records, store } = failingStore();
    const journal = {
      ...createMemoryJournal(),
      keep: () => Promise.reject(new Error('disk full')),
    };
    const { connect, refresher, clock } = await open({ records, journal });
    const key = await connect();
    clock.advance(LIFETIME);
    store.down = true;
    await expect(refresher().current(key)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(world.seen).toContain('saveFailed: store_unavailable');
    store.down = false;
    expect(await world.call(token(await refresher().current(key)))).toBe(200);
  });

  it('that comes after a disconnect → nothing comes back, and the late pair is revoked', async () => {
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    const { opened, open: answer } = gate();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const late = refresher().current(key);
    await until(() => simulator.stats.refreshes === 1);
    await vault.remove(key);
    answer();
    await expect(late).rejects.toMatchObject({ code: 'grant_not_found' });
    expect(await vault.read(key)).toBeUndefined();
    expect(world.seen).toContain('latePairDiscarded');
    // The pair of the refresh is dead; the one it came from was not revoked by anybody here.
    expect(simulator.stats.livePairs).toBe(1);
  });

  it('that comes after a new sign-in → the new consent wins, and the late pair is revoked', async () => {
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    clock.advance(LIFETIME);
    const { opened, open: answer } = gate();
    simulator.faults.add({
      ...{ endpoint: 'token', kind: 'delay', until: opened, times: 1 },
      grantType: 'refresh_token',
    });
    const late = refresher().current(key);
    await until(() => simulator.stats.refreshes === 1);
    await connect();
    const consented = token((await vault.read(key))!);
    answer();
    expect(token(await late)).toBe(consented);
    expect(token((await vault.read(key))!)).toBe(consented);
    expect(await world.call(consented)).toBe(200);
  });
});

describe('the journal', () => {
  /** A grant whose refreshed pair the store would not take. */
  async function unsaved() {
    const { records, store } = failingStore();
    const { connect, refresher, clock, journal } = await open({ records });
    const key = await connect();
    clock.advance(LIFETIME);
    store.down = true;
    const one = refresher();
    const grant = await one.current(key);
    await one.settled();
    return { key, one, grant, store, journal };
  }

  it('takes a pair that the store does not: the caller gets the new token, nobody the old one', async () => {
    const { key, one, grant, store, journal } = await unsaved();
    expect(await world.call(token(grant))).toBe(200);
    expect(one.waiting()).toBe(1);
    expect(JSON.stringify(journal.entries())).not.toContain(token(grant));
    expect(token(await one.current(key))).toBe(token(grant));
    store.down = false;
    expect(token(await one.current(key))).toBe(token(grant));
    expect(one.waiting()).toBe(0);
    expect(token((await world.vault.read(key))!)).toBe(token(grant));
    expect(world.simulator.stats.refreshes).toBe(1);
    expect(world.seen).toContain('replayed');
  });

  it('is replayed without anybody asking, also by the next process', async () => {
    const { key, grant, store } = await unsaved();
    await world.call(token(grant));
    const next = world.refresher();
    await next.replay();
    expect(next.waiting()).toBe(1);
    store.down = false;
    await next.replay();
    expect(next.waiting()).toBe(0);
    expect(token((await world.vault.read(key))!)).toBe(token(grant));
  });

  it('wins over a process that saw the old token refused and marked the grant', async () => {
    const { key, one, grant, store } = await unsaved();
    await world.call(token(grant));
    store.down = false;
    const other = createTokenRefresher({ ...world.deps, journal: createMemoryJournal() });
    await expect(other.current(key)).rejects.toMatchObject({ code: 'needs_reconnect' });
    await one.replay();
    expect(await other.current(key)).toMatchObject({ status: 'active' });
    expect(token(await other.current(key))).toBe(token(grant));
  });

  it('is waited for by a process that saw the old token refused', async () => {
    const { key, one, grant, store } = await unsaved();
    await world.call(token(grant));
    store.down = false;
    const sleep = () => one.replay();
    const other = createTokenRefresher({ ...world.deps, sleep, journal: createMemoryJournal() });
    expect(token(await other.current(key))).toBe(token(grant));
    expect(world.seen).not.toContain('reconnectNeeded: refresh_token_refused');
  });

  it('gives way to a newer sign-in, and its pair is revoked', async () => {
    const { key, one, store, grant } = await unsaved();
    store.down = false;
    await world.connect();
    const consented = token((await world.vault.read(key))!);
    expect(token(await one.current(key))).toBe(consented);
    expect(one.waiting()).toBe(0);
    expect(await world.call(token(grant))).toBe(401);
    expect(await world.call(consented)).toBe(200);
  });

  it('does not bring back what was disconnected, and its pair is revoked', async () => {
    const { key, one, store, grant } = await unsaved();
    store.down = false;
    await world.disconnect(key);
    await one.replay();
    expect(one.waiting()).toBe(0);
    expect(await world.vault.read(key)).toBeUndefined();
    expect(await world.call(token(grant))).toBe(401);
  });
});

describe('pairs of earlier sign-ins', () => {
  it('live on while calls may be in flight, and are revoked after the next refresh', async () => {
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    const first = token((await vault.read(key))!);
    for (let again = 0; again < 2; again += 1) await connect();
    expect(await world.call(first)).toBe(200);
    clock.advance(LIFETIME);
    const one = refresher();
    const grant = await one.current(key);
    await one.settled();
    expect((await vault.read(key))!.superseded).toEqual([]);
    expect(await world.call(token(grant))).toBe(200);
    expect(simulator.stats.livePairs).toBe(1);
  });

  it('that Fullscript does not confirm are kept for the next time', async () => {
    const { connect, refresher, clock, simulator, vault } = await open();
    const key = await connect();
    await connect();
    simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 500, times: 1 });
    const one = refresher();
    for (const left of [1, 0]) {
      clock.advance(LIFETIME);
      await world.call(token(await one.current(key)));
      await one.settled();
      expect((await vault.read(key))!.superseded).toHaveLength(left);
    }
    expect(simulator.stats.livePairs).toBe(1);
  });

  it('of a moment ago are remembered, ten at the most; the others are revoked at once', async () => {
    const { connect, vault, simulator, signIn } = await open();
    const key = await connect();
    for (let again = 0; again < 14; again += 1) await connect();
    await signIn.settled();
    expect((await vault.read(key))!.superseded).toHaveLength(10);
    expect(simulator.stats.livePairs).toBe(11);
    expect(await world.disconnect(key)).toBe('revoked');
    expect(simulator.stats.livePairs).toBe(0);
  });

  it('of earlier days are revoked by the next sign-in, all but the last one', async () => {
    const { connect, clock, simulator, signIn } = await open();
    for (let day = 0; day < 5; day += 1) {
      await connect();
      await signIn.settled();
      clock.advance(24 * 60 * MINUTE);
    }
    expect(simulator.stats.livePairs).toBe(2);
  });
});

describe('waiting', () => {
  it('for a holder that does not finish → refresh_busy, and the grant untouched', async () => {
    const { connect, refresher, clock, vault } = await open({
      lock: { run: () => Promise.reject(new LockTimeoutError()) },
    });
    const key = await connect();
    clock.advance(LIFETIME);
    await expect(refresher().current(key)).rejects.toMatchObject({ code: 'refresh_busy' });
    expect((await vault.read(key))!.status).toBe('active');
  });

  it('for an unknown user → grant_not_found', async () => {
    const { refresher } = await open();
    const key = { registration: 'us-sandbox', owner: { id: 'nobody', type: 'Staff' } } as const;
    await expect(refresher().current(key)).rejects.toMatchObject({ code: 'grant_not_found' });
  });
});
