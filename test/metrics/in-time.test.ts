import { describe, expect, it } from '@jest/globals';
import { inTime } from '../../src/metrics/in-time.js';

const never = () => new Promise<string>(() => undefined);

describe('inTime', () => {
  it('an answer → the answer', async () => {
    const answer = await inTime(() => Promise.resolve('seven'));
    expect(answer).toBe('seven');
  });

  it('a failure → nothing', async () => {
    const answer = await inTime<string>(() => Promise.reject(new Error('no')));
    expect(answer).toBeUndefined();
  });

  it('a failure ahead of any promise → nothing', async () => {
    const thrown = (): Promise<string> => {
      throw new Error('no');
    };
    expect(await inTime(thrown)).toBeUndefined();
  });

  it('silence → nothing, when the time is over', async () => {
    const startedAt = performance.now();
    expect(await inTime(never, 30)).toBeUndefined();
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(29);
  });

  it('silence, with no limit named → nothing, before anybody gives the scrape up', async () => {
    const longest = new Promise((resolve) => setTimeout(resolve, 1_000, 'late').unref());
    expect(await Promise.race([inTime(never), longest])).toBeUndefined();
  });

  it('a failure after the time is over → nobody hears of it', async () => {
    let fail: (error: Error) => void = () => undefined;
    const late = new Promise<string>((_resolve, reject) => {
      fail = reject;
    });
    expect(await inTime(() => late, 1)).toBeUndefined();
    fail(new Error('too late'));
    // An unhandled rejection would end the process here.
    await new Promise(setImmediate);
  });
});
