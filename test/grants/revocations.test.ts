import { createSecretKey, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createCipher } from '../../src/grants/cipher.js';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { openRevocation, sealRevocation } from '../../src/grants/revocation-codec.js';
import type { QueuedRevocation, RevocationQueue } from '../../src/grants/revocation-queue.js';
import { handBackIn, retryIn } from '../../src/grants/revocation-retry.js';
import { createRevocations } from '../../src/grants/revocations.js';
import { secret } from '../../src/oauth/secret.js';
import { MINUTE, type Custody, openCustody } from '../support/custody.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';

const SECOND = 1_000;
const HOUR = 60 * MINUTE;
const ana = { registration: 'us-sandbox', owner: { id: 'ana', type: 'Practitioner' } } as const;

let world: Custody;

/** A queue that keeps what it is given, for the test to deliver. */
function createShelf() {
  const kept = new Map<string, { entry: QueuedRevocation; inMs: number }>();
  const state = { down: false };
  const call = (work: () => void) => {
    if (state.down) return Promise.reject(new StoreUnavailableError('test', undefined));
    work();
    return Promise.resolve();
  };
  const queue: RevocationQueue = {
    add: (entry, inMs) => call(() => kept.set(entry.id, { entry, inMs })),
    remove: (id) => call(() => kept.delete(id)),
    counts: () => Promise.reject(new Error('not asked here')),
    deliver: () => undefined,
    close: () => Promise.resolve(),
  };
  return { queue, state, kept: () => [...kept.values()] };
}

/** A user who connected, and as a rule disconnected. */
async function open({ connected = false } = {}) {
  const shelf = createShelf();
  world = await openCustody({ queue: shelf.queue });
  const revocations = createRevocations({ ...world.deps, queue: shelf.queue, random: () => 1 });
  const key = await world.connect();
  const { tokens } = (await world.vault.read(key))!;
  if (!connected) await world.vault.remove(key);
  const both = [tokens.refreshToken!, tokens.accessToken];
  /** Tokens that arrived at the revocation endpoint, in order. */
  const sent = () =>
    world.simulator.requests
      .filter(({ path }) => path.endsWith('/oauth/revoke'))
      .map(({ body }) => (JSON.parse(body) as { token: string }).token);
  const held = () => shelf.kept().map(({ entry }) => openRevocation(world.cipher, entry));
  return { ...shelf, revocations, key, both, sent, held, revocation: { ...key, tokens: both } };
}

const failWith = (status: number, extra = {}) =>
  world.simulator.faults.add({ endpoint: 'revoke', kind: 'status', status, ...extra });

describe('handBackIn', () => {
  const ages = (now: number) => handBackIn({ addedAt: 0, now });

  it.each([
    [0, 1_000],
    [10_000, 1_000],
    [10 * MINUTE, MINUTE],
    [10 * HOUR, 30 * MINUTE],
    [24 * HOUR - 5, 5],
    [24 * HOUR, undefined],
  ])('a job that is %d ms old → to the others in %p ms', (age, inMs) => {
    expect(ages(age)).toBe(inMs);
  });

  it('nobody can open it → tried on for a day, and not all the time', () => {
    let [now, times] = [10_000, 0];
    for (let inMs = ages(now); inMs !== undefined; inMs = ages(now)) {
      now += inMs;
      times += 1;
    }
    expect(times).toBeLessThan(150);
  });
});

describe('retryIn', () => {
  const failed = { addedAt: 0, attempts: 1, now: 0, random: 1 };

  it('waits five seconds, then twice as long each time, up to half an hour', () => {
    const waits = [1, 2, 3, 4, 9, 10, 11, 70].map((attempts) => retryIn({ ...failed, attempts }));
    const expected = [5, 10, 20, 40, 1280, 1800, 1800, 1800].map((s) => s * SECOND);
    expect(waits).toEqual(expected);
  });

  it('is between half of that and all of it, by chance', () => {
    expect(retryIn({ ...failed, random: 0 })).toBe(2.5 * SECOND);
    expect(retryIn({ ...failed, random: 0.5 })).toBe(3.75 * SECOND);
  });

  it('is not before Fullscript said', () => {
    expect(retryIn({ ...failed, retryAfterMs: 2 * HOUR })).toBe(2 * HOUR);
    expect(retryIn({ ...failed, retryAfterMs: SECOND })).toBe(5 * SECOND);
  });

  it('is a last time when the day is over, and never after it', () => {
    const late = { ...failed, attempts: 60 };
    expect(retryIn({ ...late, now: 24 * HOUR - MINUTE })).toBe(MINUTE);
    expect(retryIn({ ...late, now: HOUR, retryAfterMs: 99 * HOUR })).toBe(23 * HOUR);
    expect(retryIn({ ...late, now: 24 * HOUR })).toBeUndefined();
  });

  it('makes some seventy attempts in a day', () => {
    let now = 0;
    let attempts = 1;
    for (;;) {
      const inMs = retryIn({ ...failed, attempts, now });
      if (inMs === undefined) break;
      now += inMs;
      attempts += 1;
    }
    expect(now).toBe(24 * HOUR);
    expect(attempts).toBeGreaterThan(40);
    expect(attempts).toBeLessThan(80);
  });
});

describe('a queued revocation', () => {
  const cipher = createCipher([{ id: 'k1', key: createSecretKey(randomBytes(32)) }]);
  const pending = {
    ...ana,
    tokens: [secret('token-1'), secret('token-2')],
    addedAt: 5,
    attempts: 2,
  };

  it('is opened as it was sealed, and shows no token', () => {
    const entry = sealRevocation(cipher, 'one', pending);
    expect(entry).toMatchObject({ id: 'one', addedAt: 5 });
    expect(JSON.stringify(entry)).not.toMatch(/token-1|token-2|ana/);
    const opened = openRevocation(cipher, entry);
    expect(opened).toMatchObject({ ...ana, addedAt: 5, attempts: 2 });
    expect(opened.tokens.map((one) => one.reveal())).toEqual(['token-1', 'token-2']);
  });

  it('does not open under another id, with another age, or as something else', () => {
    const entry = sealRevocation(cipher, 'one', pending);
    expect(() => openRevocation(cipher, { ...entry, id: 'two' })).toThrow(/does not open/);
    expect(() => openRevocation(cipher, { ...entry, addedAt: 6 })).toThrow(/does not open/);
    const sealed = cipher.seal('{"tokens":1}', 'revocation one 5');
    expect(() => openRevocation(cipher, { ...entry, sealed })).toThrow(/does not open/);
  });
});

describe('revocations', () => {
  afterEach(() => world.close());

  it('added → queued before anything is sent, done by the first attempt, and gone', async () => {
    const { revocations, revocation, kept, sent, both } = await open();
    const { attempt } = await revocations.add(revocation);
    expect(kept()).toMatchObject([{ inMs: 10 * SECOND }]);
    expect(sent()).toEqual([]);
    expect(await attempt()).toBe(true);
    expect(sent()).toEqual(both.map((token) => token.reveal()));
    expect(kept()).toEqual([]);
    expect(world.simulator.stats.livePairs).toBe(0);
  });

  it.each([
    ['500', { kind: 'status', status: 500 }, 'server_error'],
    ['503', { kind: 'status', status: 503 }, 'server_error'],
    ['429', { kind: 'status', status: 429 }, 'rate_limited'],
    [
      '401 invalid_client',
      { kind: 'status', status: 401, body: { error: 'invalid_client' } },
      'invalid_client',
    ],
    ['no answer', { kind: 'drop' }, 'no_answer'],
  ] as const)(
    '%s → kept for a second attempt, and the rest not even sent',
    async (_n, fault, code) => {
      const { revocations, revocation, held, kept, sent } = await open();
      world.simulator.faults.add({ endpoint: 'revoke', ...fault });
      const { attempt } = await revocations.add(revocation);
      expect(await attempt()).toBe(false);
      expect(sent()).toHaveLength(1);
      expect(kept()).toMatchObject([{ inMs: 5 * SECOND }]);
      expect(held()[0]).toMatchObject({ attempts: 1, owner: revocation.owner });
      expect(world.seen).toContain(`revokeFailed: ${code}`);
    },
  );

  it('Fullscript says when to come back → not before that', async () => {
    const { revocations, revocation, kept } = await open();
    failWith(503, { headers: { 'Retry-After': '120' } });
    await (await revocations.add(revocation)).attempt();
    expect(kept()).toMatchObject([{ inMs: 120 * SECOND }]);
  });

  it('a token that is refused does not keep the next ones from being revoked', async () => {
    const { revocations, revocation, held, both } = await open();
    failWith(403, { body: { error: 'unauthorized_client' }, times: 1 });
    expect(await (await revocations.add(revocation)).attempt()).toBe(false);
    const [rest] = held();
    expect(rest!.tokens.map((one) => one.reveal())).toEqual([both[0]!.reveal()]);
  });

  it('what was confirmed is struck, and a retry only sends the rest', async () => {
    const { revocations, revocation, kept, both, sent } = await open();
    const undo = failWith(500);
    await (await revocations.add(revocation)).attempt();
    undo();
    const { entry } = kept()[0]!;
    // The refresh token goes through, the access token does not.
    const { opened, open: answer } = gate();
    const slow = { endpoint: 'revoke', kind: 'delay', until: opened, times: 1 } as const;
    world.simulator.faults.add(slow);
    const first = revocations.handle(entry);
    await until(() => sent().length === 2);
    const undoAgain = failWith(500);
    answer();
    const again = (await first)!;
    undoAgain();
    const rest = { ...entry, sealed: again.sealed };
    const left = openRevocation(world.cipher, rest);
    expect(left).toMatchObject({ attempts: 2 });
    expect(again.inMs).toBe(10 * SECOND);
    expect(await revocations.handle(rest)).toBeUndefined();
    expect(sent().slice(-left.tokens.length)).toEqual(left.tokens.map((one) => one.reveal()));
    expect(left.tokens.map((one) => one.reveal())).toEqual([both[1]!.reveal()]);
    expect(world.seen).toContain('revocationConfirmed');
  });

  it('a token Fullscript does not know → 200, which is done', async () => {
    const { revocations, revocation, kept } = await open();
    const tokens = [secret('never-issued')];
    expect(await (await revocations.add({ ...revocation, tokens })).attempt()).toBe(true);
    expect(kept()).toEqual([]);
  });

  it('a day of failures → given up, reported, and not queued again', async () => {
    const { revocations, revocation, kept } = await open();
    failWith(500);
    await (await revocations.add(revocation)).attempt();
    let { entry, inMs } = kept()[0]!;
    let deliveries = 0;
    for (;;) {
      world.clock.advance(inMs);
      const again = await revocations.handle(entry);
      deliveries += 1;
      if (again === undefined) break;
      entry = { ...entry, sealed: again.sealed };
      inMs = again.inMs;
    }
    expect(world.clock.now() - entry.addedAt).toBe(24 * HOUR);
    expect(deliveries).toBeGreaterThan(40);
    expect(world.seen.filter((event) => event.startsWith('revocationGivenUp'))).toEqual([
      'revocationGivenUp: server_error',
    ]);
  });

  it('a registration that is no longer configured → tried on, not lost', async () => {
    const { queue, kept, revocation } = await open();
    const registration = () => {
      throw new Error('unknown');
    };
    const revocations = createRevocations({ ...world.deps, queue, registration });
    expect(await (await revocations.add(revocation)).attempt()).toBe(false);
    expect(kept()).toHaveLength(1);
  });

  it('the key is missing → kept as it is, and done when the key is back within the day', async () => {
    const { revocations, revocation, queue, kept } = await open();
    await revocations.add(revocation);
    const { entry } = kept()[0]!;
    const cipher = createCipher([{ id: 'k2', key: createSecretKey(randomBytes(32)) }]);
    const without = createRevocations({ ...world.deps, cipher, queue });
    expect(await without.handle(entry)).toEqual({ sealed: entry.sealed, inMs: 1_000 });
    expect(world.seen).toContain('revokeFailed: sealing_key_missing');
    expect(await revocations.handle(entry)).toBeUndefined();
    expect(world.simulator.stats.livePairs).toBe(0);
    world.clock.advance(24 * HOUR);
    expect(await without.handle(entry)).toBeUndefined();
    expect(world.seen).toContain('revocationGivenUp: sealing_key_missing');
  });

  it('the store fails → nothing is added, and the caller hears of it', async () => {
    const { revocations, revocation, state, sent } = await open();
    state.down = true;
    await expect(revocations.add(revocation)).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(sent()).toEqual([]);
  });

  it('the store fails after the first attempt → the entry stays as it was', async () => {
    const { revocations, revocation, state, held } = await open();
    const { attempt } = await revocations.add(revocation);
    failWith(500);
    state.down = true;
    expect(await attempt()).toBe(false);
    expect(held()).toMatchObject([{ attempts: 0 }]);
  });

  it('without an entry → tried at once, and queued only when it fails', async () => {
    const { revocations, revocation, kept } = await open();
    expect(await revocations.revoke(revocation)).toBe(true);
    expect(kept()).toEqual([]);
    failWith(500);
    expect(await revocations.revoke(revocation)).toBe(false);
    expect(kept()).toHaveLength(1);
  });

  it('a pair that came too late and cannot be revoked → queued', async () => {
    const { key, held, both } = await open({ connected: true });
    world.clock.advance(2 * HOUR);
    const { opened, open: answer } = gate();
    world.simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    failWith(503);
    const late = world.refresher().current(key);
    await until(() => world.simulator.stats.refreshes === 1);
    await world.vault.remove(key);
    answer();
    await expect(late).rejects.toMatchObject({ code: 'grant_not_found' });
    const [pending] = held();
    expect(pending).toMatchObject({ registration: 'us-sandbox', owner: undefined, attempts: 1 });
    expect(pending!.tokens).toHaveLength(2);
    const stored = both.map((token) => token.reveal());
    for (const token of pending!.tokens) expect(stored).not.toContain(token.reveal());
  });

  it('settled → when the attempts made here are over', async () => {
    const { revocations, revocation } = await open();
    const { opened, open: answer } = gate();
    world.simulator.faults.add({ endpoint: 'revoke', kind: 'delay', until: opened, times: 1 });
    let over = false;
    const attempt = revocations.revoke(revocation);
    const settled = revocations.settled().then(() => (over = true));
    await until(() => world.simulator.requests.some(({ path }) => path.endsWith('/revoke')));
    expect(over).toBe(false);
    answer();
    await Promise.all([attempt, settled]);
  });
});

describe('a revocation that is delivered when the user is back', () => {
  afterEach(() => world.close());

  it('with the same pair → leaves alone what is in use', async () => {
    const { revocations, revocation, sent, kept } = await open({ connected: true });
    failWith(503);
    await (await revocations.add({ ...revocation, connectedAt: 1 })).attempt();
    world.simulator.faults.reset();
    const before = sent().length;
    const { entry } = kept()[0]!;
    expect(await revocations.handle(entry)).toBeUndefined();
    expect(sent()).toHaveLength(before);
    expect(world.simulator.stats.livePairs).toBe(1);
  });

  it('with another pair → ends the old one', async () => {
    const { revocations, revocation, key, kept } = await open();
    failWith(503);
    await (await revocations.add(revocation)).attempt();
    world.simulator.faults.reset();
    await world.connect();
    const { entry } = kept()[0]!;
    expect(await revocations.handle(entry)).toBeUndefined();
    expect(world.simulator.stats.livePairs).toBe(1);
    const { tokens } = (await world.vault.read(key))!;
    expect(await world.call(tokens.accessToken.reveal())).toBe(200);
  });
});
