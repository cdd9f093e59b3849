// jest's globalTeardown for `npm test`. It has the last word: what a green run has not looked at.
import { rmSync } from 'node:fs';
import { stopSharedRedis } from '../support/shared-redis.ts';

export default async function teardown() {
  await stopSharedRedis();
  rmSync(process.env.TEST_RUN_DIR, { recursive: true, force: true });
  console.error(
    'Next: npm run test:all adds Chromium, nginx, Sentinel, Cluster, TLS, real processes, deployment files and the leak scan.',
  );
}
