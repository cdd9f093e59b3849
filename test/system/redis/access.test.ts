import { afterEach, describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../../src/grants/errors.js';
import { closeRedis, connectRedis } from '../../../src/redis/client.js';
import { createRedisGrantRecords } from '../../../src/redis/grant-records.js';
import { parseStoreUrl } from '../../../src/redis/store-url.js';
import { LOGIN, documentedUser, useEverything } from '../../support/every-use.js';
import { UNHURRIED, openGrants } from '../../support/grant-uses.js';
import { askOne } from '../../support/redis-group.js';
import { startTcpRedis, startTlsRedis } from '../../support/redis-tcp.js';
import { until } from '../../support/until.js';
import { DURABLE } from '../../support/redis-server.js';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

describe('the ACL user of docs/redis.md', () => {
  it('single server → may do all that is needed, and nothing else', async () => {
    const redis = await startTcpRedis({ args: DURABLE });
    ends.push(() => redis.stop());
    await askOne(redis.port, ...documentedUser());
    const grants = await openGrants(`redis://${LOGIN}127.0.0.1:${redis.port}`, UNHURRIED);
    ends.push(...grants.clients.map((one) => () => closeRedis(one)));
    await useEverything(grants.client);
    expect(await grants.records.compareAndSet('x', { version: 1, sealed: 's' }, 0)).toBe(
      'confirmed',
    );
    const ids: string[] = [];
    for await (const page of grants.records.ids()) ids.push(...page);
    expect(ids).toContain('x');
    expect((await grants.saves.check.current())?.problems).toEqual([]);
    expect(grants.errors).toEqual([]);
    for (const refused of [
      grants.client.get('somebody-elses'),
      grants.client.keys('*'),
      grants.client.publish('somebody-elses', ''),
      grants.client.flushall(),
      grants.client.config('SET', 'appendonly', 'no'),
    ]) {
      await expect(refused).rejects.toThrow('NOPERM');
    }
  });

  it('password is wrong → refused in time, told why, without the password', async () => {
    const redis = await startTcpRedis();
    ends.push(() => redis.stop());
    await askOne(redis.port, ...documentedUser());
    const errors: string[] = [];
    const url = `redis://fullscript:not-this-one@127.0.0.1:${redis.port}`;
    const client = connectRedis(parseStoreUrl(url), { onError: (one) => errors.push(String(one)) });
    ends.push(() => closeRedis(client));
    await until(() => errors.length > 0);
    expect(errors.join()).toContain('WRONGPASS');
    expect(errors.join()).not.toContain('not-this-one');
  });
});

describe('TLS', () => {
  it.each(['rediss', 'rediss+cluster'])(
    '%s, authority is not known → refused in time, and says what to do',
    async (scheme) => {
      const clustered = scheme === 'rediss+cluster' ? ['--cluster-enabled', 'yes'] : [];
      const redis = await startTlsRedis({ args: clustered });
      ends.push(() => redis.stop());
      const errors: string[] = [];
      const address = parseStoreUrl(`${scheme}://127.0.0.1:${redis.port}`);
      const client = connectRedis(address, { onError: (one) => errors.push(one.message) });
      ends.push(() => closeRedis(client));
      const from = performance.now();
      const read = createRedisGrantRecords(client).read('id');
      await expect(read).rejects.toBeInstanceOf(StoreUnavailableError);
      expect(performance.now() - from).toBeLessThan(1_000);
      await until(() => errors.some((one) => one.includes('NODE_EXTRA_CA_CERTS')));
      expect(errors.join()).toMatch(/certificate of Redis is not trusted/);
    },
  );
});
