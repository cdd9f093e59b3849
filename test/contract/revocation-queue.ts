import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { QueuedRevocation, RevocationQueue } from '../../src/grants/revocation-queue.js';
import { type Stage } from '../support/contract.js';
import { until } from '../support/until.js';
import { gate } from '../support/gate.js';

const entry = (sealed = 'k1.first'): QueuedRevocation => ({
  id: randomUUID(),
  addedAt: Date.now(),
  sealed,
});

export function revocationQueueContract(openStage: () => Promise<Stage>): void {
  describe('RevocationQueue', () => {
    let stage: Stage;
    const queues: RevocationQueue[] = [];
    let name = '';

    beforeAll(async () => {
      stage = await openStage();
    });

    // A worker that ends may still be handed an entry, which then waits until its lock is over.
    beforeEach(() => {
      // In braces, so that a cluster keeps all of its keys in one slot.
      name = `{${randomUUID()}}`;
    });

    afterEach(async () => {
      await Promise.all(queues.splice(0).map((queue) => queue.close()));
    });

    afterAll(() => stage.close());

    function newQueue(afterErrorMs = 10): RevocationQueue {
      const queue = stage.openRevocations(name, afterErrorMs);
      queues.push(queue);
      return queue;
    }

    /** What the queue delivers from now on, answered by `answer`. */
    function notedBy(queue: RevocationQueue, answer: Handler = done): QueuedRevocation[] {
      const seen: QueuedRevocation[] = [];
      queue.deliver((one) => {
        seen.push(one);
        return answer(one);
      });
      return seen;
    }

    function delivering(answer?: Handler) {
      const queue = newQueue();
      return { queue, seen: notedBy(queue, answer) };
    }

    type Handler = Parameters<RevocationQueue['deliver']>[0];
    const done: Handler = () => Promise.resolve(undefined);

    it('an entry → delivered as it was added, when it is due and not before', async () => {
      const { queue, seen } = delivering();
      const one = entry();
      const from = performance.now();
      await queue.add(one, 50);
      await until(() => seen.length === 1);
      expect(performance.now() - from).toBeGreaterThan(45);
      expect(seen).toEqual([one]);
    });

    it('done → never delivered again', async () => {
      const { queue, seen } = delivering();
      const [one, other] = [entry(), entry()];
      await queue.add(one, 0);
      await until(() => seen.length === 1);
      await queue.add(other, 50);
      await until(() => seen.length === 2);
      expect(seen).toEqual([one, other]);
    });

    it('to be delivered again → comes with the new content, the same id and age', async () => {
      const one = entry();
      const { queue, seen } = delivering(({ sealed }) =>
        Promise.resolve(sealed === 'k1.third' ? undefined : { sealed: next(sealed), inMs: 20 }),
      );
      const next = (sealed: string) => (sealed === 'k1.first' ? 'k1.second' : 'k1.third');
      await queue.add(one, 0);
      await until(() => seen.length === 3);
      expect(seen).toEqual([one, { ...one, sealed: 'k1.second' }, { ...one, sealed: 'k1.third' }]);
    });

    it('the handler fails → the same is delivered again', async () => {
      let failures = 0;
      const one = entry();
      const { queue, seen } = delivering(() => {
        failures += 1;
        return failures < 3 ? Promise.reject(new Error('no')) : Promise.resolve(undefined);
      });
      await queue.add(one, 0);
      await until(() => seen.length === 3);
      expect(seen).toEqual([one, one, one]);
    });

    it('removed before it is due → not delivered', async () => {
      const queue = newQueue();
      const [one, other] = [entry(), entry()];
      await queue.add(one, 1);
      await queue.add(other, 1);
      await queue.remove(one.id);
      const seen = notedBy(queue);
      await until(() => seen.length === 1);
      expect(seen).toEqual([other]);
    });

    it('one that is gone, or never was → nothing to remove', async () => {
      const { queue, seen } = delivering();
      const one = entry();
      await queue.add(one, 0);
      await until(() => seen.length === 1);
      await queue.remove(one.id);
      await queue.remove(randomUUID());
    });

    it('added before anybody handles → delivered then', async () => {
      const queue = newQueue();
      const one = entry();
      await queue.add(one, 0);
      const seen = notedBy(queue);
      await until(() => seen.length === 1);
      expect(seen).toEqual([one]);
    });

    it('one takes long → others do not wait for it', async () => {
      const { opened, open: finish } = gate();
      const slow = entry('k1.slow');
      const { queue, seen } = delivering(async ({ sealed }) => {
        if (sealed === 'k1.slow') await opened;
        return undefined;
      });
      await queue.add(slow, 0);
      await until(() => seen.length === 1);
      await queue.add(entry(), 0);
      await until(() => seen.length === 2);
      finish();
    });

    it('entries put off and under way → counted as such until they are done', async () => {
      const { opened, open: finish } = gate();
      const later = entry();
      const { queue, seen } = delivering(async () => {
        await opened;
        return undefined;
      });
      const before = await queue.counts();
      await queue.add(later, 60_000);
      await queue.add(entry(), 0);
      await until(() => seen.length === 1);
      const during = await queue.counts();
      expect(during.delayed - before.delayed).toBe(1);
      expect(during.active - before.active).toBe(1);
      finish();
      await queue.remove(later.id);
      await until(async () => (await queue.counts()).active === before.active);
      expect(await queue.counts()).toEqual(before);
    });

    it('closed → waits for what is being delivered', async () => {
      const { opened, open: finish } = gate();
      const { queue, seen } = delivering(async () => {
        await opened;
        return undefined;
      });
      await queue.add(entry(), 0);
      await until(() => seen.length === 1);
      let closed = false;
      const closing = queue.close().then(() => (closed = true));
      await new Promise((resolve) => setImmediate(resolve));
      expect(closed).toBe(false);
      finish();
      await closing;
      expect(seen).toHaveLength(1);
    });
  });
}
