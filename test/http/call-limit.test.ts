import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import express, { type Request, type Response } from 'express';
import supertest from 'supertest';
import { createCallCounts } from '../../src/http/call-counts.js';
import { errorHandler } from '../../src/http/error-handler.js';
import { TooManyRequestsError } from '../../src/http/errors.js';
import { type CallLimitOptions, createCallLimit, limiting } from '../../src/http/rate-limit.js';
import { createClock } from '../support/custody.js';

const MINUTE = 60_000;

interface Call {
  readonly caller: string | undefined;
}

/** A limit of two calls a minute, in a window that begins now. */
function limitWith<Incoming extends object = Call>(
  overrides: Partial<CallLimitOptions<Incoming>> = {},
) {
  const clock = createClock();
  clock.advance(MINUTE - (clock.now() % MINUTE));
  const reached: object[] = [];
  const refused: string[] = [];
  const asked: string[] = [];
  const counts = createCallCounts({
    shared: { add: () => Promise.resolve([]) },
    ...{ windowMs: MINUTE, now: clock.now },
  });
  const counter = counts.counter('calls');
  const limit = createCallLimit<Incoming>({
    ...{ name: 'calls', limit: 2, windowMs: MINUTE, now: clock.now },
    callerOf: (call) => (call as Call).caller,
    count: (caller) => {
      asked.push(caller);
      return counter(caller);
    },
    events: {
      reached: (of) => void reached.push(of),
      refused: (name) => void refused.push(name),
    },
    ...overrides,
  });
  return { clock, limit, reached, refused, asked };
}

/** The headers of an answer, as far as a limit looks at them. */
function answer() {
  const headers: Record<string, string> = {};
  const res = {
    getHeader: (name: string) => headers[name],
    setHeader: (name: string, value: string) => {
      headers[name] = value;
    },
  } as unknown as Response;
  return { res, headers };
}

const callOf = (caller: string | undefined = 'a'): Call => ({ caller });

describe('createCallLimit', () => {
  it('up to the limit → admitted, with what is left in the headers', () => {
    const { limit, clock } = limitWith();
    clock.advance(18_500);
    const [first, second] = [answer(), answer()];
    expect(limit.admits(callOf(), first.res)).toBe(true);
    expect(limit.admits(callOf(), second.res)).toBe(true);
    const of = { 'RateLimit-Policy': '2;w=60', 'RateLimit-Limit': '2', 'RateLimit-Reset': '42' };
    expect(first.headers).toEqual({ ...of, 'RateLimit-Remaining': '1' });
    expect(second.headers).toEqual({ ...of, 'RateLimit-Remaining': '0' });
  });

  it('the same request twice → counted once, admitted twice', () => {
    const { limit, asked } = limitWith();
    const calls = [callOf(), callOf()];
    const ask = (call: Call) => {
      const { res, headers } = answer();
      return [limit.admits(call, res), headers['RateLimit-Remaining']];
    };
    expect(calls.map(ask)).toEqual([
      [true, '1'],
      [true, '0'],
    ]);
    expect(calls.map(ask)).toEqual([
      [true, '1'],
      [true, '0'],
    ]);
    expect(asked).toEqual(['a', 'a']);
  });

  it('one too many → refused however often it is asked, others not, until the window is over', () => {
    const { limit, clock, asked } = limitWith();
    for (let i = 0; i < 2; i += 1) limit.admits(callOf(), answer().res);
    const late = callOf();
    for (let i = 0; i < 3; i += 1) expect(limit.admits(late, answer().res)).toBe(false);
    expect(asked).toHaveLength(3);
    expect(limit.admits(callOf('b'), answer().res)).toBe(true);
    clock.advance(MINUTE);
    expect(limit.admits(callOf(), answer().res)).toBe(true);
    // What was refused stays so: it is the same request.
    expect(limit.admits(late, answer().res)).toBe(false);
  });

  it('two limits and the same request → each counts it', () => {
    const [one, other] = [limitWith(), limitWith()];
    const call = callOf();
    const { res, headers } = answer();
    expect([one.limit.admits(call, res), other.limit.admits(call, res)]).toEqual([true, true]);
    expect([one.asked, other.asked]).toEqual([['a'], ['a']]);
    expect(headers['RateLimit-Remaining']).toBe('1');
  });

  it('0 → no limit, nothing counted, no headers', () => {
    const { limit, asked } = limitWith({ limit: 0 });
    const { res, headers } = answer();
    for (let i = 0; i < 5; i += 1) expect(limit.admits(callOf(), res)).toBe(true);
    expect([asked, headers]).toEqual([[], {}]);
  });

  it('about nobody → admitted, not counted, no headers; asked again once it is known whom', () => {
    const signedIn: { caller?: string } = {};
    const { limit, asked } = limitWith({ callerOf: () => signedIn.caller, limit: 1 });
    const { res, headers } = answer();
    const call = callOf();
    for (let i = 0; i < 3; i += 1) expect(limit.admits(call, res)).toBe(true);
    expect([asked, headers]).toEqual([[], {}]);
    signedIn.caller = 'a';
    expect(limit.admits(call, res)).toBe(true);
    expect(limit.admits(callOf(), res)).toBe(false);
    expect(asked).toEqual(['a', 'a']);
  });

  it('a request is marked where nobody lists it', () => {
    const { limit } = limitWith();
    const call = callOf();
    limit.admits(call, answer().res);
    expect(JSON.stringify(call)).toBe('{"caller":"a"}');
  });
});

describe('refuse', () => {
  it('→ how long to wait; told once a caller and window, counted each time', () => {
    const { limit, clock, reached, refused } = limitWith();
    const refuse = (caller: string) => {
      const call = callOf(caller);
      return limit.admits(call, answer().res) ? undefined : limit.refuse(call);
    };
    expect([refuse('a'), refuse('a')]).toEqual([undefined, undefined]);
    clock.advance(18_500);
    const error = refuse('a');
    expect(error).toBeInstanceOf(TooManyRequestsError);
    expect(error?.retryAfterMs).toBe(41_500);
    for (let i = 0; i < 3; i += 1) refuse('a');
    for (let i = 0; i < 4; i += 1) refuse('b');
    expect(reached).toEqual([
      { limit: 'calls', caller: 'a', retryAfterMs: 41_500 },
      { limit: 'calls', caller: 'b', retryAfterMs: 41_500 },
    ]);
    expect(refused).toEqual(Array.from({ length: 6 }, () => 'calls'));
    clock.advance(MINUTE);
    for (let i = 0; i < 4; i += 1) refuse('a');
    expect(reached).toHaveLength(3);
  });

  it('the window ends at this moment → at least a millisecond', () => {
    const { limit, clock } = limitWith({ limit: 1 });
    const calls = [callOf(), callOf()];
    for (const call of calls) limit.admits(call, answer().res);
    clock.advance(MINUTE);
    expect(limit.refuse(calls[1]!).retryAfterMs).toBe(1);
  });
});

describe('limiting', () => {
  /** A route behind a limit that has been asked before Express, as it is or not at all. */
  function app(aheadOfIt: boolean) {
    const parts = limitWith<IncomingMessage>({ callerOf: () => 'a' });
    const server = express();
    server.use((req, res, next) => {
      if (aheadOfIt) parts.limit.admits(req, res);
      next();
    });
    server.use(limiting(parts.limit as Parameters<typeof limiting>[0]));
    server.get('/api/x', (_req: Request, res) => void res.json({}));
    server.use(errorHandler({ report: () => undefined }));
    const agent = supertest(server);
    return { ...parts, ask: () => agent.get('/api/x') };
  }

  it.each([false, true])('asked ahead of Express: %s → the same', async (aheadOfIt) => {
    const { ask, reached, refused } = app(aheadOfIt);
    const answers = [await ask(), await ask(), await ask(), await ask()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429, 429]);
    expect(answers.map((one) => one.get('RateLimit-Remaining'))).toEqual(['1', '0', '0', '0']);
    expect(answers.map((one) => one.get('Retry-After'))).toEqual([
      undefined,
      undefined,
      '60',
      '60',
    ]);
    expect([reached.length, refused.length]).toEqual([1, 2]);
  });
});
