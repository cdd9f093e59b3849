// jest's globalSetup for `npm run test:all`: beside the shared Redis a shared Chromium, and the leak scan:
// from here on this process, its workers and the servers they start are recorded.
import { URL } from 'node:url';
import { startSharedChromium } from '../support/chromium.ts';
import { startSharedRedis } from '../support/shared-redis.ts';
import { openRunFolder } from './setup.mjs';

export default async function setupAll() {
  const preload = new URL('../support/leaks/preload.mjs', import.meta.url).href;
  process.env.LEAK_SCAN_DIR = openRunFolder();
  const others = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = [`--import=${preload}`, others].filter(Boolean).join(' ');
  await import(preload);
  await Promise.all([startSharedRedis(), startSharedChromium()]);
}
