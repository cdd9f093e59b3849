import { type GrantKey, grantId } from './grant.js';

/**
 * How long after an unconfirmed write the store is looked at again. One that writes to disk every second
 * has it there by then, and one that crashed meanwhile shows that it has forgotten.
 */
const LOOK_AGAIN_MS = 3_000;

/** Whose pair in the journal is in the store too, since when; not after a restart. */
/** @param deps.elapsed milliseconds of a clock that is never set. */
export function createUnconfirmed({
  elapsed = () => performance.now(),
}: {
  elapsed?: (() => number) | undefined;
}) {
  const since = new Map<string, number>();
  return {
    add: (key: GrantKey) => void since.set(grantId(key), elapsed()),
    forget: (key: GrantKey) => void since.delete(grantId(key)),
    has: (key: GrantKey) => since.has(grantId(key)),
    isYoung: (key: GrantKey) => elapsed() - (since.get(grantId(key)) ?? -Infinity) < LOOK_AGAIN_MS,
    count: () => since.size,
  };
}

export type Unconfirmed = ReturnType<typeof createUnconfirmed>;
