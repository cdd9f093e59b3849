import { describe, expect, it } from '@jest/globals';
import { createTouchThrottle } from '../../src/redis/touch-throttle.js';

function open(limit = 100) {
  const clock = { now: 0 };
  const throttle = createTouchThrottle({ everyMs: 1_000, limit, now: () => clock.now });
  return { clock, ...throttle };
}

describe('createTouchThrottle', () => {
  it('a key nobody has seen → due, and then not before the interval is over', () => {
    const { clock, due } = open();
    expect(due('a')).toBe(true);
    clock.now = 999;
    expect(due('a')).toBe(false);
    clock.now = 1_000;
    expect(due('a')).toBe(true);
    expect(due('b')).toBe(true);
  });

  it('done otherwise → not due for an interval', () => {
    const { clock, due, done } = open();
    done('a');
    expect(due('a')).toBe(false);
    clock.now = 1_000;
    expect(due('a')).toBe(true);
  });

  it('more keys than the limit → the one done longest ago is forgotten', () => {
    const { due, done } = open(2);
    done('a');
    done('b');
    done('a');
    done('c');
    expect(due('a')).toBe(false);
    expect(due('b')).toBe(true);
  });
});
