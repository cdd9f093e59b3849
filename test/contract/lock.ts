import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LockTimeoutError } from '../../src/grants/errors.js';
import type { Lock } from '../../src/grants/lock.js';
import { type Stage } from '../support/contract.js';
import { until } from '../support/until.js';

let ids = 0;
const newId = () => `us-sandbox:Practitioner:${(ids += 1)}`;

/** Work that lasts until it is told to end. */
export function openWork(result = 'done') {
  let finish: () => void = () => undefined;
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const work = async () => {
    begin();
    await finished;
    return result;
  };
  return { work, begun, finish };
}

export function lockContract(openStage: () => Promise<Stage>): void {
  describe('Lock', () => {
    let stage: Stage;
    let one: Lock;
    let two: Lock;

    beforeAll(async () => {
      stage = await openStage();
      [one, two] = stage.locks;
    });

    afterAll(() => stage.close());

    it('free → runs the work and hands out its result', async () => {
      expect(await one.run(newId(), 0, () => Promise.resolve(42))).toBe(42);
    });

    it('work fails → its error comes through and the lock is free', async () => {
      const id = newId();
      const failing = one.run(id, 0, () => Promise.reject(new Error('the work failed')));
      await expect(failing).rejects.toThrow('the work failed');
      expect(await two.run(id, 0, () => Promise.resolve('next'))).toBe('next');
    });

    it('held, waitMs 0 → LockTimeoutError at once and the work never runs', async () => {
      const id = newId();
      const holder = openWork();
      const held = one.run(id, 0, holder.work);
      await holder.begun;
      let ran = false;
      const refused = two.run(id, 0, () => Promise.resolve((ran = true)));
      await expect(refused).rejects.toBeInstanceOf(LockTimeoutError);
      holder.finish();
      expect(await held).toBe('done');
      expect(ran).toBe(false);
    });

    it('held for longer than waitMs → LockTimeoutError, and the holder is not disturbed', async () => {
      const id = newId();
      const holder = openWork();
      const held = one.run(id, 0, holder.work);
      await holder.begun;
      const from = performance.now();
      const late = two.run(id, 120, () => Promise.resolve());
      await expect(late).rejects.toBeInstanceOf(LockTimeoutError);
      expect(performance.now() - from).toBeGreaterThan(110);
      holder.finish();
      expect(await held).toBe('done');
    });

    it('released while another waits → the other gets it', async () => {
      const id = newId();
      const holder = openWork();
      const held = one.run(id, 0, holder.work);
      await holder.begun;
      const waiting = two.run(id, 5_000, () => Promise.resolve('mine'));
      holder.finish();
      expect(await waiting).toBe('mine');
      expect(await held).toBe('done');
    });

    it('free → the work hears of no wait; held → of how long it was', async () => {
      const id = newId();
      const holder = openWork();
      const waits: number[] = [];
      const note = (waitedMs: number) => Promise.resolve(waits.push(waitedMs));
      await one.run(id, 5_000, note);
      const held = one.run(id, 0, holder.work);
      await holder.begun;
      const from = performance.now();
      const waiting = two.run(id, 5_000, note);
      await until(() => performance.now() - from > 60);
      holder.finish();
      await Promise.all([held, waiting]);
      expect(waits[0]).toBe(0);
      expect(waits[1]).toBeGreaterThan(50);
      expect(waits[1]).toBeLessThanOrEqual(performance.now() - from);
    });

    it('a waiter gave up → the next one still gets the lock', async () => {
      const id = newId();
      const holder = openWork();
      const held = one.run(id, 0, holder.work);
      await holder.begun;
      await expect(two.run(id, 20, () => Promise.resolve())).rejects.toThrow(LockTimeoutError);
      holder.finish();
      await held;
      expect(await two.run(id, 0, () => Promise.resolve('mine'))).toBe('mine');
    });

    it('40 callers of two processes → one at a time, all of them', async () => {
      const id = newId();
      let inside = 0;
      let most = 0;
      const work = async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      };
      const callers = Array.from({ length: 40 }, (_, n) =>
        (n % 2 ? one : two).run(id, 15_000, work),
      );
      await Promise.all(callers);
      expect(most).toBe(1);
    });

    it('another id → not affected', async () => {
      const holder = openWork();
      const held = one.run(newId(), 0, holder.work);
      await holder.begun;
      expect(await two.run(newId(), 0, () => Promise.resolve('free'))).toBe('free');
      holder.finish();
      await held;
    });
  });
}
