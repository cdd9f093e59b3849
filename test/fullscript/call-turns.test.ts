import { setImmediate as immediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createApiClient } from '../../src/fullscript/api-client.js';
import {
  type CallTurnsOptions,
  type EndTurn,
  createCallTurns,
} from '../../src/fullscript/call-turns.js';
import type { WaitingClient } from '../../src/fullscript/waiting-client.js';
import type { CallNotSentErrorCode } from '../../src/fullscript/errors.js';
import {
  type Answer,
  answering,
  closePeers,
  hangingUp,
  inTurn,
  startPeer,
} from '../fixtures/peer.js';
import { rejection } from '../fixtures/shown.js';

/** Calls that no test ends wait for no later one. */
const HOUR = 3_600_000;
const ORIGIN = 'https://api.example.test';

/** Calls in the order in which they began, each with what ends it. */
function openTurns(options: CallTurnsOptions = {}) {
  const waits: number[] = [];
  const unsent: string[] = [];
  const measures = {
    waited: (ms: number) => void waits.push(ms),
    notSent: (why: CallNotSentErrorCode, user: string) => void unsent.push(`${user}: ${why}`),
  };
  const turns = createCallTurns({ patienceMs: HOUR, ...options, measures });
  const begun: string[] = [];
  const running: { user: string; end: EndTurn }[] = [];
  const ask = async (user: string, more: { origin?: string; client?: WaitingClient } = {}) => {
    const end = await turns.take({ origin: ORIGIN, user, ...more });
    begun.push(user);
    running.push({ user, end });
  };
  /** Ends the oldest call of a user, and lets the next one begin. */
  const end = async (user: string) => {
    const [call] = running.splice(
      running.findIndex((one) => one.user === user),
      1,
    );
    call!.end();
    await immediate();
  };
  return { turns, ask, end, begun, running, waits, unsent };
}

/** A client that goes away when it is told to. */
function leaving(hasGone = false) {
  const listeners = new Set<() => void>();
  const client: WaitingClient = {
    hasGone: () => hasGone,
    onGone: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return { client, listeners, leave: () => listeners.forEach((listener) => listener()) };
}

const times = (count: number, user: string) => Array.from({ length: count }, () => user);

describe('calls of one user', () => {
  it('up to 32 → sent at once; more → wait, in their order', async () => {
    const { turns, ask, end, begun, waits } = openTurns();
    for (const user of times(34, 'ann')) void ask(user);
    await immediate();
    expect(begun).toHaveLength(32);
    expect(turns.counts()).toEqual({
      ...{ under_way: 32, waiting_for_user: 2, waiting_for_connection: 0 },
    });
    await end('ann');
    expect([begun.length, waits.length]).toEqual([33, 1]);
    expect(turns.counts()).toMatchObject({ under_way: 32, waiting_for_user: 1 });
  });

  it('more than ten times as many waiting → too_many_open_calls, to be tried again in 2 s', async () => {
    const { turns, ask, unsent } = openTurns({ ofOneUser: 2 });
    for (const user of times(22, 'ann')) void ask(user);
    expect(await rejection(ask('ann'))).toMatchObject({
      ...{ name: 'CallNotSentError', code: 'too_many_open_calls', retryAfterMs: 2_000 },
    });
    expect(unsent).toEqual(['ann: too_many_open_calls']);
    expect(turns.counts()).toMatchObject({ under_way: 2, waiting_for_user: 20 });
    await ask('bob');
  });

  it('a queue that is full → does not keep another user waiting', async () => {
    const { ask, begun } = openTurns({ ofOneUser: 2 });
    for (const user of times(22, 'ann')) void ask(user);
    await ask('bob');
    expect(begun).toEqual(['ann', 'ann', 'bob']);
  });

  it('all over → nothing is remembered', async () => {
    const { turns, ask, end } = openTurns({ ofOneUser: 1 });
    for (const user of ['ann', 'ann', 'bob']) void ask(user);
    await immediate();
    for (const user of ['ann', 'bob', 'ann']) await end(user);
    expect(turns.counts()).toEqual({
      ...{ under_way: 0, waiting_for_user: 0, waiting_for_connection: 0 },
    });
  });
});

describe('all connections in use', () => {
  it('the next one that is free → to the user with the fewest calls under way', async () => {
    const { turns, ask, end, begun } = openTurns({ ofOneUser: 4, connections: 6 });
    for (const user of [...times(5, 'ann'), 'bob', 'bob', 'bob', 'cyd']) void ask(user);
    await immediate();
    expect(begun).toEqual([...times(4, 'ann'), 'bob', 'bob']);
    expect(turns.counts()).toEqual({
      ...{ under_way: 6, waiting_for_user: 1, waiting_for_connection: 2 },
    });
    await end('ann');
    await end('ann');
    // Not to ann, who waited longer, but has more under way.
    expect(begun.slice(6)).toEqual(['cyd', 'bob']);
  });

  it('users with as many under way → in turn, whatever they have waiting', async () => {
    const { ask, end, begun } = openTurns({ ofOneUser: 4, connections: 1 });
    await ask('zoe');
    for (const user of [...times(3, 'ann'), ...times(2, 'bob'), 'cyd', 'ann']) void ask(user);
    for (const user of ['zoe', 'ann', 'bob', 'cyd', 'ann', 'bob']) await end(user);
    expect(begun).toEqual(['zoe', 'ann', 'bob', 'cyd', 'ann', 'bob', 'ann']);
  });

  it('another origin → has connections of its own', async () => {
    const { ask, begun } = openTurns({ connections: 1 });
    await ask('ann');
    void ask('bob');
    await ask('bob', { origin: 'https://api.example.org' });
    expect(begun).toEqual(['ann', 'bob']);
  });
});

describe('a call that waits', () => {
  it('its client goes away → never sent, and others move up', async () => {
    const { turns, ask, end, begun, unsent } = openTurns({ ofOneUser: 1 });
    const { client, leave, listeners } = leaving();
    await ask('ann');
    const refused = rejection(ask('ann', { client }));
    void ask('ann');
    await immediate();
    leave();
    expect(await refused).toMatchObject({ code: 'client_gone' });
    expect([unsent, listeners.size]).toEqual([['ann: client_gone'], 0]);
    expect(turns.counts()).toMatchObject({ under_way: 1, waiting_for_user: 1 });
    await end('ann');
    expect(begun).toEqual(['ann', 'ann']);
  });

  it('its client has gone before → never waits', async () => {
    const { turns, ask } = openTurns({ ofOneUser: 1 });
    await ask('ann');
    const refused = rejection(ask('ann', { client: leaving(true).client }));
    expect(await refused).toMatchObject({ code: 'client_gone' });
    expect(turns.counts()).toMatchObject({ under_way: 1, waiting_for_user: 0 });
  });

  it('has its turn → its client is listened to no longer', async () => {
    const { ask, end, begun } = openTurns({ ofOneUser: 1 });
    const { client, listeners } = leaving();
    await ask('ann');
    void ask('ann', { client });
    await immediate();
    expect(listeners.size).toBe(1);
    await end('ann');
    expect([begun.length, listeners.size]).toEqual([2, 0]);
  });

  it.each<[CallNotSentErrorCode, CallTurnsOptions]>([
    ['too_many_open_calls', { ofOneUser: 1 }],
    ['fullscript_congested', { connections: 1 }],
  ])('too long → %s, by what it waited for', async (code, options) => {
    const { turns, ask, begun } = openTurns({ ...options, patienceMs: 20 });
    await ask('ann');
    expect(await rejection(ask('ann'))).toMatchObject({ code });
    expect(begun).toEqual(['ann']);
    const waiting = { waiting_for_user: 0, waiting_for_connection: 0 };
    expect(turns.counts()).toEqual({ under_way: 1, ...waiting });
  });

  it('the process pauses, and meanwhile there was room → sent, not too late', async () => {
    const { ask, running, begun } = openTurns({ ofOneUser: 1, patienceMs: 20 });
    await ask('ann');
    const waiting = ask('ann');
    // What arrives while nothing runs is read behind timers that are due.
    const pausedUntil = performance.now() + 40;
    setTimeout(() => void setImmediate(() => running[0]!.end()), 0);
    while (performance.now() < pausedUntil);
    await waiting;
    expect(begun).toEqual(['ann', 'ann']);
  });
});

describe('createApiClient', () => {
  afterEach(closePeers);

  const get = { method: 'GET', path: '/clinic' };

  /** A client with a user's turns, and how many of them are taken while Fullscript answers. */
  async function clientWithTurns(...answers: Answer[]) {
    const { turns } = openTurns({ ofOneUser: 1 });
    const during: number[] = [];
    const taken: string[] = [];
    const answer = inTurn(...answers);
    const peer = await startPeer((...to) => {
      during.push(turns.counts().under_way);
      answer(...to);
    });
    const token = () => {
      during.push(turns.counts().under_way);
      return Promise.resolve('access-token-5f21');
    };
    const api = createApiClient({
      apiUrl: `${peer.origin}/api`,
      tokenSource: { current: token, replacing: token },
      timeoutMs: 5_000,
      sleep: () => Promise.resolve(),
      takeTurn: (origin) => {
        taken.push(origin);
        return turns.take({ origin, user: 'ann' });
      },
    });
    return { turns, api, peer, during, taken };
  }

  it('401, then 503, then 200 → a turn for each, and none while the token is refreshed', async () => {
    const { turns, api, peer, during, taken } = await clientWithTurns(
      answering(401),
      answering(503),
      answering(200, 'x'),
    );
    expect((await api.request(get)).status).toBe(200);
    expect(taken).toEqual([peer.origin, peer.origin, peer.origin]);
    expect(during).toEqual([0, 1, 0, 1, 1]);
    expect(turns.counts().under_way).toBe(0);
  });

  it('no answer → the turn ends', async () => {
    const { turns, api } = await clientWithTurns(hangingUp());
    expect(await rejection(api.request(get))).toMatchObject({ code: 'fullscript_unreachable' });
    expect(turns.counts().under_way).toBe(0);
  });

  it('no turn → CallNotSentError, and nothing is sent', async () => {
    const { api, peer, turns } = await clientWithTurns(answering(200));
    const { origin } = peer;
    for (let at = 0; at < 11; at += 1) void turns.take({ origin, user: 'ann' });
    const error = await rejection(api.request(get));
    expect(error).toMatchObject({ name: 'CallNotSentError', code: 'too_many_open_calls' });
    expect(peer.received).toEqual([]);
  });
});
