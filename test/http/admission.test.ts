import { Writable } from 'node:stream';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { type AdmissionOptions, createAdmission } from '../../src/http/admission.js';
import type { ServerBusyError } from '../../src/http/errors.js';

/** An admission whose clock and turns are given by the test. */
function opened(options: AdmissionOptions) {
  let now = 0;
  const turns: (() => void)[] = [];
  const measured: string[] = [];
  const admission = createAdmission({
    ...options,
    nextTurn: (begin) => turns.push(begin),
    elapsed: () => now,
    measures: {
      waited: (ms) => void measured.push(`waited ${ms}`),
      notBegun: (why) => void measured.push(why),
    },
  });
  const begun: string[] = [];
  const refused: string[] = [];
  const errors: ServerBusyError[] = [];
  const ask = (name: string, { method = 'GET', url = '/portal' } = {}) => {
    const res = new Writable();
    const refuse = (busy: ServerBusyError) => {
      refused.push(name);
      errors.push(busy);
    };
    const req = { method, url } as unknown as IncomingMessage;
    const begin = () => void begun.push(name);
    admission.admit({ req, res: res as unknown as ServerResponse, begin, refuse });
    return res;
  };
  const turn = (afterMs = 0) => {
    now += afterMs;
    for (const begin of turns.splice(0)) begin();
  };
  return { ask, turn, begun, refused, errors, measured, turns, waiting: admission.waiting };
}

describe('createAdmission', () => {
  it('fewer requests than a turn has room for → begun at once, without a wait', () => {
    const { ask, begun, measured, waiting } = opened({ perTurn: 2 });
    ask('a');
    ask('b');
    expect([begun, measured, waiting()]).toEqual([['a', 'b'], [], 0]);
  });

  it('more of them → the others are begun in the turns that follow, the oldest first', () => {
    const { ask, turn, begun, measured, waiting } = opened({ perTurn: 2 });
    for (const name of 'abcde') ask(name);
    expect([begun.join(''), waiting()]).toEqual(['ab', 3]);
    turn(5);
    // Comes while others wait.
    ask('f');
    expect([begun.join(''), waiting()]).toEqual(['abcd', 2]);
    turn(5);
    expect(begun.join('')).toBe('abcdef');
    expect(measured).toEqual(['waited 5', 'waited 5', 'waited 10', 'waited 5']);
  });

  it('a turn without requests → no more turns are waited for', () => {
    const { ask, turn, turns } = opened({ perTurn: 1 });
    ask('a');
    turn();
    turn();
    expect(turns).toEqual([]);
    ask('b');
    expect(turns).toHaveLength(1);
  });

  it('one that has waited too long → refused, with when to come back', () => {
    const { ask, turn, begun, refused, errors, measured } = opened({ perTurn: 1, patienceMs: 100 });
    for (const name of 'abc') ask(name);
    turn(100);
    // Whom this turn has room for is served, however late that is: a pause of the process refuses none.
    expect([begun.join(''), refused.join('')]).toEqual(['ab', 'c']);
    expect(errors.map(({ code, retryAfterMs }) => [code, retryAfterMs])).toEqual([
      ['server_busy', 5_000],
    ]);
    expect(measured).toEqual(['waited 100', 'server_busy']);
  });

  it('as many as may wait → the next one is refused at once, and those that wait are kept', () => {
    const { ask, turn, begun, refused, waiting } = opened({ perTurn: 1, mostWaiting: 1 });
    for (const name of 'abc') ask(name);
    expect([begun.join(''), refused.join(''), waiting()]).toEqual(['a', 'c', 1]);
    turn();
    expect(begun.join('')).toBe('ab');
  });

  it('a client that has gone while it waited → dropped, and takes nobody else’s place', () => {
    const { ask, turn, begun, measured } = opened({ perTurn: 1 });
    ask('a');
    const gone = ask('b');
    ask('c');
    Object.defineProperty(gone, 'closed', { value: true });
    turn(1);
    expect([begun.join(''), measured]).toEqual(['ac', ['client_gone', 'waited 1']]);
  });

  it.each(['/sign-out', '/sign-out/everywhere', '/sign-out/session', '/sign-out?x=1'])(
    'POST %s that has waited too long → begun all the same, late',
    (url) => {
      const { ask, turn, begun, refused } = opened({ perTurn: 1, patienceMs: 100 });
      for (const name of 'ab') ask(name);
      ask('leaves', { method: 'POST', url });
      ask('c', { method: 'POST', url: '/oauth/refresh' });
      turn(100);
      turn(100);
      expect([begun, refused]).toEqual([['a', 'b', 'leaves'], ['c']]);
    },
  );
});
