import { describe, expect, it } from '@jest/globals';
import { createExpiringMap } from '../../src/memory/expiring-map.js';

function open() {
  const clock = { now: 0 };
  return { clock, map: createExpiringMap<number>(() => clock.now) };
}

describe('createExpiringMap', () => {
  it('entry → there until its end', () => {
    const { clock, map } = open();
    map.set('a', 1, 100);
    clock.now = 99;
    expect(map.get('a')).toBe(1);
    clock.now = 100;
    expect(map.get('a')).toBeUndefined();
    expect([...map.entries()]).toEqual([]);
  });

  it('delete → says whether there was something', () => {
    const { clock, map } = open();
    map.set('a', 1, 100);
    map.set('b', 2, 100);
    expect(map.delete('a')).toBe(true);
    expect(map.delete('a')).toBe(false);
    clock.now = 100;
    expect(map.delete('b')).toBe(false);
  });

  it('100,000 short-lived entries → a few hundred held at most', () => {
    const { clock, map } = open();
    map.set('kept', 0, Infinity);
    let most = 0;
    for (let n = 0; n < 100_000; n += 1) {
      clock.now = n;
      map.set(`short ${n}`, n, n + 10);
      most = Math.max(most, map.size());
    }
    expect(most).toBeLessThanOrEqual(256);
    expect(map.get('kept')).toBe(0);
  });

  it('many entries that live → all kept', () => {
    const { map } = open();
    for (let n = 0; n < 2_000; n += 1) map.set(`long ${n}`, n, Infinity);
    expect([...map.entries()]).toHaveLength(2_000);
  });
});
