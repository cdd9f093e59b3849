import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RefreshFailure, RefreshFailures } from '../../src/grants/refresh-failures.js';
import { createMemoryRefreshFailures } from '../../src/memory/refresh-failures.js';
import { refreshFailureKey } from '../../src/redis/keys.js';
import { createRedisRefreshFailures } from '../../src/redis/refresh-failures.js';
import { type Stage, connectTo, stages, until } from '../support/contract.js';
import { startRedis } from '../support/redis-server.js';

let ids = 0;
const newId = () => `us-sandbox:Practitioner:${(ids += 1)}`;
const first: RefreshFailure = {
  version: 7,
  count: 1,
  code: 'server_error',
  status: 502,
  byHand: false,
};

describe.each(stages)('RefreshFailures of %s', (_name, open) => {
  let stage: Stage;
  let failures: RefreshFailures;

  beforeAll(async () => {
    stage = await open();
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

describe('a failure in Redis that cannot be read', () => {
  it.each(['', 'not JSON', '{"count":"many"}'])('%j → as if there were none', async (text) => {
    const redis = await startRedis();
    const client = await connectTo(redis);
    await client.hset(refreshFailureKey('id'), 'f', text, 'u', '1');
    expect(await createRedisRefreshFailures(client).read('id')).toBeUndefined();
    client.disconnect();
    await redis.stop();
  });
});

describe('the end of a failure', () => {
  it('in memory → five minutes after its wait', async () => {
    let now = 0;
    const failures = createMemoryRefreshFailures({ now: () => now });
    await failures.keep('id', first, 60_000);
    now = 6 * 60_000 - 1;
    expect(await failures.read('id')).toMatchObject({ waitMs: 0 });
    now += 1;
    expect(await failures.read('id')).toBeUndefined();
  });

  it('in Redis → five minutes after its wait', async () => {
    const redis = await startRedis();
    const client = await connectTo(redis);
    await createRedisRefreshFailures(client).keep('id', first, 60_000);
    const left = await client.pttl(refreshFailureKey('id'));
    expect(left).toBeGreaterThan(359_000);
    expect(left).toBeLessThanOrEqual(360_000);
    client.disconnect();
    await redis.stop();
  });
});
