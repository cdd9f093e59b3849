// jest's globalTeardown: scans what the whole run has left, and fails it when a secret is found.
import { rmSync } from 'node:fs';
import { tsImport } from 'tsx/esm/api';

export default async function teardown() {
  const folder = process.env.LEAK_SCAN_DIR;
  try {
    const { scanFolder } = await tsImport('./scan-folder.ts', import.meta.url);
    const { leaks, text } = scanFolder(folder);
    console.error(text);
    if (leaks > 0) throw new Error('secrets have leaked: see the list above');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
