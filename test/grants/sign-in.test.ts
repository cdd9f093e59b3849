import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { grantId } from '../../src/grants/grant.js';
import type { OpenSignInLimits } from '../../src/grants/open-sign-ins.js';
import { type OpenSignIn, type SignIn, createSignIn } from '../../src/grants/sign-in.js';
import { codeChallenge } from '../../src/oauth/pkce.js';
import { approve } from '../simulator/drive.js';
import { type Custody, type CustodyOptions, openCustody } from '../support/custody.js';
import { gate } from '../support/gate.js';
import { holdUp } from '../support/hold-up.js';

let world: Custody;
afterEach(() => world.close());

/** A browser tab that went to Fullscript and came back. */
async function tab(
  options: { decision?: 'approve' | 'deny'; returnTo?: string; person?: string } = {},
) {
  const { signIn, deps, simulator } = world;
  const { returnTo, decision = 'approve' } = options;
  const started = await signIn.start({ registration: deps.registration(), returnTo });
  const person = options.person ?? simulator.people[0]!.id;
  const location = await approve({ authorizeUrl: started.location, person, decision });
  const query = new URL(location).searchParams;
  const mine = (id: string) => (id === started.stateId ? started.binding : undefined);
  return {
    ...{ started, query },
    again: () => signIn.finish({ query, bindingOf: mine }),
    finish: async (bindingOf = mine) => {
      const finished = await signIn.finish({ query, bindingOf });
      if ('begun' in finished) throw new Error('a callback like this one has come before');
      return finished;
    },
  };
}

async function open(options: CustodyOptions = {}) {
  world = await openCustody(options);
}

const exchanges = () => world.simulator.stats.exchanges;

describe('a sign-in', () => {
  it('ends in a grant of the person who consented', async () => {
    await open();
    for (const { id, type } of world.simulator.people) {
      const { key } = await (await tab({ person: id })).finish();
      expect(key).toEqual({ registration: 'us-sandbox', owner: { id, type } });
      expect((await world.vault.read(key))!.status).toBe('active');
    }
  });

  it('of an application from before 26 August 2021 ends in a grant of the clinic', async () => {
    await open({ simulator: { legacyClinicTokens: true } });
    const { key } = await (await tab()).finish();
    expect(key.owner.type).toBe('Clinic');
  });

  it('gives ten tabs their own returnTo, whichever order they finish in', async () => {
    await open();
    const tabs = [];
    for (let i = 0; i < 10; i += 1) tabs.push(await tab({ returnTo: `/tab/${i}` }));
    const finished = await Promise.all(
      tabs
        .slice()
        .reverse()
        .map((one) => one.finish()),
    );
    expect(finished.map(({ returnTo }) => returnTo)).toEqual(
      tabs
        .map((_, i) => `/tab/${i}`)
        .slice()
        .reverse(),
    );
    const grant = await world.vault.read(finished[0]!.key);
    expect(grant!.version).toBe(10);
    expect(await world.call(grant!.tokens.accessToken.reveal())).toBe(200);
  });

  it('again by the same person replaces the grant', async () => {
    await open();
    const { key } = await (await tab()).finish();
    const first = (await world.vault.read(key))!;
    await (await tab()).finish();
    const second = (await world.vault.read(key))!;
    expect(second.version).toBe(first.version + 1);
    expect(second.tokens.accessToken.reveal()).not.toBe(first.tokens.accessToken.reveal());
  });

  it('after a disconnect makes a grant with a higher version', async () => {
    await open();
    const { key } = await (await tab()).finish();
    await world.disconnect(key);
    await (await tab()).finish();
    expect((await world.vault.read(key))!.version).toBe(3);
  });

  it('with PKCE sends the S256 challenge, and the verifier only to the token endpoint', async () => {
    await open({ registration: { pkce: true } });
    const { started, finish } = await tab();
    const sent = new URL(started.location).searchParams;
    await finish();
    const exchange = world.simulator.requests.find((r) => r.grantType === 'authorization_code')!;
    const { code_verifier: verifier } = JSON.parse(exchange.body) as { code_verifier: string };
    expect(sent.get('code_challenge')).toBe(codeChallenge(verifier));
    expect(sent.get('code_challenge_method')).toBe('S256');
    expect(started.location).not.toContain(verifier);
  });
});

describe('a callback', () => {
  it('again while the first is under way → waits for it, and is given its session', async () => {
    await open();
    const { finish, again } = await tab({ returnTo: '/patients' });
    const first = finish();
    const others = [again(), again()];
    await (await first).came({ sessionId: 'of the first' });
    const wanted = { registration: 'us-sandbox', returnTo: '/patients' };
    const given = { begun: 'of the first', wanted };
    expect(await Promise.all(others)).toEqual([given, given]);
    expect(await again()).toEqual(given);
    expect(exchanges()).toBe(1);
  });

  it('again, and the first one failed → fails alike, without a second exchange', async () => {
    await open();
    world.simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500, times: 1 });
    const { finish, again } = await tab();
    const [first, second] = await Promise.allSettled([finish(), again()]);
    expect(first).toMatchObject({ reason: { code: 'server_error' } });
    expect(second).toMatchObject({ reason: { name: 'EarlierFailureError', code: 'server_error' } });
    expect(exchanges()).toBe(1);
  });

  it('again with another answer while the first is under way → refused', async () => {
    await open();
    const { finish, query, started } = await tab();
    const first = finish();
    const other = new URLSearchParams({ state: query.get('state')!, code: 'another' });
    const bindingOf = () => started.binding;
    const refused = expect(world.signIn.finish({ query: other, bindingOf })).rejects.toMatchObject({
      code: 'state_answered',
    });
    await (await first).came({ sessionId: 'of the first' });
    await refused;
    expect(exchanges()).toBe(1);
  });

  it('again, and what the first came to was not stored at once → told all the same', async () => {
    await open();
    const { pending } = world;
    let fails = 1;
    const save: typeof pending.save = (id, value, ttlMs) => {
      // Only outcomes live so long.
      if (ttlMs === 123_456 && (fails -= 1) >= 0)
        return Promise.reject(new StoreUnavailableError('save', new Error('down')));
      return pending.save(id, value, ttlMs);
    };
    const signIn = createSignIn({
      ...world.deps,
      pending: { ...pending, save },
      cipher: world.cipher,
    });
    const { query, started } = await tab();
    const callback = { query, bindingOf: () => started.binding };
    const first = await signIn.finish(callback);
    if ('begun' in first) throw new Error('a callback like this one has come before');
    await first.came({ sessionId: 'of the first' }, 123_456);
    expect(await signIn.finish(callback)).toMatchObject({ begun: 'of the first' });
    expect(fails).toBe(-1);
  });

  it('again, and its client leaves → it waits no longer', async () => {
    await open();
    const { finish, query, started } = await tab();
    const first = await finish();
    const client = new AbortController();
    const waiting = world.signIn.finish({
      ...{ query, bindingOf: () => started.binding, signal: client.signal },
    });
    client.abort();
    await expect(waiting).rejects.toBe(client.signal.reason);
    await first.came({ failure: 'not_needed_any_more' });
  });

  it('while the record of the sign-in cannot be taken → a later one succeeds', async () => {
    await open();
    const { pending } = world;
    let isDown = true;
    const take = (id: string) => {
      if (isDown) return Promise.reject(new StoreUnavailableError('take', new Error('down')));
      return pending.take(id);
    };
    const down = { ...world.deps, pending: { ...pending, take }, cipher: world.cipher };
    const signIn = createSignIn(down);
    const { query, started } = await tab();
    const callback = { query, bindingOf: () => started.binding };
    await expect(signIn.finish(callback)).rejects.toMatchObject({ code: 'store_unavailable' });
    isDown = false;
    expect(await signIn.finish(callback)).toHaveProperty('key');
  });

  it('in another browser → refused without a call, and the right browser still succeeds', async () => {
    await open();
    const { finish } = await tab();
    await expect(finish(() => undefined)).rejects.toMatchObject({ code: 'state_unknown' });
    await expect(finish(() => 'AAAAAAAAAAAAAAAAAAAAAA')).rejects.toMatchObject({
      code: 'state_unknown',
    });
    expect(exchanges()).toBe(0);
    await finish();
    expect(exchanges()).toBe(1);
  });

  it('after 59 minutes → signed in; after an hour → refused without a call', async () => {
    await open();
    const { signIn, deps, simulator } = world;
    const slow = await signIn.start({ registration: deps.registration(), returnTo: undefined });
    const { finish } = await tab();
    world.clock.advance(59 * 60_000);
    const person = simulator.people[0]!.id;
    const back = await approve({ authorizeUrl: slow.location, person });
    const query = new URL(back).searchParams;
    await signIn.finish({ query, bindingOf: () => slow.binding });
    world.clock.advance(60_001);
    await expect(finish()).rejects.toMatchObject({ code: 'state_unknown' });
    expect(exchanges()).toBe(1);
  });

  it('with a code that expired at Fullscript → invalid_grant, nothing stored', async () => {
    await open({ simulator: { codeLifetime: 60 } });
    const { finish } = await tab();
    world.clock.advance(61_000);
    await expect(finish()).rejects.toMatchObject({ code: 'invalid_grant' });
    expect(exchanges()).toBe(1);
    expect(world.seen).toEqual([]);
  });

  it('of a user who said no → access_denied, nothing stored', async () => {
    await open();
    await expect((await tab({ decision: 'deny' })).finish()).rejects.toMatchObject({
      code: 'access_denied',
    });
    expect(exchanges()).toBe(0);
  });

  it('for a resource owner of an unknown type, or none → refused, nothing stored', async () => {
    await open();
    const owner = { id: 'p1', type: 'Patient' };
    world.simulator.faults.add({ endpoint: 'token', kind: 'change_owner', owner, times: 1 });
    await expect((await tab()).finish()).rejects.toMatchObject({
      code: 'resource_owner_unknown_type',
    });
    world.simulator.faults.add({
      ...{ endpoint: 'token', kind: 'missing_field', fields: ['resource_owner'], times: 1 },
    });
    await expect((await tab()).finish()).rejects.toMatchObject({ code: 'resource_owner_missing' });
    expect(world.seen).toEqual([]);
    // The refusal holds at Fullscript too: nothing is left alive there.
    expect(world.simulator.stats.livePairs).toBe(0);
  });

  it('whose answer names no scope → what was asked for counts as granted', async () => {
    const scope = ['catalog:read', 'patients:read'];
    await open({ registration: { scope } });
    world.simulator.faults.add({ endpoint: 'token', kind: 'missing_field', fields: ['scope'] });
    const { key } = await (await tab()).finish();
    expect((await world.vault.read(key))!.tokens.scope).toEqual(scope);
    expect(world.seen).toEqual(['connected']);
  });

  it('of a user who comes back, with an answer that names no scope → the scopes stay', async () => {
    await open();
    const { key } = await (await tab()).finish();
    const { scope } = (await world.vault.read(key))!.tokens;
    world.simulator.faults.add({ endpoint: 'token', kind: 'missing_field', fields: ['scope'] });
    await (await tab()).finish();
    expect((await world.vault.read(key))!.tokens.scope).toEqual(scope);
    expect(world.seen).toEqual(['connected', 'connected']);
  });

  it('while another tab’s is saved between two looks → its pair is not forgotten', async () => {
    let inBetween: (() => Promise<unknown>) | undefined;
    await open({
      records: (inner) => ({
        ...inner,
        read: async (id) => {
          const found = await inner.read(id);
          const save = inBetween;
          inBetween = undefined;
          await save?.();
          return found;
        },
      }),
    });
    const [one, other] = [await tab(), await tab()];
    inBetween = () => one.finish();
    const { key } = await other.finish();
    const grant = (await world.vault.read(key))!;
    expect([grant.version, grant.superseded.length]).toEqual([2, 1]);
  });

  it('while the store fails for a moment → saved when it is back', async () => {
    let failures = 0;
    await open({
      records: (inner) => ({
        ...inner,
        compareAndSet: (...args) => {
          if (failures-- > 0) throw new StoreUnavailableError('save', new Error('down'));
          return inner.compareAndSet(...args);
        },
      }),
    });
    failures = 3;
    const { key } = await (await tab()).finish();
    expect((await world.vault.read(key))!.status).toBe('active');
    expect(exchanges()).toBe(1);
  });

  it('while the store says nothing → refused before long, and saved when it is back', async () => {
    const { opened, open: back } = gate();
    let frozen = false;
    await open({
      saveAnswerMs: 20,
      records: (inner) => ({
        ...inner,
        compareAndSet: async (...args) => {
          if (frozen) await opened;
          return inner.compareAndSet(...args);
        },
      }),
    });
    frozen = true;
    const finished = (await tab()).finish();
    await expect(finished).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(world.seen).toEqual([]);
    back();
    await world.signIn.settled();
    expect(world.seen).toEqual(['connected']);
  });

  it('while this process is held up for longer than a browser waits → signed in', async () => {
    await open({
      saveAnswerMs: 20,
      records: (inner) => ({
        ...inner,
        compareAndSet: async (...args) => {
          // Answered from outside of this thread, which finds it when it goes on.
          const answer = stat('.');
          holdUp(300);
          await answer;
          return inner.compareAndSet(...args);
        },
      }),
    });
    const { key } = await (await tab()).finish();
    expect((await world.vault.read(key))!.status).toBe('active');
  });

  it('met by 503 → the code is exchanged again, and met by 500 it is not', async () => {
    await open();
    world.simulator.faults.add({ endpoint: 'token', kind: 'status', status: 503, times: 2 });
    await (await tab()).finish();
    expect(exchanges()).toBe(3);
    world.simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500, times: 1 });
    await expect((await tab()).finish()).rejects.toMatchObject({ code: 'server_error' });
    expect(exchanges()).toBe(4);
  });

  it('that succeeded is remembered: a reload learns whose it was and where it led', async () => {
    await open();
    const { query, finish } = await tab({ returnTo: '/patients' });
    expect(await world.signIn.finished(query)).toBeUndefined();
    const { key } = await finish();
    const finished = { grantId: grantId(key), returnTo: '/patients' };
    expect(await world.signIn.finished(query)).toEqual({ ...finished, isSameAnswer: true });
    const state = query.get('state')!;
    for (const other of [{ code: 'another' }, { error: 'access_denied' }, {}]) {
      const again = new URLSearchParams({ state, ...other });
      const seen = await world.signIn.finished(again);
      expect(seen).toEqual({ ...finished, isSameAnswer: false });
    }
    expect(await world.signIn.finished(new URLSearchParams({ state: 'other' }))).toBeUndefined();
  });
});

describe('sign-ins under way, more than are allowed', () => {
  const start = (signIn: SignIn, address?: string) =>
    signIn.start({ registration: world.deps.registration(), returnTo: undefined, address });

  async function openWith(openSignIns: OpenSignInLimits) {
    await open();
    const { deps, pending, cipher } = world;
    const signIn = createSignIn({ ...deps, pending, cipher, openSignIns });
    const isOpen = async ({ stateId, binding }: OpenSignIn) => {
      const id = createHash('sha256').update(`pending ${stateId} ${binding}`).digest('base64url');
      return (await pending.peek(id)) !== undefined;
    };
    return { signIn, areOpen: (all: OpenSignIn[]) => Promise.all(all.map(isOpen)) };
  }

  it('from one address → its oldest go, those of others stay', async () => {
    const { signIn, areOpen } = await openWith({ perAddress: 2 });
    const first = await start(signIn, 'a');
    const others = await start(signIn, 'b');
    const next = [await start(signIn, 'a'), await start(signIn, 'a')];
    expect(await areOpen([first, others, ...next])).toEqual([false, true, true, true]);
  });

  it('in all → the oldest of all go; no limit for addresses → none there', async () => {
    const { signIn, areOpen } = await openWith({ inAll: 3, perAddress: 0 });
    const started = [];
    for (const address of ['a', 'b', 'b', 'b']) started.push(await start(signIn, address));
    expect(await areOpen(started)).toEqual([false, true, true, true]);
  });

  it('one is finished → it does not count any more', async () => {
    const { signIn, areOpen } = await openWith({ perAddress: 2 });
    const first = await start(signIn, 'a');
    const person = world.simulator.people[0]!.id;
    const { location, binding } = await start(signIn, 'a');
    const back = await approve({ authorizeUrl: location, person });
    await signIn.finish({ query: new URL(back).searchParams, bindingOf: () => binding });
    const last = await start(signIn, 'a');
    expect(await areOpen([first, last])).toEqual([true, true]);
  });
});

describe('what is stored of a sign-in', () => {
  it('with the longest page to return to → 2.5 kB at most', async () => {
    await open({ registration: { pkce: true } });
    const values: string[] = [];
    const save = (_id: string, value: string) => Promise.resolve(void values.push(value));
    const pending = { ...world.pending, save };
    const signIn = createSignIn({ ...world.deps, pending, cipher: world.cipher });
    await signIn.start({
      ...{ registration: world.deps.registration(), returnTo: `/${'x'.repeat(1_023)}` },
      ...{ sessionId: 's'.repeat(43), address: 'a'.repeat(22) },
    });
    expect(values).toHaveLength(1);
    expect(values[0]!.length).toBeLessThanOrEqual(2_500);
  });

  it('contains neither state, binding nor verifier in clear, as name or as value', async () => {
    await open({ registration: { pkce: true } });
    const stored: string[] = [];
    const { pending } = world;
    const spy = {
      ...pending,
      save: async (id: string, value: string, ttl: number) => {
        stored.push(id, value);
        await pending.save(id, value, ttl);
      },
    };
    const signIn = createSignIn({ ...world.deps, pending: spy, cipher: world.cipher });
    const registration = world.deps.registration();
    const { location, binding } = await signIn.start({ registration, returnTo: '/x' });
    const state = new URL(location).searchParams.get('state')!;
    expect(stored).toHaveLength(2);
    for (const hidden of [state, binding, '/x']) expect(stored.join(' ')).not.toContain(hidden);
  });
});
