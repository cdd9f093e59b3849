import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type AnswerRoom,
  type AnswerRoomOptions,
  LARGEST_ANSWER,
  createAnswerRoom,
} from '../../src/fullscript/answer-room.js';
import { createApiClient } from '../../src/fullscript/api-client.js';
import type { WaitingClient } from '../../src/fullscript/waiting-client.js';
import { type Answer, closePeers, startPeer } from '../fixtures/peer.js';
import { rejection } from '../fixtures/shown.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';

const MEBIBYTE = 1024 * 1024;

afterEach(closePeers);

/** A client that goes away when the test says so. */
function client(): WaitingClient & { leave: () => void } {
  const listeners = new Set<() => void>();
  let gone = false;
  return {
    hasGone: () => gone,
    onGone: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    leave: () => {
      gone = true;
      for (const listener of listeners) listener();
    },
  };
}

function counted(options: AnswerRoomOptions) {
  let refused = 0;
  const room = createAnswerRoom({ ...options, onRefused: () => (refused += 1) });
  return { room, refused: () => refused };
}

/** Whether a promise is settled by now. */
async function isOpen(promise: Promise<unknown>): Promise<boolean> {
  const still = Symbol('still');
  await new Promise(setImmediate);
  return (await Promise.race([promise, Promise.resolve(still)])) === still;
}

describe('createAnswerRoom', () => {
  it('an answer → held until its client has it', () => {
    const { room } = counted({});
    const ann = client();
    const held = room.open({ user: 'ann', client: ann });
    expect(room.heldBytes()).toBe(0);
    held.settle(7);
    expect(room.heldBytes()).toBe(7);
    ann.leave();
    expect(room.heldBytes()).toBe(0);
  });

  it('for a client that has gone, or for a job → not held', () => {
    const { room } = counted({});
    const ann = client();
    const held = room.open({ user: 'ann', client: ann });
    ann.leave();
    held.settle(7);
    room.open({ user: 'job' }).settle(7);
    expect(room.heldBytes()).toBe(0);
  });

  it('full → refused before anything is sent, with when to come back', () => {
    const { room, refused } = counted({ most: 7 });
    const ann = client();
    room.open({ user: 'ann', client: ann }).settle(7);
    expect(() => room.open({ user: 'bob' })).toThrow(
      expect.objectContaining({ code: 'answer_room_full', retryAfterMs: 2_000 }),
    );
    expect(refused()).toBe(1);
    ann.leave();
    expect(() => room.open({ user: 'bob' })).not.toThrow();
  });

  it('no room for a large one → it waits, those behind it too, until clients have theirs', async () => {
    const { room } = counted({ most: 10, ofOneUser: 10 });
    const [ann, bob] = [client(), client()];
    room.open({ user: 'ann', client: ann }).settle(6);
    const second = room.open({ user: 'bob', client: bob });
    const [large, small] = [second.roomFor(9), room.open({ user: 'cyd' }).roomFor(2)];
    expect([await isOpen(large), await isOpen(small)]).toEqual([true, true]);
    ann.leave();
    await large;
    expect([await isOpen(small), room.heldBytes()]).toEqual([true, 9]);
    // It turned out to be smaller.
    second.settle(8);
    await small;
    expect(room.heldBytes()).toBe(10);
  });

  it('a user who has as much as may be → waits, and holds up no other', async () => {
    const { room } = counted({ most: 10, ofOneUser: 4 });
    const ann = client();
    room.open({ user: 'ann', client: ann }).settle(4);
    const more = room.open({ user: 'ann' }).roomFor(1);
    await room.open({ user: 'bob' }).roomFor(4);
    expect(await isOpen(more)).toBe(true);
    ann.leave();
    await more;
  });

  it('no room in time → refused, and nothing is kept for it', async () => {
    const { room, refused } = counted({ most: 10, patienceMs: 1 });
    const ann = client();
    room.open({ user: 'ann', client: ann }).settle(6);
    const held = room.open({ user: 'bob' });
    expect(await rejection(held.roomFor(9))).toMatchObject({ code: 'answer_room_full' });
    held.drop();
    ann.leave();
    expect([refused(), room.heldBytes()]).toEqual([1, 0]);
  });

  it('the client goes while its answer waits → it waits no more, and counts as no refusal', async () => {
    const { room, refused } = counted({ most: 10 });
    const [ann, bob] = [client(), client()];
    room.open({ user: 'ann', client: ann }).settle(6);
    const waiting = room.open({ user: 'bob', client: bob }).roomFor(9);
    bob.leave();
    expect(await rejection(waiting)).toMatchObject({ code: 'client_gone' });
    ann.leave();
    expect([refused(), room.heldBytes()]).toEqual([0, 0]);
  });

  it('given up while it waits → what it is given later goes back at once', async () => {
    const { room } = counted({ most: 10 });
    const ann = client();
    room.open({ user: 'ann', client: ann }).settle(6);
    const held = room.open({ user: 'bob' });
    const waiting = held.roomFor(9);
    held.drop();
    ann.leave();
    await waiting;
    expect(room.heldBytes()).toBe(0);
  });
});

/** A client of the API whose answers are kept for `user` until `leave`. */
async function calling(room: AnswerRoom, answer: Answer) {
  const { origin, received } = await startPeer(answer);
  return (user: string) => {
    const waits = client();
    const api = createApiClient({
      apiUrl: `${origin}/api`,
      tokenSource: { current: () => Promise.resolve('t'), replacing: () => Promise.resolve('t') },
      timeoutMs: 5_000,
      sleep: () => Promise.resolve(),
      holdAnswer: () => room.open({ user, client: waits }),
    });
    const call = (method = 'GET') => api.request({ method, path: '/clinic' });
    return { call, leave: waits.leave, received };
  };
}

const LARGE = Buffer.alloc(2 * MEBIBYTE, 'x');
const large: Answer = (res) => {
  res.writeHead(200, { 'content-length': LARGE.length }).end(LARGE);
};

describe('an answer of Fullscript', () => {
  it('small → held when it is here', async () => {
    const { room } = counted({});
    const as = await calling(room, (res) => res.end('{}'));
    const ann = as('ann');
    await ann.call();
    expect(room.heldBytes()).toBe(2);
    ann.leave();
    expect(room.heldBytes()).toBe(0);
  });

  it('large → received when others have been taken, and whole', async () => {
    const { room } = counted({ most: 3 * MEBIBYTE });
    const as = await calling(room, large);
    const [ann, bob] = [as('ann'), as('bob')];
    await ann.call();
    const second = bob.call();
    await until(() => bob.received.length === 2);
    expect(await isOpen(second)).toBe(true);
    ann.leave();
    expect((await second).body.equals(LARGE)).toBe(true);
    expect(room.heldBytes()).toBe(LARGE.length);
  });

  it('large, of a size that was not said → as much room as the largest takes, until it is here', async () => {
    const { room } = counted({});
    const { opened, open } = gate();
    const as = await calling(room, (res) => {
      res.write(LARGE);
      void opened.then(() => res.end());
    });
    const answer = as('ann').call();
    await until(() => room.heldBytes() === LARGEST_ANSWER);
    open();
    expect((await answer).body).toHaveLength(LARGE.length);
    expect(room.heldBytes()).toBe(LARGE.length);
  });

  it('large when it is unpacked → the same', async () => {
    const { room } = counted({ most: LARGEST_ANSWER + 1 });
    const as = await calling(room, (res) => {
      res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(LARGE));
    });
    const [ann, bob] = [as('ann'), as('bob')];
    expect((await ann.call()).body.equals(LARGE)).toBe(true);
    expect(room.heldBytes()).toBe(LARGE.length);
    const second = bob.call();
    await until(() => bob.received.length === 2);
    expect(await isOpen(second)).toBe(true);
    ann.leave();
    expect((await second).body).toHaveLength(LARGE.length);
  });

  it.each([
    // It may have been carried out: the same as if no answer had come.
    ['POST', 'fullscript_timeout'],
    ['GET', 'answer_room_full'],
  ])('no room for it in time, %s → %s, and nothing is kept', async (method, code) => {
    const { room } = counted({ most: MEBIBYTE, patienceMs: 1 });
    const as = await calling(room, large);
    expect(await rejection(as('ann').call(method))).toMatchObject({ code });
    expect(room.heldBytes()).toBe(0);
  });

  it('cut off half way → nothing is kept', async () => {
    const { room } = counted({});
    const as = await calling(room, (res) => {
      res.writeHead(200, { 'content-length': 2 * LARGE.length });
      res.write(LARGE, () => res.socket?.destroy());
    });
    expect(await rejection(as('ann').call())).toMatchObject({ code: 'fullscript_unreachable' });
    expect(room.heldBytes()).toBe(0);
  });

  it('tried again, or its client gone while it comes → nothing is kept in the end', async () => {
    const { room } = counted({});
    const begun: (() => void)[] = [];
    const as = await calling(room, (res, _request, nth) => {
      if (nth === 1) res.writeHead(503).end(LARGE);
      else begun.push(() => res.end(LARGE));
    });
    const ann = as('ann');
    const answer = ann.call();
    await until(() => begun.length === 1);
    expect(room.heldBytes()).toBe(0);
    ann.leave();
    begun[0]!();
    expect((await answer).status).toBe(200);
    expect(room.heldBytes()).toBe(0);
  });
});
