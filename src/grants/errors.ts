import type { GrantKey } from './grant.js';

/** There is no grant for this user: never connected, or disconnected. */
export class GrantNotFoundError extends Error {
  override readonly name = 'GrantNotFoundError';
  readonly code = 'grant_not_found';

  constructor() {
    super('no grant is stored for this resource owner');
  }
}

/** The grant is there but Fullscript no longer honours it; the user must connect again. */
export class NeedsReconnectError extends Error {
  override readonly name = 'NeedsReconnectError';
  readonly code = 'needs_reconnect';

  constructor(readonly reason: string) {
    super(`grant needs reconnect: ${reason}`);
  }
}

/** An administrator has shut this user out. */
export class UserDisabledError extends Error {
  override readonly name = 'UserDisabledError';
  readonly code = 'user_disabled';

  constructor(readonly key: GrantKey) {
    super('this user is disabled');
  }
}

/** Another caller is refreshing and did not finish in time. The grant is untouched. */
export class LockTimeoutError extends Error {
  override readonly name = 'LockTimeoutError';
  readonly code = 'refresh_busy';

  constructor() {
    super('waited too long for the refresh of another caller');
  }
}

/** The store did not answer in time, or not at all. Nothing is known to be lost. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  readonly code = 'store_unavailable';

  constructor(operation: string, cause: unknown) {
    super(`the store failed during ${operation}`, { cause });
  }
}

/** The store belongs to an installation with other sealing keys. */
export class ForeignStoreError extends Error {
  override readonly name = 'ForeignStoreError';

  constructor() {
    super(
      'the store belongs to another installation: it was marked, or its grants were sealed, with other keys than ' +
        'TOKEN_ENCRYPTION_KEYS lists. A second installation needs a REDIS_PREFIX of its own. If a key was taken from ' +
        'the list too early, put it back. If the store is to be taken over, or its keys are lost, stop whatever ' +
        'uses it and run "fullscript-connect store adopt". See docs/operations.md, "Several installations on one Redis"',
    );
  }
}

/**
 * A refresh was answered with somebody else's tokens, and a server of an earlier version kept the grant.
 * Today that ends a grant; see `ReconnectReason`.
 */
export class OwnerChangedError extends Error {
  override readonly name = 'OwnerChangedError';
  readonly code = 'resource_owner_changed';

  constructor() {
    super('the refreshed tokens belong to another resource owner');
  }
}

/** Fullscript rejects one fresh token after the other; renewing it again so soon would not help. */
export class TokenRejectedError extends Error {
  override readonly name = 'TokenRejectedError';
  readonly code = 'token_rejected';

  constructor() {
    super('Fullscript keeps rejecting fresh access tokens');
  }
}

export type SealErrorCode = 'sealing_key_missing' | 'seal_broken';

/** A sealed record cannot be opened: its key was removed too early, or the record was tampered with. */
export class SealError extends Error {
  override readonly name = 'SealError';

  constructor(
    readonly code: SealErrorCode,
    keyId?: string,
  ) {
    super(
      code === 'sealing_key_missing'
        ? `a record is sealed with key "${String(keyId)}", which TOKEN_ENCRYPTION_KEYS no longer lists: put it back`
        : 'a sealed record does not open: it was altered, or belongs to another key',
    );
  }
}

/** The same callback came before, and failed; this one is told the same. */
export class EarlierFailureError extends Error {
  override readonly name = 'EarlierFailureError';

  /** @param code of the error that the first one ended with. */
  constructor(readonly code: string) {
    super(`the first callback with this answer failed: ${code}`);
  }
}
