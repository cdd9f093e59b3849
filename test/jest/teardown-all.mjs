// jest's globalTeardown for `npm run test:all`: scans what the whole run has left, and fails it when a
// secret is found.
import { rmSync } from 'node:fs';
import { stopSharedChromium } from '../support/chromium.ts';
import { scanFolder } from '../support/leaks/scan-folder.ts';
import { stopSharedRedis } from '../support/shared-redis.ts';

export default async function teardownAll() {
  const folder = process.env.LEAK_SCAN_DIR;
  try {
    await Promise.all([stopSharedRedis(), stopSharedChromium()]);
    const { leaks, text } = scanFolder(folder);
    console.error(text);
    if (leaks > 0) throw new Error('secrets have leaked: see the list above');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
