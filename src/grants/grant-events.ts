import type { RegistrationId } from '../oauth/registration.js';
import type { GrantKey, ReconnectReason } from './grant.js';

/** What happens to grants, for logs and metrics. None of it carries a token. */
export interface GrantEvents {
  readonly connected: (key: GrantKey) => void;
  readonly refreshed: (key: GrantKey, tookMs: number) => void;
  readonly refreshFailed: (key: GrantKey, error: unknown) => void;
  readonly earlyRefreshFailed: (key: GrantKey, error: unknown) => void;
  readonly reconnectNeeded: (key: GrantKey, reason: ReconnectReason) => void;
  readonly saveFailed: (key: GrantKey, error: unknown) => void;
  readonly replayed: (key: GrantKey) => void;
  readonly latePairDiscarded: (key: GrantKey) => void;
  readonly revokeFailed: (registration: RegistrationId, error: unknown) => void;
  readonly disconnected: (key: GrantKey, revoked: boolean) => void;
}
