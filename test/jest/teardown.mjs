import { stopSharedRedis } from '../support/shared-redis.ts';

export default async function teardown() {
  await stopSharedRedis();
}
