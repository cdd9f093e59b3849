import type { AuditEntry } from '../grants/audit-trail.js';
import { printable } from './user-name.js';

/** An entry as programs read it. */
export function auditJson({ at, ...entry }: AuditEntry): Record<string, unknown> {
  return { at: new Date(at).toISOString(), ...entry };
}

/** The same as a line for people: when, what, who, where from, and then what else there is to say. */
export function auditLine(entry: AuditEntry): string {
  const { event, at, by, registration, ownerType, owner, device, address, ...more } = entry;
  const who = [registration, ownerType, owner].filter((part) => part !== undefined).join('/');
  const parts = [
    new Date(at).toISOString(),
    event.padEnd(21),
    who,
    by === undefined ? '' : `by ${by}`,
    whereFrom(address, device),
    ...Object.entries(more).map(([name, value]) => `${name}=${String(value)}`),
  ];
  return printable(parts.filter((part) => part !== '').join('  '));
}

function whereFrom(address: string | undefined, device: string | undefined): string {
  if (address === undefined && device === undefined) return '';
  if (address === undefined) return `from ${device ?? ''}`;
  return device === undefined ? `from ${address}` : `from ${address} (${device})`;
}
