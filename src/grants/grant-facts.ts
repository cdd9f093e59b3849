import { type Cipher, keyIdOf } from './cipher.js';
import { SealError, type SealErrorCode } from './errors.js';
import type { GrantRecords } from './grant-records.js';
import { type GrantKey, type GrantStatus, type ReconnectReason, grantId } from './grant.js';
import { decodeGrant } from './grant-codec.js';
import { sealContext } from './vault.js';

/** What an administrator may see of a grant: everything but its tokens. */
export interface GrantFacts {
  readonly key: GrantKey;
  readonly version: number;
  /** The id of the key it is sealed with. */
  readonly sealedWith: string;
  /** What is sealed, or why it does not open. */
  readonly sealed: SealedFacts | SealErrorCode;
}

/** Times are milliseconds since the epoch. */
export interface SealedFacts {
  readonly status: GrantStatus;
  readonly reason: ReconnectReason | undefined;
  readonly scope: readonly string[];
  readonly expiresAt: number;
  readonly connectedAt: number;
  /** When its tokens came: at the last refresh, or when the user connected. */
  readonly refreshedAt: number;
  readonly refreshable: boolean;
  /** Pairs of earlier sign-ins that are still to be revoked. */
  readonly superseded: number;
}

/** @throws StoreUnavailableError */
export type ReadFacts = (key: GrantKey) => Promise<GrantFacts | undefined>;

export function createReadFacts(deps: {
  records: Pick<GrantRecords, 'read'>;
  cipher: Cipher;
}): ReadFacts {
  const { records, cipher } = deps;

  function open(key: GrantKey, sealed: string, version: number): SealedFacts | SealErrorCode {
    try {
      const text = cipher.open(sealed, sealContext(grantId(key), version));
      return factsOf(decodeGrant(key, text));
    } catch (error) {
      if (error instanceof SealError) return error.code;
      throw error;
    }
  }

  return async (key) => {
    const record = await records.read(grantId(key));
    if (record === undefined) return undefined;
    const { version, sealed } = record;
    return { key, version, sealedWith: keyIdOf(sealed), sealed: open(key, sealed, version) };
  };
}

function factsOf(grant: ReturnType<typeof decodeGrant>): SealedFacts {
  const { status, reconnectReason, connectedAt, superseded, tokens } = grant;
  return {
    ...{ status, reason: reconnectReason, scope: tokens.scope, expiresAt: tokens.expiresAt },
    ...{ connectedAt, refreshedAt: tokens.obtainedAt },
    refreshable: tokens.refreshToken !== undefined,
    superseded: superseded.length,
  };
}
