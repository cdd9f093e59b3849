import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { KnownSecret, Material } from './recorder.mjs';
import { type Leak, scan } from './scan.js';

const LISTED = 20;

/** Scans what preload.mjs has written down, and says in words what came of it. */
export function scanFolder(folder: string): { leaks: number; text: string } {
  const secrets = [...linesOf<KnownSecret>(folder, 'secrets')];
  let bytes = 0;
  function* materials(): Generator<Material> {
    for (const material of linesOf<Material>(folder, 'materials')) {
      bytes += material.text.length;
      yield material;
    }
  }
  const leaks = scan(secrets, materials());
  const looked = `leak scan: ${count(secrets.length)} secrets, ${count(Math.ceil(bytes / 1e6))} MB of answers, logs, files and Redis dumps`;
  const text = leaks.length === 0 ? `${looked}: nothing found` : `${looked}\n${listOf(leaks)}`;
  return { leaks: leaks.length, text };
}

function* linesOf<T>(folder: string, kind: string): Generator<T> {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(`.${kind}.jsonl`))) {
    // As bytes, since a file may be longer than the longest string.
    const bytes = readFileSync(join(folder, file));
    for (let from = 0, to; (to = bytes.indexOf(10, from)) >= 0; from = to + 1) {
      yield JSON.parse(bytes.toString('utf8', from, to)) as T;
    }
  }
}

function listOf(leaks: readonly Leak[]): string {
  const lines = new Map<string, number>();
  for (const { kind, form, beginning, channel, where, running } of leaks) {
    const during = running === '' ? '' : ` (${running})`;
    const line = `${kind} ${beginning}…, ${form}, in ${channel}: ${where}${during}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
  }
  const listed = [...lines].slice(0, LISTED).map(([line, times]) => `  ${times} × ${line}`);
  const more = lines.size > LISTED ? [`  and ${count(lines.size - LISTED)} more`] : [];
  return [`${count(leaks.length)} LEAKS FOUND:`, ...listed, ...more].join('\n');
}

function count(value: number): string {
  return value.toLocaleString('en');
}
