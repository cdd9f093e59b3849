import type { RegistrationId } from '../oauth/registration.js';
import type { ResourceOwner } from '../oauth/resource-owner.js';
import type { GrantKey, ReconnectReason } from './grant.js';

/** What became of a disconnect; the grant is forgotten here in any case. */
export type DisconnectOutcome =
  /** Nothing of it is alive at Fullscript. */
  | 'revoked'
  /** Fullscript has not confirmed it yet, and is asked again for a day. */
  | 'retrying'
  /** The record did not open, so there was nothing to revoke with. */
  | 'unreadable';

/** Whose tokens were revoked, as far as it is known. */
export interface Revoked {
  readonly registration: RegistrationId;
  readonly owner: ResourceOwner | undefined;
}

/** What happens to grants, for logs and metrics. None of it carries a token. */
export interface GrantEvents {
  readonly connected: (key: GrantKey) => void;
  /** Permissions that a new grant or a refresh should have and has not. */
  readonly scopeMissing: (key: GrantKey, missing: readonly string[]) => void;
  readonly refreshed: (key: GrantKey, tookMs: number) => void;
  readonly refreshFailed: (key: GrantKey, error: unknown) => void;
  readonly earlyRefreshFailed: (key: GrantKey, error: unknown) => void;
  /** `newOwner`: for whom Fullscript answered instead, where that is the reason and it is known. */
  readonly reconnectNeeded: (
    key: GrantKey,
    reason: ReconnectReason,
    newOwner?: ResourceOwner,
  ) => void;
  readonly saveFailed: (key: GrantKey, error: unknown) => void;
  readonly replayed: (key: GrantKey) => void;
  readonly latePairDiscarded: (key: GrantKey) => void;
  /** One call; `registration` is undefined when the queued revocation cannot even be opened. */
  readonly revokeFailed: (registration: RegistrationId | undefined, error: unknown) => void;
  /** After at least one failure. */
  readonly revocationConfirmed: (whose: Revoked) => void;
  /** For a day Fullscript did not confirm it. Only the user can end the connection now, there. */
  readonly revocationGivenUp: (whose: Revoked | undefined, error: unknown) => void;
  readonly disconnected: (key: GrantKey, outcome: DisconnectOutcome) => void;
}
