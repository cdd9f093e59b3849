import { type IdTokens, createIdTokens } from './id-tokens.js';
import { type Consent, type Pairs, createPairs } from './pairs.js';

/** What an authorization code stands for. */
export interface Code extends Consent {
  readonly redirectUri: string;
  readonly nonce: string | undefined;
  readonly challenge: string | undefined;
}

/** Everything the server keeps. */
export interface Provider {
  /** Its origin. */
  readonly issuer: string;
  readonly idTokens: IdTokens;
  readonly codes: Map<string, Code>;
  readonly pairs: Pairs;
  readonly settings: { accessTokenSeconds: number; tokenDelayMs: number };
  counts: Counts;
  /** How many users came without a name. */
  unnamed: number;
}

export interface Counts {
  /** Refresh tokens that were redeemed. */
  refreshes: number;
  /** Codes that were redeemed. */
  exchanges: number;
  /** Codes and refresh tokens that were refused. */
  invalidGrants: number;
  /** Calls of the resource API, those that were refused included. */
  apiCalls: number;
  apiUnauthorized: number;
  /** Answers of the token endpoint, and the time they took together. */
  tokenAnswers: number;
  tokenMs: number;
}

export function createProvider(issuer: string): Provider {
  return {
    issuer,
    idTokens: createIdTokens(issuer),
    codes: new Map(),
    pairs: createPairs(),
    settings: { accessTokenSeconds: 7200, tokenDelayMs: 0 },
    counts: noCounts(),
    unnamed: 0,
  };
}

export function noCounts(): Counts {
  return {
    refreshes: 0,
    exchanges: 0,
    invalidGrants: 0,
    apiCalls: 0,
    apiUnauthorized: 0,
    tokenAnswers: 0,
    tokenMs: 0,
  };
}
