import { randomBytes } from 'node:crypto';
import type { User } from './users.js';

/** What a consent was given for; it goes on from pair to pair. */
export interface Consent {
  readonly user: User;
  readonly clientId: string;
  readonly scope: string;
}

/** An access token and the refresh token that came with it. */
export interface Pair extends Consent {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly issuedAt: number;
  readonly seconds: number;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  /** The pair that was redeemed for this one, until this one is used at the API. */
  previous: Pair | undefined;
}

/** The pairs that are alive, found by either token. */
export interface Pairs {
  readonly byAccessToken: Map<string, Pair>;
  readonly byRefreshToken: Map<string, Pair>;
}

export function createPairs(): Pairs {
  return { byAccessToken: new Map(), byRefreshToken: new Map() };
}

export function issuePair(
  pairs: Pairs,
  consent: Consent,
  terms: { seconds: number; previous?: Pair },
): Pair {
  const issuedAt = Date.now();
  const pair: Pair = {
    user: consent.user,
    clientId: consent.clientId,
    scope: consent.scope,
    accessToken: randomBytes(32).toString('base64url'),
    refreshToken: randomBytes(32).toString('base64url'),
    issuedAt,
    seconds: terms.seconds,
    expiresAt: issuedAt + terms.seconds * 1000,
    previous: terms.previous,
  };
  pairs.byAccessToken.set(pair.accessToken, pair);
  pairs.byRefreshToken.set(pair.refreshToken, pair);
  return pair;
}

export function revokePair(pairs: Pairs, pair: Pair): void {
  pairs.byAccessToken.delete(pair.accessToken);
  pairs.byRefreshToken.delete(pair.refreshToken);
}

/**
 * The pair of a token that is being used at the API, where that may be used. Rotation on use: only
 * now does the pair before it end, access token included.
 */
export function usePair(pairs: Pairs, accessToken: string): Pair | undefined {
  const pair = pairs.byAccessToken.get(accessToken);
  if (pair === undefined || pair.expiresAt <= Date.now()) return undefined;
  if (pair.previous !== undefined) {
    revokePair(pairs, pair.previous);
    pair.previous = undefined;
  }
  return pair;
}

/** Refresh tokens know no time, so they go on. */
export function expireAll(pairs: Pairs): void {
  for (const pair of pairs.byAccessToken.values()) pair.expiresAt = 0;
}
