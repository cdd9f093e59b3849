import { createSecretKey, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type SealingKey, createCipher } from '../../src/grants/cipher.js';
import { createDisconnect } from '../../src/grants/disconnect.js';
import {
  GrantNotFoundError,
  NeedsReconnectError,
  StoreUnavailableError,
} from '../../src/grants/errors.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import { type GrantKey, grantId } from '../../src/grants/grant.js';
import { patiently } from '../../src/grants/patience.js';
import { createRefreshFlights } from '../../src/grants/refresh-flights.js';
import { freshness } from '../../src/grants/refresh-policy.js';
import { usable } from '../../src/grants/usable.js';
import { createVault, sealContext } from '../../src/grants/vault.js';
import { createMemoryGrantRecords } from '../../src/memory/grant-records.js';
import type { QueuedRevocation } from '../../src/grants/revocation-queue.js';
import { createMemoryRevocationQueue } from '../../src/memory/revocation-queue.js';
import { secret } from '../../src/oauth/secret.js';
import { MINUTE, type Custody, openCustody } from '../support/custody.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';

const key = (id: string): SealingKey => ({ id, key: createSecretKey(randomBytes(32)) });
const k1 = key('k1');
const k2 = key('k2');
const ana: GrantKey = {
  registration: 'us-sandbox',
  owner: { id: 'xx7x357x-9x36-xxxx-x553-7x3xx398xxx', type: 'Practitioner' },
};
const ben: GrantKey = { ...ana, owner: { id: 'ben', type: 'Practitioner' } };

function grantOf(owner: GrantKey) {
  return {
    key: owner,
    status: 'active' as const,
    reconnectReason: undefined,
    connectedAt: 1,
    superseded: [secret('superseded-of-' + owner.owner.id)],
    tokens: {
      accessToken: secret('access-of-' + owner.owner.id),
      refreshToken: secret('refresh-of-' + owner.owner.id),
      scope: ['clinic:read', 'future:scope'],
      obtainedAt: 1_000,
      expiresAt: 7_201_000,
    },
  };
}

describe('grantId', () => {
  it('keeps registrations, types and ids apart, whatever an id contains', () => {
    const ids = ['a', 'a:b', 'a*', '{a}', 'ä', 'a/b', 'a%3Ab', "a'(b)!~", ' a', 'A'];
    const keys = ids.flatMap((id) =>
      (['Practitioner', 'Staff', 'Clinic'] as const).flatMap((type) =>
        (['us-sandbox', 'ca-sandbox'] as const).map((registration) => ({
          registration,
          owner: { id, type },
        })),
      ),
    );
    expect(new Set(keys.map(grantId)).size).toBe(keys.length);
    for (const one of keys) expect(grantId(one)).toMatch(/^[\w%.-]+:[A-Z][a-z]+:[\w%.-]+$/);
  });
});

describe('cipher', () => {
  it('opens what it sealed, and never seals the same text to the same record', () => {
    const cipher = createCipher([k1]);
    const [a, b] = [cipher.seal('text', 'ctx'), cipher.seal('text', 'ctx')];
    expect(a).not.toBe(b);
    expect(cipher.open(a, 'ctx')).toBe('text');
  });

  it('refuses a record in another context, altered in any byte, or cut', () => {
    const cipher = createCipher([k1]);
    const sealed = cipher.seal('text', 'ctx');
    expect(() => cipher.open(sealed, 'other')).toThrow(/does not open/);
    const [id, body = ''] = sealed.split('.');
    const bytes = Buffer.from(body, 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const altered = Buffer.from(bytes);
      altered[at]! ^= 1;
      expect(() => cipher.open(`${id}.${altered.toString('base64url')}`, 'ctx')).toThrow(
        /does not open/,
      );
    }
    expect(() => cipher.open(`${id}.AAAA`, 'ctx')).toThrow(/does not open/);
  });

  it('reads records of an older key and seals with the first one', () => {
    const old = createCipher([k1]).seal('text', 'ctx');
    const both = createCipher([k2, k1]);
    expect(both.open(old, 'ctx')).toBe('text');
    expect(both.seal('text', 'ctx')).toMatch(/^k2\./);
  });

  it('without the key a record names → fails closed and names the key', () => {
    const old = createCipher([k1]).seal('text', 'ctx');
    expect(() => createCipher([k2]).open(old, 'ctx')).toThrow(/"k1".*TOKEN_ENCRYPTION_KEYS/);
    expect(() => createCipher([k2]).open('no dot', 'ctx')).toThrow(/sealed with key/);
  });
});

describe('vault', () => {
  const open = () => {
    const records = createMemoryGrantRecords();
    return { records, vault: createVault({ records, cipher: createCipher([k1]) }) };
  };

  it('gives back what was written, tokens included', async () => {
    const { vault } = open();
    await vault.write(grantOf(ana), 0);
    const read = (await vault.read(ana))!;
    expect(read).toMatchObject({ key: ana, version: 1, status: 'active', connectedAt: 1 });
    expect(read.tokens.accessToken.reveal()).toBe(grantOf(ana).tokens.accessToken.reveal());
    expect(read.tokens.refreshToken!.reveal()).toBe(grantOf(ana).tokens.refreshToken.reveal());
    expect(read.superseded.map((one) => one.reveal())).toEqual(['superseded-of-' + ana.owner.id]);
    expect(read.tokens.scope).toEqual(['clinic:read', 'future:scope']);
  });

  it('lets one of two writers with the same version through', async () => {
    const { vault } = open();
    const results = await Promise.all([vault.write(grantOf(ana), 0), vault.write(grantOf(ana), 0)]);
    expect(results.filter((grant) => grant !== undefined)).toHaveLength(1);
  });

  it('does not open a record that was swapped with another user’s or rolled back', async () => {
    const { vault, records } = open();
    await vault.write(grantOf(ana), 0);
    await vault.write(grantOf(ben), 0);
    const bens = (await records.read(grantId(ben)))!;
    await records.compareAndSet(grantId(ana), { ...bens, version: 2 }, 1);
    await expect(vault.read(ana)).rejects.toMatchObject({ code: 'seal_broken' });
    await records.compareAndSet(grantId(ben), { sealed: bens.sealed, version: 2 }, 1);
    await expect(vault.read(ben)).rejects.toMatchObject({ code: 'seal_broken' });
  });

  it.each(['', 'no JSON', 'null', '{}', '{"s":"asleep"}'])(
    'does not open a record in which %j is sealed',
    async (text) => {
      const { vault, records } = open();
      const context = sealContext(grantId(ana), 1);
      const sealed = createCipher([k1]).seal(text, context);
      await records.compareAndSet(grantId(ana), { version: 1, sealed }, 0);
      await expect(vault.read(ana)).rejects.toMatchObject({ code: 'seal_broken' });
    },
  );

  it('stores no token in clear, and a grant prints none', async () => {
    const { vault, records } = open();
    const written = (await vault.write(grantOf(ana), 0))!;
    const stored = JSON.stringify(await records.read(grantId(ana)));
    const printed = `${JSON.stringify(written)} ${inspect(written, { depth: 9 })}`;
    expect(`${stored} ${printed}`).not.toMatch(/access-of|refresh-of|superseded-of/);
  });
});

describe('freshness', () => {
  const tokens = { accessToken: secret('t'), obtainedAt: 0, expiresAt: 7200_000 };
  it.each([
    [0, 'fresh'],
    [7200_000 - 5 * MINUTE - 1, 'fresh'],
    [7200_000 - 5 * MINUTE, 'early'],
    [7200_000 - 2_001, 'early'],
    [7200_000 - 2_000, 'expired'],
    [7200_000 + 1, 'expired'],
  ])('of a two-hour token after %d ms → %s', (now, expected) => {
    expect(freshness(tokens, { now })).toBe(expected);
  });

  it('of a token just obtained is fresh, however short it lives', () => {
    for (const lifetime of [1, 10, 1_000, 2_000, 60_000]) {
      const short = { accessToken: secret('t'), obtainedAt: 0, expiresAt: lifetime };
      expect(freshness(short, { now: 0 })).toBe('fresh');
    }
  });

  it('of the rejected token is expired, of any other one not', () => {
    expect(freshness(tokens, { now: 0, rejected: 't' })).toBe('expired');
    expect(freshness(tokens, { now: 0, rejected: 'u' })).toBe('fresh');
  });
});

describe('usable', () => {
  it('tells a missing grant from one that needs reconnect', () => {
    expect(() => usable(undefined)).toThrow(GrantNotFoundError);
    const ended = { ...grantOf(ana), version: 1, status: 'needs_reconnect' as const };
    expect(() => usable(ended)).toThrow(NeedsReconnectError);
  });
});

describe('refresh flights', () => {
  it('join callers of one grant, keep grants apart, and leave nothing behind after a failure', async () => {
    const flights = createRefreshFlights();
    let started = 0;
    const renew = () => {
      started += 1;
      return Promise.reject(new Error('no'));
    };
    const [a, b] = [ana, ana].map((one) => flights.join(one, { early: false, renew }));
    const other = flights.join(ben, { early: false, renew });
    await Promise.allSettled([a!.result, b!.result, other.result]);
    await flights.settled();
    expect({ started, left: flights.has(ana) }).toEqual({ started: 2, left: false });
  });
});

describe('disconnect', () => {
  let world: Custody;
  afterEach(() => world.close());

  it('revokes refresh token and access token, in this order, and forgets the grant', async () => {
    world = await openCustody();
    const owner = await world.connect();
    const { tokens } = (await world.vault.read(owner))!;
    expect(await world.disconnect(owner)).toBe('revoked');
    expect(await world.vault.read(owner)).toBeUndefined();
    const revoked = world.simulator.requests
      .filter(({ path }) => path.endsWith('/oauth/revoke'))
      .map(({ body }) => (JSON.parse(body) as { token: string }).token);
    expect(revoked).toEqual([tokens.refreshToken!.reveal(), tokens.accessToken.reveal()]);
    expect(world.simulator.stats.livePairs).toBe(0);
  });

  it.each([
    ['500', { kind: 'status', status: 500 }],
    ['no answer', { kind: 'drop' }],
  ] as const)(
    'with %s from Fullscript → forgotten here at once, and tried on',
    async (_n, fault) => {
      world = await openCustody();
      const owner = await world.connect();
      world.simulator.faults.add({ endpoint: 'revoke', ...fault });
      expect(await world.disconnect(owner)).toBe('retrying');
      expect(await world.vault.read(owner)).toBeUndefined();
      expect(world.seen).toContain('disconnected: retrying');
    },
  );

  it('is queued before the record goes, and nothing is sent before both', async () => {
    const steps: string[] = [];
    const inner = createMemoryRevocationQueue();
    const queue = {
      ...inner,
      add: async (...args: Parameters<typeof inner.add>) => {
        steps.push('queued');
        await inner.add(...args);
      },
    };
    const records = (plain: GrantRecords): GrantRecords => ({
      ...plain,
      remove: async (...args) => {
        steps.push(`removed, ${revoked()} sent`);
        return plain.remove(...args);
      },
    });
    const revoked = () =>
      world.simulator.requests.filter(({ path }) => path.endsWith('/oauth/revoke')).length;
    world = await openCustody({ queue, records });
    const owner = await world.connect();
    await world.disconnect(owner);
    expect([...steps, `${revoked()} sent`]).toEqual(['queued', 'removed, 0 sent', '2 sent']);
  });

  it('when the queue does not take it → fails, and nothing has changed', async () => {
    const add = () => Promise.reject(new StoreUnavailableError('test', undefined));
    world = await openCustody({ queue: { ...createMemoryRevocationQueue(), add } });
    const owner = await world.connect();
    await expect(world.disconnect(owner)).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(await world.vault.read(owner)).toMatchObject({ status: 'active' });
    expect(world.simulator.stats.livePairs).toBe(1);
  });

  it('cut off before the record went → its tokens are revoked, and the user sees that it ended', async () => {
    const queued: QueuedRevocation[] = [];
    const add = (entry: QueuedRevocation) => Promise.resolve(void queued.push(entry));
    let dead = true;
    const records = (plain: GrantRecords): GrantRecords => ({
      ...plain,
      remove: (...args) => {
        if (dead) return Promise.reject(new StoreUnavailableError('test', undefined));
        return plain.remove(...args);
      },
    });
    world = await openCustody({ queue: { ...createMemoryRevocationQueue(), add }, records });
    const owner = await world.connect();
    await expect(world.disconnect(owner)).rejects.toBeInstanceOf(StoreUnavailableError);
    dead = false;
    expect(await world.revocations.handle(queued[0]!)).toBeUndefined();
    expect(world.simulator.stats.livePairs).toBe(0);
    const { accessToken } = (await world.vault.read(owner))!.tokens;
    const again = world.refresher().current(owner, accessToken.reveal());
    await expect(again).rejects.toMatchObject({ code: 'needs_reconnect' });
  });

  it('while the user signs in once more → ends what that stored too', async () => {
    let during: (() => Promise<unknown>) | undefined;
    const queue = createMemoryRevocationQueue();
    const add = async (...args: Parameters<typeof queue.add>) => {
      await queue.add(...args);
      const signIn = during;
      during = undefined;
      await signIn?.();
    };
    world = await openCustody({ queue: { ...queue, add } });
    const owner = await world.connect();
    during = () => world.connect();
    expect(await world.disconnect(owner)).toBe('revoked');
    expect(await world.vault.read(owner)).toBeUndefined();
    expect(world.simulator.stats.livePairs).toBe(0);
  });

  it('when Fullscript hangs → is answered after a while, and goes on', async () => {
    world = await openCustody();
    const owner = await world.connect();
    const { opened, open } = gate();
    world.simulator.faults.add({ endpoint: 'revoke', kind: 'delay', until: opened, times: 1 });
    const disconnect = createDisconnect({ ...world.deps, confirmationWaitMs: 20 });
    expect(await disconnect(owner)).toBe('retrying');
    expect(await world.vault.read(owner)).toBeUndefined();
    open();
    await world.revocations.settled();
    expect(world.simulator.stats.livePairs).toBe(0);
  });

  it('ends the pairs of earlier sign-ins of the same user too', async () => {
    world = await openCustody();
    const owner = await world.connect();
    for (let again = 0; again < 3; again += 1) await world.connect();
    expect(world.simulator.stats.livePairs).toBe(4);
    expect(await world.disconnect(owner)).toBe('revoked');
    expect(world.simulator.stats.livePairs).toBe(0);
  });

  it('waits for a refresh that is running and ends its pair', async () => {
    world = await openCustody();
    const owner = await world.connect();
    world.clock.advance(7200_000);
    const { opened, open } = gate();
    world.simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const refreshing = world.refresher().current(owner);
    await until(() => world.simulator.stats.refreshes === 1);
    const gone = world.disconnect(owner);
    open();
    await refreshing;
    expect(await gone).toBe('revoked');
    expect(await world.vault.read(owner)).toBeUndefined();
  });

  it('twice → the second time there is nothing left to end', async () => {
    world = await openCustody();
    const owner = await world.connect();
    expect(await world.disconnect(owner)).toBe('revoked');
    expect(await world.disconnect(owner)).toBe('revoked');
  });

  it('of a record that cannot be opened → it is gone all the same', async () => {
    world = await openCustody();
    const owner = await world.connect();
    await world.records.compareAndSet(grantId(owner), { version: 9, sealed: 'k9.AAAA' }, 1);
    expect(await world.disconnect(owner)).toBe('unreadable');
    expect(await world.records.read(grantId(owner))).toBeUndefined();
  });
});

describe('patiently', () => {
  it('the store fails → six attempts, each pause twice as long as the one before', async () => {
    const pauses: number[] = [];
    const sleep = (ms: number) => Promise.resolve(pauses.push(ms));
    const down = new StoreUnavailableError('a save', new Error('down'));
    let attempts = 0;
    const work = () => {
      attempts += 1;
      return Promise.reject(down);
    };
    await expect(patiently(sleep, work)).rejects.toBe(down);
    expect({ attempts, pauses }).toEqual({ attempts: 6, pauses: [100, 200, 400, 800, 1_600] });
  });
});
