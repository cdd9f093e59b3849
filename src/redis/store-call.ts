import { StoreUnavailableError } from '../grants/errors.js';

/**
 * Runs one use of the store.
 *
 * @throws StoreUnavailableError whatever went wrong: refused, timed out, read-only, script error. No
 *   caller can do anything else about the difference.
 */
export async function storeCall<T>(operation: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw new StoreUnavailableError(operation, withoutCommand(error));
  }
}

/**
 * ioredis attaches the command to its errors, arguments and all: passwords, session ids, records. A
 * logger that prints an error's fields must not see them.
 */
export function withoutCommand<T>(error: T): T {
  if (error instanceof Error && 'command' in error) delete error.command;
  return error;
}
