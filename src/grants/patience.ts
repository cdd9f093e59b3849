import { startDeadline } from '../deadline.js';
import { StoreUnavailableError } from './errors.js';

/** Three seconds of pauses: a restart of the store, or a failover that goes well. */
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 100;

/**
 * Repeats work that the store let down. For what must not be lost: a code is spent, a refresh token
 * redeemed, and the answer has to be written somewhere. The work must bear being done twice, because a
 * write whose answer was lost may have happened.
 *
 * @throws StoreUnavailableError the last one; anything else at once.
 */
export async function patiently<T>(
  sleep: (ms: number) => Promise<unknown>,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || attempt === ATTEMPTS) throw error;
      await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1));
    }
  }
}

/**
 * Waits for work on the store, but not for long; the work goes on.
 *
 * @throws StoreUnavailableError after `limitMs`; whatever the work throws.
 */
export async function inTime<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const first = await atMost(
    limitMs,
    work.then((value) => ({ value })),
  );
  if (first !== undefined) return first.value;
  throw new StoreUnavailableError('a save', new Error(`no answer within ${limitMs} ms`));
}

/**
 * The outcome of work, or undefined after `limitMs`; the work goes on, and leaves no timer. A pause of this process
 * does not count as time that the work took; see `startDeadline`.
 */
export function atMost<T>(limitMs: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = startDeadline(limitMs, () => resolve(undefined));
    // Whichever comes second changes nothing.
    work.then(resolve, reject).finally(stop);
  });
}
