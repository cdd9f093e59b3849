import type { RegistrationId } from '../oauth/registration.js';
import type { ResourceOwner } from '../oauth/resource-owner.js';
import type { Secret } from '../oauth/secret.js';
import type { TokenSet } from '../oauth/token-set.js';

/** Whose grant: one Fullscript user of one registration. */
export interface GrantKey {
  readonly registration: RegistrationId;
  readonly owner: ResourceOwner;
}

/** Why a grant stopped working and only the user can mend it. */
export type ReconnectReason =
  /** Fullscript refused the stored refresh token: revoked by the user, or spent and its answer lost. */
  | 'refresh_token_refused'
  /** The access token ended and there never was a refresh token. */
  | 'no_refresh_token'
  /** A refresh was answered for another resource owner: a role has changed, or accounts were merged. */
  | 'resource_owner_changed';

export type GrantStatus = 'active' | 'needs_reconnect';

/** The tokens we hold for one resource owner. `version` only ever grows. */
export interface Grant {
  readonly key: GrantKey;
  readonly version: number;
  readonly status: GrantStatus;
  readonly reconnectReason: ReconnectReason | undefined;
  readonly tokens: GrantTokens;
  /** When the user connected, milliseconds since the epoch. */
  readonly connectedAt: number;
  /**
   * Refresh tokens of earlier sign-ins of the same user. Their pairs are alive at Fullscript until
   * they are revoked; see `superseded.ts`.
   */
  readonly superseded: readonly Secret[];
}

/** A grant that storage has not given a version yet. */
export type UnversionedGrant = Omit<Grant, 'version'>;

export type GrantTokens = Omit<TokenSet, 'resourceOwner' | 'ownerProblem'>;

/** What of an answer is kept. */
export function grantTokens(answer: TokenSet): GrantTokens {
  const { accessToken, refreshToken, scope, obtainedAt, expiresAt } = answer;
  return { accessToken, refreshToken, scope, obtainedAt, expiresAt };
}

/**
 * The grant's name in storage, logs of the store and associated data. Ids are opaque and may hold
 * anything, so they are encoded: two different keys never share a name, and none holds `:`, `{`, `*`.
 */
export function grantId(key: GrantKey): string {
  const id = encodeURIComponent(key.owner.id).replace(/[*'()!~]/g, percentEncoded);
  return `${key.registration}:${key.owner.type}:${id}`;
}

/** The key that a name of `grantId` stands for; undefined when it is none. */
export function parseGrantId(name: string): GrantKey | undefined {
  const [, registration, type, encoded] = /^([^:]+):([^:]+):([^:]+)$/.exec(name) ?? [];
  if (registration === undefined || type === undefined || encoded === undefined) return undefined;
  try {
    const owner = { id: decodeURIComponent(encoded), type: type as ResourceOwner['type'] };
    const key = { registration: registration as RegistrationId, owner };
    return grantId(key) === name ? key : undefined;
  } catch {
    return undefined;
  }
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
