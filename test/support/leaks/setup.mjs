// jest's globalSetup: from here on this process, its workers and the servers they start are recorded.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { URL } from 'node:url';

export default async function setup() {
  const preload = new URL('preload.mjs', import.meta.url).href;
  process.env.LEAK_SCAN_DIR = mkdtempSync(join(tmpdir(), 'fc-leaks-'));
  const others = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = [`--import=${preload}`, others].filter(Boolean).join(' ');
  await import(preload);
}
