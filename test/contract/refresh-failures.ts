import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RefreshFailure, RefreshFailures } from '../../src/grants/refresh-failures.js';
import { type Stage } from '../support/contract.js';
import { until } from '../support/until.js';

let ids = 0;
const newId = () => `us-sandbox:Practitioner:${(ids += 1)}`;
export const first: RefreshFailure = {
  version: 7,
  count: 1,
  code: 'server_error',
  status: 502,
  byHand: false,
};

export function refreshFailuresContract(openStage: () => Promise<Stage>): void {
  describe('RefreshFailures', () => {
    let stage: Stage;
    let failures: RefreshFailures;

    beforeAll(async () => {
      stage = await openStage();
      ({ failures } = stage);
    });

    afterAll(() => stage.close());

    it('nothing failed → undefined', async () => {
      expect(await failures.read(newId())).toBeUndefined();
    });

    it('kept → read with what is left of its wait', async () => {
      const id = newId();
      await failures.keep(id, first, 60_000);
      const found = await failures.read(id);
      expect(found).toMatchObject(first);
      expect(found!.waitMs).toBeGreaterThan(50_000);
      expect(found!.waitMs).toBeLessThanOrEqual(60_000);
    });

    it('without an answer → kept without a status', async () => {
      const id = newId();
      await failures.keep(id, { ...first, code: 'no_answer', status: undefined }, 0.4);
      expect((await failures.read(id))!.status).toBeUndefined();
    });

    it('its wait is over → still there, with nothing left', async () => {
      const id = newId();
      await failures.keep(id, first, 30);
      await until(async () => (await failures.read(id))!.waitMs === 0);
      expect(await failures.read(id)).toEqual({ ...first, waitMs: 0 });
    });

    it('kept again → the newer one', async () => {
      const id = newId();
      await failures.keep(id, first, 60_000);
      await failures.keep(id, { ...first, count: 2, byHand: true }, 0);
      expect(await failures.read(id)).toEqual({ ...first, count: 2, byHand: true, waitMs: 0 });
    });
  });
}
