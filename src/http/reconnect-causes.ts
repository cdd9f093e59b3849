import type { ReconnectReason } from '../grants/grant.js';

const GO_ON = 'Nothing else is lost: connect again and go on.';

const CAUSES: Record<ReconnectReason, string> = {
  refresh_token_refused: `Fullscript no longer accepts it: it was removed in your Fullscript account, or a renewal was cut off half-way. ${GO_ON}`,
  no_refresh_token: `It has run out, and Fullscript gave us nothing to renew it with. ${GO_ON}`,
  resource_owner_changed:
    'Fullscript now answers for another account than the one that was connected here, as it does after a role was changed ' +
    'or accounts were merged. So that no one sees what belongs to another account, the connection was ended and the answer ' +
    'thrown away. Connect again to go on with the account that Fullscript knows you by now.',
};

/** Why a connection that was not ended here does not work any more, in words for its user. */
export function reconnectCause(reason: string): string {
  return Object.hasOwn(CAUSES, reason) ? CAUSES[reason as ReconnectReason] : GO_ON;
}
