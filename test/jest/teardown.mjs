// jest's globalTeardown for `npm test`. It has the last word: what a green run has not looked at.
import { stopSharedRedis } from '../support/shared-redis.ts';

export default async function teardown() {
  await stopSharedRedis();
  console.error(
    'Next: npm run test:all adds Chromium, nginx, Sentinel, Cluster, TLS, real processes, deployment files and the leak scan.',
  );
}
