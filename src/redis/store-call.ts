import { channel } from 'node:diagnostics_channel';
import { StoreUnavailableError } from '../grants/errors.js';
import { type StoreFailure, storeFailure } from './store-failure.js';

/** One use of the store that has come to its end. */
export interface StoreCall {
  /** One of the names in the calls of `storeCall`. */
  readonly operation: string;
  readonly tookMs: number;
  /** Undefined when it went well. */
  readonly failure: StoreFailure | undefined;
}

/**
 * Tells of every use of the store, in this whole process. For metrics: whoever wants to know subscribes,
 * and the adapters need not be handed a listener each.
 */
export const STORE_CALLS = 'fullscript:store-call';

const calls = channel(STORE_CALLS);

/**
 * Runs one use of the store.
 *
 * @throws StoreUnavailableError whatever went wrong: refused, timed out, read-only, script error. No
 *   caller can do anything else about the difference.
 */
export async function storeCall<T>(operation: string, call: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  let result: T;
  try {
    result = await call();
  } catch (error) {
    if (calls.hasSubscribers) tell(operation, startedAt, storeFailure(error));
    throw new StoreUnavailableError(operation, withoutCommand(error));
  }
  if (calls.hasSubscribers) tell(operation, startedAt, undefined);
  return result;
}

function tell(operation: string, startedAt: number, failure: StoreCall['failure']): void {
  const tookMs = performance.now() - startedAt;
  calls.publish({ operation, tookMs, failure } satisfies StoreCall);
}

/**
 * ioredis attaches the command to its errors, arguments and all: passwords, session ids, records. A
 * logger that prints an error's fields must not see them.
 */
export function withoutCommand<T>(error: T): T {
  if (error instanceof Error && 'command' in error) delete error.command;
  return error;
}
