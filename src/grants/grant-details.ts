import type { DisabledUsers } from './disabled-users.js';
import type { GrantFacts, ReadFacts } from './grant-facts.js';
import { type GrantKey, grantId } from './grant.js';
import type { RefreshFailure, RefreshFailures } from './refresh-failures.js';
import type { UserSessions } from './user-sessions.js';

/** A grant, and what else is known of its user. */
export interface GrantDetails {
  /** Undefined when no grant is stored. */
  readonly grant: GrantFacts | undefined;
  /** The failed refresh of this very grant that counts now, if there is one. */
  readonly failure: (RefreshFailure & { readonly waitMs: number }) | undefined;
  readonly disabled: boolean;
  /** How many browsers are signed in. */
  readonly sessions: number;
}

export function createGrantDetails(deps: {
  facts: ReadFacts;
  failures: Pick<RefreshFailures, 'read'>;
  disabledUsers: Pick<DisabledUsers, 'has'>;
  sessions: Pick<UserSessions, 'list'>;
}): (key: GrantKey) => Promise<GrantDetails> {
  const { facts, failures, disabledUsers, sessions } = deps;
  return async (key) => {
    const id = grantId(key);
    const [grant, failed, disabled, listed] = await Promise.all([
      facts(key),
      failures.read(id),
      disabledUsers.has(id),
      sessions.list(id),
    ]);
    const failure = failed?.version === grant?.version ? failed : undefined;
    return { grant, failure, disabled, sessions: listed.length };
  };
}
