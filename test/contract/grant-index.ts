import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  GRANT_STATUSES,
  type GrantFilter,
  type GrantIndex,
  type IndexEntry,
} from '../../src/grants/grant-index.js';
import { type GrantStatus, grantId } from '../../src/grants/grant.js';
import { REGISTRATION_IDS, type RegistrationId } from '../../src/oauth/registration.js';
import { RESOURCE_OWNER_TYPES, type ResourceOwnerType } from '../../src/oauth/resource-owner.js';
import type { Stage } from '../support/contract.js';

const idOf = (registration: RegistrationId, type: ResourceOwnerType, id: string) =>
  grantId({ registration, owner: { id, type } });
const ADA = idOf('us-sandbox', 'Practitioner', 'ada');

export function grantIndexContract(openStage: () => Promise<Stage>): void {
  describe('GrantIndex', () => {
    let stage: Stage;
    let index: GrantIndex;

    beforeAll(async () => {
      stage = await openStage();
      index = stage.grantIndex;
    });

    afterAll(() => stage.close());

    const all = (filter: GrantFilter = {}) => index.page({ ...filter, limit: 10_000 });

    async function clear(): Promise<void> {
      await Promise.all((await all()).map(({ id }) => index.drop(id)));
    }

    async function fill(entries: readonly IndexEntry[]): Promise<void> {
      await clear();
      await Promise.all(entries.map(({ id, status }) => index.put(id, status)));
    }

    /** Pages of a size until there are none. */
    async function walk(filter: GrantFilter, limit: number): Promise<IndexEntry[]> {
      const walked: IndexEntry[] = [];
      for (let page = 0; page < 1_000; page += 1) {
        const found = await index.page({ ...filter, limit, after: walked.at(-1)?.id });
        walked.push(...found);
        if (found.length < limit) return walked;
      }
      throw new Error('it does not end');
    }

    it('nothing entered → an empty page, and none of each kind', async () => {
      await clear();
      expect(await index.page({ limit: 10 })).toEqual([]);
      const counts = await index.counts();
      expect(counts).toHaveLength(REGISTRATION_IDS.length * GRANT_STATUSES.length);
      expect(counts.every(({ grants }) => grants === 0)).toBe(true);
    });

    it('entered ahead, put, dropped → as what it was put, once, and gone', async () => {
      await clear();
      await index.enter(ADA);
      expect(await all()).toEqual([{ id: ADA, status: 'active' }]);
      await index.put(ADA, 'needs_reconnect');
      await index.put(ADA, 'needs_reconnect');
      expect(await all()).toEqual([{ id: ADA, status: 'needs_reconnect' }]);
      await index.drop(ADA);
      await index.drop(ADA);
      expect(await all()).toEqual([]);
    });

    it('entered ahead while it needs reconnect → stays as it is', async () => {
      await fill([{ id: ADA, status: 'needs_reconnect' }]);
      await index.enter(ADA);
      expect(await all()).toEqual([{ id: ADA, status: 'needs_reconnect' }]);
    });

    it('names that begin alike, and anything in an id → nobody is taken for somebody else', async () => {
      const ids = ['a', 'a:b', 'a;b', '~', '', ' ', 'Ä', '*', '{x}', '/', '%3A'].map((id) =>
        idOf('us-sandbox', 'Staff', `x${id}`),
      );
      await fill(ids.map((id) => ({ id, status: 'active' })));
      expect((await all()).map(({ id }) => id)).toEqual([...ids].sort());
      expect(await all({ registration: 'us-sandbox', type: 'Practitioner' })).toEqual([]);
      expect(await all({ registration: 'us-production' })).toEqual([]);
      expect(await all({ type: 'Staff', status: 'active' })).toHaveLength(ids.length);
    });

    it('any entries, filter and size of page → the entries of that kind, in order, each once', async () => {
      const entry = fc.record({
        id: fc
          .record({
            registration: fc.constantFrom(...REGISTRATION_IDS),
            type: fc.constantFrom(...RESOURCE_OWNER_TYPES),
            id: fc.oneof(fc.nat(30).map(String), oddText),
          })
          .map(({ registration, type, id }) => idOf(registration, type, id)),
        status: fc.constantFrom<GrantStatus>(...GRANT_STATUSES),
      });
      const filter = fc.record({
        registration: fc.option(fc.constantFrom(...REGISTRATION_IDS), { nil: undefined, freq: 2 }),
        type: fc.option(fc.constantFrom(...RESOURCE_OWNER_TYPES), { nil: undefined, freq: 2 }),
        status: fc.option(fc.constantFrom(...GRANT_STATUSES), { nil: undefined, freq: 2 }),
      });
      const entries = fc.uniqueArray(entry, {
        selector: ({ id }) => id,
        minLength: 5,
        maxLength: 25,
      });
      let listed = 0;
      await fc.assert(
        fc.asyncProperty(
          entries,
          filter,
          fc.integer({ min: 1, max: 9 }),
          async (some, by, limit) => {
            await fill(some);
            const wanted = some
              .filter(({ id, status }) => {
                const [registration, type] = id.split(':');
                return (
                  (by.registration ?? registration) === registration &&
                  (by.type ?? type) === type &&
                  (by.status ?? status) === status
                );
              })
              .sort((one, other) => (one.id < other.id ? -1 : 1));
            listed += wanted.length;
            expect(await walk(by, limit)).toEqual(wanted);
            for (const { registration, status, grants } of await index.counts()) {
              const those = some.filter(
                (one) => one.status === status && one.id.startsWith(`${registration}:`),
              );
              expect(grants).toBe(those.length);
            }
          },
        ),
        { numRuns: 40, endOnFailure: true },
      );
      expect(listed).toBeGreaterThan(40);
    }, 60_000);

    it('others come, go and change their status meanwhile → whoever stays is listed once', async () => {
      const name = (at: number) => idOf('us-sandbox', 'Staff', String(at).padStart(3, '0'));
      const step = fc.tuple(fc.nat(59), fc.constantFrom('active', 'needs_reconnect', 'gone'));
      let moved = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 60 }), async (steps) => {
          // Those with an even number stay, in whatever status.
          await fill(
            Array.from({ length: 60 }, (_, at) => ({ id: name(at), status: 'active' as const })),
          );
          const walked: string[] = [];
          const change = async ([at, to]: (typeof steps)[number]) => {
            moved += 1;
            if (to !== 'gone') await index.put(name(at), to);
            else if (at % 2 === 1) await index.drop(name(at));
          };
          for (let page = 0; page < 20; page += 1) {
            const changes = steps.slice(page * 6, page * 6 + 6).map(change);
            const found = await index.page({ limit: 7, after: walked.at(-1) });
            await Promise.all(changes);
            walked.push(...found.map(({ id }) => id));
            if (found.length === 0) break;
          }
          expect(new Set(walked).size).toBe(walked.length);
          for (let at = 0; at < 60; at += 2) expect(walked).toContain(name(at));
        }),
        { numRuns: 15, endOnFailure: true },
      );
      expect(moved).toBeGreaterThan(100);
    }, 60_000);

    it('checked → for as long as it was said', async () => {
      expect(await index.isChecked()).toBe(false);
      await index.noteChecked(60_000);
      expect(await index.isChecked()).toBe(true);
      await index.noteChecked(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(await index.isChecked()).toBe(false);
    });
  });
}

/** What separates and what is longer or shorter as bytes, which an index may take for something else. */
const oddText = fc.string({
  unit: fc.constantFrom(...Array.from('a0:;%{}*/\\~ \0\n\uffff'), 'Ä', '😀', '%3A'),
  minLength: 1,
  maxLength: 12,
});
