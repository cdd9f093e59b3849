import type { GrantDetails } from '../grants/grant-details.js';
import type { GrantFacts } from '../grants/grant-facts.js';
import type { GrantKey } from '../grants/grant.js';
import { counted } from './command.js';
import { printable, userName } from './user-name.js';

/** A grant for programs. What is sealed is missing where it does not open. */
export function grantJson({ key, version, sealedWith, sealed }: GrantFacts) {
  const who = { user: userName(key), registration: key.registration, resourceOwner: key.owner };
  const stored = { version, sealedWith };
  if (typeof sealed === 'string') {
    return { ...who, status: 'unreadable', problem: sealed, ...stored };
  }
  const { status, reason, scope, refreshable, superseded } = sealed;
  return {
    ...who,
    ...{ status, reason: reason ?? null, scope },
    expiresAt: iso(sealed.expiresAt),
    connectedAt: iso(sealed.connectedAt),
    refreshedAt: iso(sealed.refreshedAt),
    ...{ refreshable, superseded },
    ...stored,
  };
}

const HEADINGS = ['USER', 'STATUS', 'TOKEN ENDS', 'REFRESHED', 'CONNECTED'];

/** A table of grants, a line each. */
export function grantTable(grants: readonly GrantFacts[]): string[] {
  const rows = grants.map(({ key, sealed }) => {
    const user = printable(userName(key));
    if (typeof sealed === 'string') return [user, 'unreadable'];
    const { status, expiresAt, refreshedAt, connectedAt } = sealed;
    return [user, status, iso(expiresAt), iso(refreshedAt), iso(connectedAt)];
  });
  return aligned([HEADINGS, ...rows]);
}

/** All that is known of one grant. */
export function detailLines(key: GrantKey, details: GrantDetails): string[] {
  const { grant, disabled, sessions } = details;
  const user = printable(userName(key));
  const others = [
    ['sessions', String(sessions)],
    ['sign-in', disabled ? 'disabled by an administrator' : 'allowed'],
  ];
  if (grant === undefined) return [`No grant of ${user} is stored.`, ...indented(others)];
  const stored = ['stored', `version ${grant.version}, sealed with key "${grant.sealedWith}"`];
  return [user, ...indented([...sealedRows(details), stored, ...others])];
}

function sealedRows({ grant, failure }: GrantDetails): string[][] {
  if (grant === undefined) return [];
  const { sealed, sealedWith } = grant;
  if (typeof sealed === 'string')
    return [['status', `unreadable: ${unreadable(sealedWith, sealed)}`]];
  const { status, reason, superseded } = sealed;
  const rows = [
    ['status', reason === undefined ? status : `${status} (${reason})`],
    ['scope', sealed.scope.join(' ')],
    ['token ends', iso(sealed.expiresAt)],
    ['refreshed', iso(sealed.refreshedAt)],
    ['connected', iso(sealed.connectedAt)],
  ];
  if (!sealed.refreshable) rows.push(['refresh', 'there is no refresh token']);
  if (failure !== undefined) rows.push(['refresh', failureText(failure)]);
  if (superseded > 0) rows.push(['earlier', `${counted(superseded, 'pair')} still to be revoked`]);
  return rows;
}

function failureText({ count, code, status, waitMs }: NonNullable<GrantDetails['failure']>) {
  const answer = status === undefined ? code : `${code} (${status})`;
  const wait = waitMs > 0 ? `; servers wait for ${Math.ceil(waitMs / 1_000)} s` : '';
  return `failed ${counted(count, 'time')} in a row: ${answer}${wait}`;
}

/** What to do about a grant that does not open. */
export function unreadable(keyId: string, code: string): string {
  return code === 'sealing_key_missing'
    ? `TOKEN_ENCRYPTION_KEYS no longer lists key "${printable(keyId)}": put it back`
    : `it does not open with key "${printable(keyId)}": altered, or that is another key by the same name`;
}

function indented(rows: readonly (readonly string[])[]): string[] {
  return aligned(rows).map((row) => `  ${row}`);
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** An instant that no calendar has is shown as it is: it is storage's word. */
export function iso(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString();
}
