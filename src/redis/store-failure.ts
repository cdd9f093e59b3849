/** Why a use of Redis failed, by a small fixed set of names. */
export const STORE_FAILURES = [
  /** No answer in the time that a command has. */
  'timeout',
  /** No connection, or it broke. */
  'connection',
  /** A replica, or a server without enough replicas. */
  'read_only',
  'out_of_memory',
  /** Wrong login, or a command the login may not use. */
  'no_permission',
  /** Still reading its data, or part of a cluster that is not whole. */
  'not_ready',
  /** Its disk refuses to take anything. */
  'disk',
  'other',
] as const;

export type StoreFailure = (typeof STORE_FAILURES)[number];

/** The first word of an error that Redis answers is its code. */
const BY_CODE = new Map<string, StoreFailure>([
  ['READONLY', 'read_only'],
  ['NOREPLICAS', 'read_only'],
  ['OOM', 'out_of_memory'],
  ['NOAUTH', 'no_permission'],
  ['NOPERM', 'no_permission'],
  ['WRONGPASS', 'no_permission'],
  ['LOADING', 'not_ready'],
  ['MASTERDOWN', 'not_ready'],
  ['CLUSTERDOWN', 'not_ready'],
  ['TRYAGAIN', 'not_ready'],
  ['MISCONF', 'disk'],
]);

/** The message of a command that took too long, ioredis's own or ours; there is no code for it. */
export const TIMED_OUT = 'Command timed out';

/** For metrics: callers cannot do anything about the difference. */
export function storeFailure(error: unknown): StoreFailure {
  if (!(error instanceof Error)) return 'other';
  const { message, name } = error;
  if (message === TIMED_OUT) return 'timeout';
  if (name !== 'ReplyError') return 'connection';
  return BY_CODE.get(message.split(' ', 1)[0] ?? '') ?? 'other';
}
