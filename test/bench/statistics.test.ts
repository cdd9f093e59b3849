import { describe, expect, it } from '@jest/globals';
import { median, medianRatio, percentile } from '../../bench/statistics.js';

describe('median', () => {
  it('is the value in the middle, whatever the order', () => {
    expect(median([30, 10, 20])).toBe(20);
  });

  it('of an even number is the mean of the two in the middle', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it('of nothing is no number', () => {
    expect(median([])).toBeNaN();
  });

  it('leaves the values as they were', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  it('is the nearest rank', () => {
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 1)).toBe(100);
    expect(percentile(hundred, 0)).toBe(1);
  });

  it('of one value is that value', () => {
    expect(percentile([7], 0.99)).toBe(7);
  });
});

describe('medianRatio', () => {
  it('compares within each round, so that a drift of the machine does not count', () => {
    expect(medianRatio([110, 220, 440], [100, 200, 400])).toBeCloseTo(1.1);
  });

  it('is not moved by a round that was disturbed', () => {
    expect(medianRatio([11, 11, 99], [10, 10, 10])).toBeCloseTo(1.1);
  });

  it('refuses rounds that are not the same', () => {
    expect(() => medianRatio([1, 2], [1])).toThrow(RangeError);
  });
});
