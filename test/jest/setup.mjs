// jest's globalSetup for `npm test`: the one Redis of the run, in which suites have databases of their own.
import { startSharedRedis } from '../support/shared-redis.ts';

export default async function setup() {
  await startSharedRedis();
}
