import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import type { Stage } from '../support/contract.js';

let ids = 0;
const newId = () => `us-sandbox:Practitioner:${(ids += 1)}`;
const record = (version: number) => ({ version, sealed: `sealed-${version}` });

type GrantStage = Pick<Stage, 'grantRecords' | 'close'>;

export function grantRecordsContract(openStage: () => Promise<GrantStage>): void {
  describe('GrantRecords', () => {
    let stage: GrantStage;
    let records: GrantRecords;

    beforeAll(async () => {
      stage = await openStage();
      records = stage.grantRecords;
    });

    afterAll(() => stage.close());

    it('nothing stored → no record and version 0', async () => {
      const id = newId();
      expect(await records.read(id)).toBeUndefined();
      expect(await records.lastVersion(id)).toBe(0);
    });

    it('first write expects 0 → stored and read back as it was', async () => {
      const id = newId();
      const sealed = 'k1.\u0000 ünï:{}"\n'.repeat(500);
      expect(await records.compareAndSet(id, { version: 1, sealed }, 0)).not.toBe(false);
      expect(await records.read(id)).toEqual({ version: 1, sealed });
      expect(await records.lastVersion(id)).toBe(1);
    });

    it('write expects the stored version → replaces the record', async () => {
      const id = newId();
      await records.compareAndSet(id, record(1), 0);
      expect(await records.compareAndSet(id, record(2), 1)).not.toBe(false);
      expect(await records.read(id)).toEqual(record(2));
    });

    it.each([0, 1, 3])(
      'version 2 stored, write expects %i → refused and unchanged',
      async (seen) => {
        const id = newId();
        await records.compareAndSet(id, record(1), 0);
        await records.compareAndSet(id, record(2), 1);
        expect(await records.compareAndSet(id, record(seen + 1), seen)).toBe(false);
        expect(await records.read(id)).toEqual(record(2));
      },
    );

    it('100 writers expect the same version → exactly one wins, and its record is stored', async () => {
      const id = newId();
      await records.compareAndSet(id, record(1), 0);
      const attempts = Array.from({ length: 100 }, (_, n) =>
        records.compareAndSet(id, { version: 2, sealed: `writer-${n}` }, 1),
      );
      const won = (await Promise.all(attempts)).flatMap((written, n) => (written ? [n] : []));
      expect(won).toHaveLength(1);
      expect(await records.read(id)).toEqual({ version: 2, sealed: `writer-${won[0]!}` });
    });

    it('other ids → not touched by a write or a removal', async () => {
      const [one, other] = [newId(), newId()];
      await records.compareAndSet(one, record(1), 0);
      await records.compareAndSet(other, record(1), 0);
      await records.remove(one);
      expect(await records.read(other)).toEqual(record(1));
    });

    it('removed → no record, and the removal counts as a version', async () => {
      const id = newId();
      await records.compareAndSet(id, record(1), 0);
      await records.remove(id);
      expect(await records.read(id)).toBeUndefined();
      expect(await records.lastVersion(id)).toBe(2);
    });

    it('removed by its version → gone; by another one → still there', async () => {
      const id = newId();
      await records.compareAndSet(id, record(1), 0);
      await records.compareAndSet(id, record(2), 1);
      expect(await records.remove(id, 1)).toBe(false);
      expect(await records.read(id)).toEqual(record(2));
      expect(await records.remove(id, 2)).toBe(true);
      expect(await records.read(id)).toBeUndefined();
      expect(await records.lastVersion(id)).toBe(3);
      expect(await records.remove(newId(), 7)).toBe(true);
    });

    it('removed while a writer slept → its stale version cannot bring the record back', async () => {
      const id = newId();
      await records.compareAndSet(id, record(1), 0);
      await records.remove(id);
      expect(await records.compareAndSet(id, record(2), 1)).toBe(false);
      expect(await records.compareAndSet(id, record(1), 0)).toBe(false);
      expect(await records.read(id)).toBeUndefined();
    });

    it('stored again after a removal → the version has grown', async () => {
      const id = newId();
      await records.compareAndSet(id, record(1), 0);
      await records.remove(id);
      const last = await records.lastVersion(id);
      expect(await records.compareAndSet(id, record(last + 1), last)).not.toBe(false);
      expect(await records.read(id)).toEqual(record(3));
    });

    it('nothing stored, removed → still nothing, version 0', async () => {
      const id = newId();
      await records.remove(id);
      expect(await records.lastVersion(id)).toBe(0);
    });

    it('ids → every stored record, in pages, and nothing of what was removed', async () => {
      const stored = Array.from({ length: 450 }, newId);
      const odd = ['ca-production:Staff:%2A%7Ba%7D', 'us-sandbox:Clinic:a%3Ab'];
      const all = [...stored, ...odd];
      await Promise.all(all.map((id) => records.compareAndSet(id, record(1), 0)));
      const removed = stored.slice(0, 50);
      await Promise.all(removed.map((id) => records.remove(id)));
      const pages: (readonly string[])[] = [];
      for await (const page of records.ids()) pages.push(page);
      const listed = new Set(pages.flat());
      expect(all.slice(50).filter((id) => !listed.has(id))).toEqual([]);
      expect(pages.length).toBeGreaterThan(1);
      // Those removed lately may be listed; whoever reads them finds nothing.
      const lately = removed.filter((id) => listed.has(id));
      const read = await Promise.all(lately.map((id) => records.read(id)));
      expect(read.filter((found) => found !== undefined)).toEqual([]);
    });

    it('ids while others write → still every record that was there all the while', async () => {
      const there = Array.from({ length: 300 }, newId);
      await Promise.all(there.map((id) => records.compareAndSet(id, record(1), 0)));
      const listed = new Set<string>();
      let others = 2_000;
      for await (const page of records.ids()) {
        for (const id of page) listed.add(id);
        const more = page.slice(0, others);
        others -= more.length;
        await Promise.all(more.map(() => records.compareAndSet(newId(), record(1), 0)));
      }
      expect(there.filter((id) => !listed.has(id))).toEqual([]);
    });

    it('100 writes and a removal at once → the removal is never undone by a stale writer', async () => {
      const id = newId();
      await records.compareAndSet(id, record(1), 0);
      const calls = Array.from({ length: 100 }, (_, n) =>
        n === 50 ? records.remove(id) : records.compareAndSet(id, record(2), 1),
      );
      await Promise.all(calls);
      expect(await records.read(id)).toBeUndefined();
      // Nobody promises an order of calls that are under way at once: the removal may come first.
      expect([2, 3]).toContain(await records.lastVersion(id));
    });
  });
}
