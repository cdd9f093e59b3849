import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { deadlineSignal, startDeadline } from '../src/deadline.js';
import { holdUp } from './support/hold-up.js';

const LIMIT_MS = 250;

/** What comes first: the answer, or the deadline. */
function race(answer: Promise<unknown>, limitMs = LIMIT_MS): Promise<'answered' | 'late'> {
  return new Promise((resolve, reject) => {
    const stop = startDeadline(limitMs, () => resolve('late'));
    answer.finally(stop).then(() => resolve('answered'), reject);
  });
}

/** Comes from outside of this thread, like a socket's: it is there while the thread is held up, and read later. */
const fromOutside = () => stat('.');

describe('startDeadline', () => {
  it.each([1, LIMIT_MS])(
    'nothing comes within %i ms → late, and not before that',
    async (limit) => {
      const from = performance.now();
      expect(await race(new Promise(() => undefined), limit)).toBe('late');
      expect(performance.now() - from).toBeGreaterThanOrEqual(limit - 1);
    },
  );

  it('the process was held up for longer than the limit → what came meanwhile counts', async () => {
    const outcome = race(fromOutside());
    holdUp(LIMIT_MS + 200);
    expect(await outcome).toBe('answered');
  });

  it('the same, and the answer takes several steps → all of them count', async () => {
    const outcome = race(fromOutside().then(fromOutside).then(fromOutside));
    holdUp(LIMIT_MS + 200);
    expect(await outcome).toBe('answered');
  });

  it('the process was held up before it could ask → the pause is no time to answer in', async () => {
    const outcome = race(delay(1).then(() => delay(LIMIT_MS / 5)));
    holdUp(LIMIT_MS + 200);
    expect(await outcome).toBe('answered');
  });

  it('held up in the last moment of a short limit → what came meanwhile counts', async () => {
    const outcome = race(fromOutside(), 5);
    holdUp(300);
    expect(await outcome).toBe('answered');
  });

  it('nothing came while the process was held up either → late, a moment after', async () => {
    const outcome = race(new Promise(() => undefined), 5);
    holdUp(300);
    const from = performance.now();
    expect(await outcome).toBe('late');
    expect(performance.now() - from).toBeGreaterThan(40);
  });
});

describe('deadlineSignal', () => {
  it('the time is over → aborts as a time-out', async () => {
    const { signal } = deadlineSignal(1);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('stopped → does not abort', async () => {
    const { signal, stop } = deadlineSignal(1);
    stop();
    await race(new Promise(() => undefined), 20);
    expect(signal.aborted).toBe(false);
  });
});
