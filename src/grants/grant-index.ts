import type { RegistrationId } from '../oauth/registration.js';
import type { ResourceOwnerType } from '../oauth/resource-owner.js';
import type { GrantStatus } from './grant.js';

export const GRANT_STATUSES: readonly GrantStatus[] = ['active', 'needs_reconnect'];

export interface IndexEntry {
  /** See `grantId`. */
  readonly id: string;
  readonly status: GrantStatus;
}

/** Which grants are meant; whatever is not named does not matter. */
export interface GrantFilter {
  readonly registration?: RegistrationId | undefined;
  readonly type?: ResourceOwnerType | undefined;
  readonly status?: GrantStatus | undefined;
}

export interface IndexQuery extends GrantFilter {
  /** The entry that the page begins behind; there need not be such an entry. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface GrantCount {
  readonly registration: RegistrationId;
  readonly status: GrantStatus;
  readonly grants: number;
}

/**
 * Which grants there are, so that nobody has to go over all of storage to find out. It is no part of
 * the grants: an entry may outlive its grant, or tell an old status, for as long as it takes to write it.
 * `createIndexUpkeep` keeps it right. Each call is one atomic step, whose cost does not grow with the
 * number of grants, but for its logarithm; all reject with StoreUnavailableError when the store fails.
 */
export interface GrantIndex {
  /** Enters a grant that is about to be saved; one that is entered already stays as it is. */
  readonly enter: (id: string) => Promise<void>;
  readonly put: (id: string, status: GrantStatus) => Promise<void>;
  readonly drop: (id: string) => Promise<void>;
  /** In the order of the ids, each of them once. */
  readonly page: (query: IndexQuery) => Promise<readonly IndexEntry[]>;
  /** How many entries there are of each registration and status, also where there are none. */
  readonly counts: () => Promise<readonly GrantCount[]>;
  /** Whether the index was compared with the grants lately; see `noteChecked`. */
  readonly isChecked: () => Promise<boolean>;
  /** The index was compared with all grants, which counts for `forMs`. */
  readonly noteChecked: (forMs: number) => Promise<void>;
}
