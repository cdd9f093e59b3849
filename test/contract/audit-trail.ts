import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AUDIT_KEPT, type AuditEntry, type AuditTrail } from '../../src/grants/audit-trail.js';
import { type Stage } from '../support/contract.js';
import { until } from '../support/until.js';

/** When the entries of these tests begin. */
export const AT = Date.UTC(2026, 2, 1, 8);

export const entry = (at: number, more: Partial<AuditEntry> = {}): AuditEntry => ({
  ...{ event: 'signed_in', at: AT + at },
  ...more,
});

export async function all(trail: AuditTrail, since?: number): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for await (const one of trail.newestFirst(since)) entries.push(one);
  return entries;
}

export const times = (entries: readonly AuditEntry[]) => entries.map(({ at }) => at - AT);

export function auditTrailContract(openStage: () => Promise<Stage>): void {
  describe('AuditTrail', () => {
    let stage: Stage;
    let trail: AuditTrail;

    beforeAll(async () => {
      stage = await openStage();
      trail = stage.auditTrail;
    });

    afterAll(() => stage.close());

    it('nothing written → nothing to read; of what was, the newest first, whatever its kind', async () => {
      expect(await all(trail)).toEqual([]);
      await trail.record('events', [entry(1), entry(4)]);
      await trail.record('frequent', [entry(2), entry(5)]);
      await trail.record('administration', [entry(3)]);
      await trail.record('events', [entry(6)]);
      expect(times(await all(trail))).toEqual([6, 5, 4, 3, 2, 1]);
    });

    it('an entry with everything, and one with nothing but its event → read as written', async () => {
      const full: AuditEntry = {
        ...{ event: 'x', at: AT + 1_000_123, by: 'root', registration: 'us-sandbox' },
        ...{ ownerType: 'Staff', owner: 'Ab3-_xyz0123', requestId: 'request-1' },
        ...{ newOwnerType: 'Practitioner', newOwner: '0123-_xyzAb3' },
        ...{ device: 'Chrome on Windows', address: '2001:db8::1', reason: 'no_answer' },
        ...{ outcome: 'revoked', missing: 'patients:read catalog:read' },
        ...{ sessions: 0, tookMs: 12, leftOut: 3 },
      };
      await trail.record('events', [entry(1_000_000), full]);
      const [newest, before] = await all(trail);
      expect(newest).toEqual(full);
      expect(before).toEqual(entry(1_000_000));
    });

    it('since now → nothing of before, and all that comes', async () => {
      await trail.record('events', [entry(2_000_000)]);
      const last = Date.now();
      await until(() => Date.now() > last + 1);
      const since = Date.now();
      await trail.record('administration', [entry(2_000_001)]);
      expect(times(await all(trail, since))).toEqual([2_000_001]);
    });

    it('a flood of one kind → bounded, in batches, and the other kinds stay as they are', async () => {
      const flood = Array.from({ length: 100 }, (_, at) =>
        entry(3_000_000 + at, { event: 'flood' }),
      );
      const rounds = AUDIT_KEPT.frequent.entries / 100 + 20;
      const others = (await all(trail)).filter(({ event }) => event !== 'flood').length;
      for (let round = 0; round < rounds; round += 1) await trail.record('frequent', flood);
      const kept = await all(trail);
      const { length } = kept.filter(({ event }) => event === 'flood');
      expect(length).toBeLessThan(AUDIT_KEPT.frequent.entries + 500);
      expect(length).toBeGreaterThan(5_000);
      // Those of the flooded kind have gone.
      expect(kept.length - length).toBe(others - 2);
    }, 30_000);
  });
}
