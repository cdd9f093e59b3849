import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DisabledUsers, disableUser } from '../../src/grants/disabled-users.js';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { closeRedis } from '../../src/redis/client.js';
import { createRedisDisabledUsers } from '../../src/redis/disabled-users.js';
import { type Stage, connectTo, stages } from '../support/contract.js';
import { startRedis } from '../support/redis-server.js';

describe.each(stages)('DisabledUsers of %s', (_name, open) => {
  let stage: Stage;
  let users: DisabledUsers;

  beforeAll(async () => {
    stage = await open();
    users = stage.disabledUsers;
  });

  afterAll(() => stage.close());

  it('nobody was added → nobody is disabled', async () => {
    expect(await users.has('anna')).toBe(false);
    expect(await users.all()).toEqual([]);
  });

  it('added, removed → disabled, and not any more; doing it twice says that nothing changed', async () => {
    expect([await users.add('berta'), await users.add('berta')]).toEqual([true, false]);
    expect(await users.has('berta')).toBe(true);
    expect([await users.remove('berta'), await users.remove('berta')]).toEqual([true, false]);
    expect(await users.has('berta')).toBe(false);
  });

  it('several → listed, each by itself', async () => {
    const ids = ['us-sandbox:Staff:a', 'us-sandbox:Staff:b', 'ca-sandbox:Staff:a'];
    for (const id of ids) await users.add(id);
    expect((await users.all()).sort()).toEqual([...ids].sort());
    await users.remove(ids[0]!);
    expect((await users.all()).sort()).toEqual(ids.slice(1).sort());
    expect(await users.has('us-sandbox:Staff')).toBe(false);
  });
});

describe('DisabledUsers of redis', () => {
  it('redis down → StoreUnavailableError: nobody is let in by mistake', async () => {
    const redis = await startRedis();
    const client = await connectTo(redis);
    const users = createRedisDisabledUsers(client);
    await redis.stop();
    for (const failed of [users.has('x'), users.add('x'), users.remove('x'), users.all()]) {
      await expect(failed).rejects.toBeInstanceOf(StoreUnavailableError);
    }
    await closeRedis(client);
  });
});

describe('disableUser', () => {
  it('writes the record first and ends the sessions then, every time', async () => {
    const acts: string[] = [];
    const disabledUsers = {
      add: (id: string) => {
        acts.push(`add ${id}`);
        return Promise.resolve(acts.length === 1);
      },
    };
    const sessions = {
      endAll: (id: string) => {
        acts.push(`end ${id}`);
        return Promise.resolve(2);
      },
    };
    const deps = { disabledUsers, sessions };
    expect(await disableUser(deps, 'anna')).toEqual({ changed: true, ended: 2 });
    expect(await disableUser(deps, 'anna')).toEqual({ changed: false, ended: 2 });
    expect(acts).toEqual(['add anna', 'end anna', 'add anna', 'end anna']);
  });
});
