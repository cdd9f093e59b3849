import type { Config } from '../config.js';
import type { DisabledUsers } from '../grants/disabled-users.js';
import type { GrantRecords } from '../grants/grant-records.js';
import type { GrantKey } from '../grants/grant.js';
import type { UserSessions } from '../grants/user-sessions.js';
import type { OpenClient } from '../redis/open-client.js';
import type { Progress, Terminal } from '../terminal/progress.js';
import type { Act } from './act.js';

/** Wrong use: what was typed is not a command. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What commands that need the store work on. */
export interface CommandStore extends Pick<
  OpenClient,
  'client' | 'address' | 'reasonOf' | 'openAnother'
> {
  readonly sessions: UserSessions;
  readonly disabledUsers: DisabledUsers;
  readonly records: GrantRecords;
}

/** Whom a command is about. */
export type Subject = { readonly user: GrantKey } | 'all' | 'none';

export type SubjectKind = 'user' | 'all' | 'none';

/** What came of a command: for programs, and a line each for people. */
export interface Outcome {
  /** Undefined when everything was printed as it came. */
  readonly json: Record<string, unknown> | undefined;
  readonly lines: readonly string[];
  /** What was done, for the audit trail; undefined when there was nothing to do. */
  readonly act?: Act;
  /** It ran, but what it found or did is not good: exit code 1. */
  readonly failed?: boolean;
}

/** An option of one command. */
export interface CommandOption {
  /** How its value is called in the help; without it the option is a flag. */
  readonly value?: string;
  readonly does: string;
}

/** How long commands wait for others; what is not said is as it is for people. */
export interface CommandWaits {
  /** For the first connection to Redis. */
  readonly readyMs?: number | undefined;
  /** Between the first attempt of a revocation and the second, which is a server's. */
  readonly revocationRetryMs?: number | undefined;
  /** Between a refusal of Fullscript and the next look at the grant. */
  readonly lookAgainMs?: number | undefined;
}

/** One use of a command. */
export interface CommandCall {
  readonly subject: Subject;
  /** What was typed, by the names of the options. */
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly json: boolean;
  /** Results that come bit by bit; what is one result is returned. */
  readonly print: (text: string) => void;
  /** Trouble, and what is not the result. */
  readonly say: (text: string) => void;
  /** For what takes long. */
  readonly progress: Progress;
  /** Where progress goes. */
  readonly terminal: Terminal;
  /** Aborted when the process is told to stop. */
  readonly signal: AbortSignal;
  readonly waits: CommandWaits;
}

interface Described {
  /** One word or two, for example `sessions end`. */
  readonly name: string;
  /** What follows the name, for the help. */
  readonly takes: string;
  readonly does: string;
  /** More about it, for its own help. */
  readonly about?: readonly string[];
  /** Whom it can be about; others never reach `run`. */
  readonly subjects: readonly SubjectKind[];
  readonly options?: Readonly<Record<string, CommandOption>>;
  /** Without the name of the program. */
  readonly examples: readonly string[];
  /**
   * It heeds `signal`, or is seen through, so that what was done is written down; others end at once when
   * the process is told to stop.
   */
  readonly stoppable?: true;
  /** Being told to stop is how it ends, and nothing that went wrong: exit code 0. */
  readonly endless?: true;
}

/** Works on the store that the configuration names. */
export interface StoreCommand extends Described {
  readonly needs: 'store';
  /** It works on the store of another installation, too; others are refused there. */
  readonly anyStore?: true;
  /** @throws StoreUnavailableError, UsageError */
  readonly run: (store: CommandStore, call: CommandCall, config: Config) => Promise<Outcome>;
}

/** Needs a configuration that is right, and opens for itself what it needs. */
export interface ConfigCommand extends Described {
  readonly needs: 'config';
  readonly run: (config: Config, call: CommandCall) => Promise<Outcome>;
}

/** Needs nothing; what is wrong with the configuration is its own affair. */
export interface FreeCommand extends Described {
  readonly needs: 'nothing';
  readonly run: (call: CommandCall) => Promise<Outcome>;
}

/** One command of the command line. */
export type Command = StoreCommand | ConfigCommand | FreeCommand;

/** The user that a command is about which is about users only. */
export function oneUser(subject: Subject): GrantKey {
  if (typeof subject === 'object') return subject.user;
  throw new UsageError('which user?');
}

/** The value of an option that has one; undefined when it was not typed. */
export function valueOf({ options }: CommandCall, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/**
 * A whole number that was typed.
 *
 * @throws UsageError when it is none, or not within the limits.
 */
export function numberOf(
  call: CommandCall,
  name: string,
  range: { readonly otherwise: number; readonly most: number },
): number {
  const typed = valueOf(call, name);
  if (typed === undefined) return range.otherwise;
  const number = /^\d{1,9}$/.test(typed) ? Number(typed) : 0;
  if (number >= 1 && number <= range.most) return number;
  throw new UsageError(`--${name} is a number from 1 to ${range.most}`);
}

/** "1 session", "2 sessions". */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
