// Loaded ahead of jest's processes and of the servers that tests start: writes down for the scan at
// the end of the run (test/jest/teardown-all.mjs) what recorder.mjs hears. At once, because servers get killed.
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { record } from './recorder.mjs';

const folder = process.env.LEAK_SCAN_DIR;

if (folder !== undefined) {
  const open = (kind) => openSync(join(folder, `${process.pid}.${kind}.jsonl`), 'a', 0o600);
  const [secrets, materials] = [open('secrets'), open('materials')];
  record({
    secret: (secret) => writeSync(secrets, `${JSON.stringify(secret)}\n`),
    material: (material) => writeSync(materials, `${JSON.stringify(material)}\n`),
  });
}
