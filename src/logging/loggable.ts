import { describeError } from './describe-error.js';
import { withoutSecrets } from './without-secrets.js';

/** What `Secret` shows instead of itself. */
const HIDDEN = '[secret]';
const SECRET_NAME =
  /token|secret|passw|authorization|cookie|verifier|credential|session_?id|^(sid|state|pair|binding|jwt|bearer)$/i;

const DEEPEST = 3;
const MANY = 50;

/**
 * The fields of a line as they may be written: plain values, not too deep and not too many. What has a class
 * of its own (requests, answers, clients) is named and not shown, and what is called like a secret is
 * hidden. So a line can hold nothing that nobody meant to write.
 */
export function loggable(fields: Record<string, unknown>): Record<string, unknown> {
  const line: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    line[name] =
      name === 'err' && value !== undefined ? describeError(value) : shown(name, value, 1);
  }
  return line;
}

function shown(name: string, value: unknown, depth: number): unknown {
  if (value === undefined || typeof value === 'boolean' || typeof value === 'number') return value;
  if (SECRET_NAME.test(name)) return HIDDEN;
  if (typeof value === 'string') return withoutSecrets(value);
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return value;
  if (value === null) return value;
  if (typeof value !== 'object') return typeof value;
  if (depth > DEEPEST) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, MANY).map((one) => shown(name, one, depth + 1));
  return isPlain(value) ? plain(value, depth) : `[${classOf(value)}]`;
}

function plain(value: object, depth: number): unknown {
  // A `Secret` is a plain object that says by itself what may be seen of it.
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return HIDDEN;
  const entries = Object.entries(value).slice(0, MANY);
  return Object.fromEntries(entries.map(([name, one]) => [name, shown(name, one, depth + 1)]));
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function classOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
