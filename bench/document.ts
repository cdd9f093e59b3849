import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const DOCUMENT = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
const IMAGE = fileURLToPath(new URL('../docs/images/performance.svg', import.meta.url));
const BEGIN = '<!-- results -->';
const END = '<!-- end of results -->';

/** Puts results between the two marks, instead of those that were there. */
export function withResults(document: string, results: string): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (from < 0 || to < from) throw new Error('the document has no place for results');
  return `${document.slice(0, from + BEGIN.length)}\n\n${results.trim()}\n\n${document.slice(to)}`;
}

/** Writes results and chart to where people read them. */
export function writeDocument({ results, chart }: { results: string; chart: string }): void {
  mkdirSync(dirname(IMAGE), { recursive: true });
  writeFileSync(IMAGE, chart);
  writeFileSync(DOCUMENT, withResults(readFileSync(DOCUMENT, 'utf8'), results));
}
