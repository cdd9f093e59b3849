import { type Needle, needlesOf } from './needles.js';
import type { KnownSecret } from './recorder.mjs';

/** Many secrets, to be looked for all at once. */
export interface SecretIndex {
  /** Every secret that `text` contains, each once; bytes, one a character. */
  readonly search: (text: string) => Needle[];
}

/** How many bytes are looked up at a time: no secret is shorter. */
const WINDOW = 8;
const FACTOR = 0x01000193;
/** What the byte that leaves the window had become. */
const LEAVING = powerOf(FACTOR, WINDOW);
const BITS_A_HASH = 32;
const LONGEST_ESCAPE_CHAIN = 3;

/**
 * Slides over a text once, whatever the number of secrets: a rolling hash of the window, a bitmap that
 * sorts out nearly all of them, and a table for the rest.
 *
 * @see https://en.wikipedia.org/wiki/Rabin%E2%80%93Karp_algorithm
 */
export function indexSecrets(secrets: Iterable<KnownSecret>): SecretIndex {
  const needles = [...secrets].flatMap(needlesOf);
  const table = new Map<number, Needle[]>();
  for (const needle of needles) {
    const hash = hashOf(needle.text);
    const same = table.get(hash);
    if (same === undefined) table.set(hash, [needle]);
    else same.push(needle);
  }
  const find = slider({ table, filter: filterOf([...table.keys()]) });
  return {
    search: (text) => {
      const found = views(text).flatMap(find);
      return [...new Map(found.map((needle) => [needle.secret, needle])).values()];
    },
  };
}

interface Tables {
  readonly table: ReadonlyMap<number, readonly Needle[]>;
  readonly filter: { readonly bits: Uint8Array; readonly shift: number };
}

/** A bitmap with a bit for each hash: few others pass, and it is small enough for the CPU's cache. */
function filterOf(hashes: readonly number[]): Tables['filter'] {
  const size = Math.min(24, Math.max(16, Math.ceil(Math.log2(hashes.length * BITS_A_HASH))));
  const bits = new Uint8Array(2 ** (size - 3));
  const shift = 32 - size;
  for (const hash of hashes) bits[slotOf(hash, shift) >>> 3]! |= 1 << (slotOf(hash, shift) & 7);
  return { bits, shift };
}

function slider({ table, filter }: Tables): (text: string) => Needle[] {
  const { bits, shift } = filter;
  const needlesAt = (text: string, at: number, hash: number) =>
    (table.get(hash) ?? []).filter((needle) => text.startsWith(needle.text, at));
  return (text) => {
    const bytes = Buffer.from(text, 'latin1');
    const last = bytes.length - WINDOW;
    const found: Needle[] = [];
    let hash = hashOf(text);
    for (let at = 0; at <= last; at += 1) {
      const slot = slotOf(hash, shift);
      if ((bits[slot >>> 3]! & (1 << (slot & 7))) !== 0) found.push(...needlesAt(text, at, hash));
      if (at === last) break;
      hash = (Math.imul(hash, FACTOR) + bytes[at + WINDOW]! - Math.imul(bytes[at]!, LEAVING)) | 0;
    }
    return found;
  };
}

/** Of the first window. */
function hashOf(text: string): number {
  let hash = 0;
  for (let at = 0; at < WINDOW; at += 1) {
    hash = (Math.imul(hash, FACTOR) + (text.charCodeAt(at) || 0)) | 0;
  }
  return hash;
}

/** The upper bits: every byte of the window has a say in them. */
function slotOf(hash: number, shift: number): number {
  return (hash ^ (hash << 13)) >>> shift;
}

function powerOf(factor: number, exponent: number): number {
  let power = 1;
  for (let times = 0; times < exponent; times += 1) power = Math.imul(power, factor);
  return power;
}

const PERCENT = /%([0-9a-f]{2})/gi;
const BACKSLASH = /\\(?:u00|x)([0-9a-f]{2})|\\(["\\/])/gi;
const ENTITY = /&#x([0-9a-f]{1,2});|&(amp|quot|lt|gt|#\d{1,3});/gi;
const NAMED: Record<string, string> = { amp: '&', quot: '"', lt: '<', gt: '>' };

/** The text as it stands, with one kind of escapes undone, and with all of them, one after the other. */
function views(text: string): string[] {
  if (!/[%\\&]/.test(text)) return [text];
  const all = [text, ...UNESCAPES.map((unescape) => unescape(text))];
  let undone = text;
  for (let times = 0; times < LONGEST_ESCAPE_CHAIN; times += 1) {
    for (const unescape of UNESCAPES) undone = unescape(undone);
    all.push(undone);
  }
  return [...new Set(all)];
}

const UNESCAPES: readonly ((text: string) => string)[] = [
  (text) => text.replace(PERCENT, (_whole, hex: string) => characterOf(hex)),
  (text) =>
    text.replace(BACKSLASH, (_whole, hex?: string, plain = '') =>
      hex === undefined ? String(plain) : characterOf(hex),
    ),
  (text) =>
    text.replace(ENTITY, (_whole, hex?: string, name = '') =>
      hex === undefined ? entityOf(String(name)) : characterOf(hex),
    ),
];

function characterOf(hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}

function entityOf(name: string): string {
  return NAMED[name.toLowerCase()] ?? String.fromCharCode(Number(name.slice(1)) & 255);
}
