import type { DisabledUsers } from '../grants/disabled-users.js';
import type { GrantRecords } from '../grants/grant-records.js';
import type { GrantKey } from '../grants/grant.js';
import type { UserSessions } from '../grants/user-sessions.js';
import type { Act } from './act.js';

/** Wrong use: what was typed is not a command. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What commands work on. */
export interface CommandStore {
  readonly sessions: UserSessions;
  readonly disabledUsers: DisabledUsers;
  readonly records: Pick<GrantRecords, 'read'>;
}

/** Whom a command is about. */
export type Subject = { readonly user: GrantKey } | 'all' | 'none';

export type SubjectKind = 'user' | 'all' | 'none';

/** What came of a command: for programs, and a line each for people. */
export interface Outcome {
  readonly json: Record<string, unknown>;
  readonly lines: readonly string[];
  /** What was done, for the audit trail; undefined when there was nothing to do. */
  readonly act?: Act;
}

/** One command of the command line. */
export interface Command {
  /** Two words, for example `sessions end`. */
  readonly name: string;
  /** What follows the name, for the help. */
  readonly takes: string;
  readonly does: string;
  /** Whom it can be about; others never reach `run`. */
  readonly about: readonly SubjectKind[];
  /** @throws StoreUnavailableError */
  readonly run: (store: CommandStore, subject: Subject) => Promise<Outcome>;
}

/** The user that a command is about which is about users only. */
export function oneUser(subject: Subject): GrantKey {
  if (typeof subject === 'object') return subject.user;
  throw new UsageError('which user?');
}

/** "1 session", "2 sessions". */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
