import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createMemoryPendingAuthorizations } from '../../src/memory/pending-authorizations.js';
import type { PendingAuthorizations } from '../../src/oauth/pending-authorizations.js';
import { closeRedis } from '../../src/redis/client.js';
import { pendingKey } from '../../src/redis/keys.js';
import { createRedisPendingAuthorizations } from '../../src/redis/pending-authorizations.js';
import { type Stage, connectTo, stages, until } from '../support/contract.js';
import { startRedis } from '../support/redis-server.js';

let ids = 0;
const newId = () => `state-${(ids += 1)}`;

describe.each(stages)('PendingAuthorizations of %s', (_name, open) => {
  let stage: Stage;
  let pending: PendingAuthorizations;

  beforeAll(async () => {
    stage = await open();
    pending = stage.pending;
  });

  afterAll(() => stage.close());

  it('never saved → nothing to take or to look at', async () => {
    expect(await pending.take('unknown')).toBeUndefined();
    expect(await pending.peek('unknown')).toBeUndefined();
  });

  it('saved → taken once, then gone', async () => {
    const id = newId();
    await pending.save(id, 'sealed', 60_000);
    expect(await pending.take(id)).toBe('sealed');
    expect(await pending.take(id)).toBeUndefined();
    expect(await pending.peek(id)).toBeUndefined();
  });

  it('looked at → still there', async () => {
    const id = newId();
    await pending.save(id, 'sealed', 60_000);
    expect(await pending.peek(id)).toBe('sealed');
    expect(await pending.take(id)).toBe('sealed');
  });

  it('50 callers take the same one → exactly one gets it', async () => {
    const id = newId();
    await pending.save(id, 'sealed', 60_000);
    const taken = await Promise.all(Array.from({ length: 50 }, () => pending.take(id)));
    expect(taken.filter((value) => value !== undefined)).toEqual(['sealed']);
  });

  it('ten at once → each keeps its own value', async () => {
    const each = Array.from({ length: 10 }, newId);
    await Promise.all(each.map((id) => pending.save(id, `value of ${id}`, 60_000)));
    const taken = await Promise.all(each.map((id) => pending.take(id)));
    expect(taken).toEqual(each.map((id) => `value of ${id}`));
  });

  it('lifetime over → forgotten', async () => {
    const id = newId();
    await pending.save(id, 'sealed', 30);
    await until(async () => (await pending.peek(id)) === undefined);
    expect(await pending.take(id)).toBeUndefined();
  });
});

describe('lifetime of pending authorizations', () => {
  it('in redis → kept for exactly the time asked for', async () => {
    const redis = await startRedis();
    const client = await connectTo(redis);
    await createRedisPendingAuthorizations(client).save('state', 'sealed', 600_000);
    const left = await client.pttl(pendingKey('state'));
    expect(left).toBeGreaterThan(590_000);
    expect(left).toBeLessThanOrEqual(600_000);
    await closeRedis(client);
    await redis.stop();
  });

  it('in memory → ends at its time by the given clock', async () => {
    let now = 1_000;
    const pending = createMemoryPendingAuthorizations({ now: () => now });
    await pending.save('state', 'sealed', 600_000);
    now += 599_999;
    expect(await pending.peek('state')).toBe('sealed');
    now += 1;
    expect(await pending.take('state')).toBeUndefined();
  });
});
