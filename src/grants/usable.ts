import { GrantNotFoundError, NeedsReconnectError } from './errors.js';
import type { Grant } from './grant.js';

/**
 * A grant that may be used or refreshed.
 *
 * @throws GrantNotFoundError when there is none, NeedsReconnectError when Fullscript gave it up.
 */
export function usable(grant: Grant | undefined): Grant {
  if (grant === undefined) throw new GrantNotFoundError();
  if (grant.status === 'needs_reconnect') {
    throw new NeedsReconnectError(grant.reconnectReason ?? 'unknown');
  }
  return grant;
}
