import { randomBytes } from 'node:crypto';
import { issuedChannel } from './channels.js';
import type { Code, CodeRequest, Issued, Pair, PairRequest, Snapshot } from './pair.js';
import type { ProviderSettings } from './settings.js';

/** The authorization server's memory: codes, pairs and the rules of rotation. */
export interface Provider {
  readonly settings: ProviderSettings;
  readonly now: () => number;
  readonly issued: Issued;
  readonly codes: Map<string, Code>;
  readonly pairs: Set<Pair>;
  readonly byAccessToken: Map<string, Pair>;
  readonly byRefreshToken: Map<string, Pair>;
  /** Called after every change, before anybody is told of it. */
  readonly changed: () => void;
}

/** Builds an empty provider. Every function below is synchronous: that is what makes it atomic. */
export function createProvider(options: {
  settings: ProviderSettings;
  now: () => number;
  changed?: () => void;
}): Provider {
  return {
    settings: options.settings,
    now: options.now,
    issued: { codes: [], accessTokens: [], refreshTokens: [] },
    codes: new Map(),
    pairs: new Set(),
    byAccessToken: new Map(),
    byRefreshToken: new Map(),
    changed: options.changed ?? (() => undefined),
  };
}

/** Issues a single-use code of 43 characters. */
export function issueCode(provider: Provider, request: CodeRequest): string {
  const expiresAt = provider.now() + provider.settings.codeLifetime * 1000;
  const code: Code = { ...request, value: newToken(), expiresAt, spent: false };
  provider.codes.set(code.value, code);
  provider.issued.codes.push(code.value);
  issuedChannel.publish({ kind: 'code', value: code.value });
  provider.changed();
  return code.value;
}

/** Finds a code that is neither expired nor spent. */
export function findUsableCode(provider: Provider, value: string): Code | undefined {
  const code = provider.codes.get(value);
  if (code === undefined || code.spent || provider.now() >= code.expiresAt) return undefined;
  return code;
}

/** Spends a code and issues the pair it stands for. */
export function redeemCode(provider: Provider, code: Code): Pair {
  code.spent = true;
  const { clientId, personId, clinicId, owner, scopes } = code;
  const lifetime = provider.settings.accessTokenLifetime;
  return issuePair(provider, { clientId, personId, clinicId, owner, scopes, lifetime });
}

/** Finds a pair by a refresh token that still works. Refresh tokens do not expire. */
export function findRefreshable(provider: Provider, refreshToken: string): Pair | undefined {
  const pair = provider.byRefreshToken.get(refreshToken);
  return pair === undefined || pair.revoked ? undefined : pair;
}

/**
 * Issues the next pair. With `immediate` the old one dies here; with `on_use` it lives until the
 * new access token is first presented, so one refresh token can give several sibling pairs.
 */
export function refreshPair(provider: Provider, old: Pair, scopes = old.scopes): Pair {
  const { clientId, personId, clinicId, owner, lifetime } = old;
  const next: PairRequest = { clientId, personId, clinicId, owner, scopes, lifetime };
  if (provider.settings.rotation === 'on_use') {
    return issuePair(provider, { ...next, previousRefreshToken: old.refreshToken });
  }
  old.revoked = true;
  return issuePair(provider, next);
}

/**
 * Looks up a presented access token, which counts as its use whatever comes of it: the pair it
 * replaced dies now, also when the token itself turns out expired or short of a scope.
 */
export function presentAccessToken(provider: Provider, accessToken: string): Pair | undefined {
  const pair = provider.byAccessToken.get(accessToken);
  if (pair?.previousRefreshToken === undefined) return pair;
  const previous = provider.byRefreshToken.get(pair.previousRefreshToken);
  delete pair.previousRefreshToken;
  if (previous !== undefined) previous.revoked = true;
  provider.changed();
  return pair;
}

/** Finds a pair by either half, live or not. */
export function findByEitherToken(provider: Provider, token: string): Pair | undefined {
  return provider.byAccessToken.get(token) ?? provider.byRefreshToken.get(token);
}

/** Revokes a pair: both halves die. */
export function revokePair(provider: Provider, pair: Pair): void {
  pair.revoked = true;
  provider.changed();
}

/** Revokes everything one person (or, for legacy tokens, one clinic) has granted. */
export function revokeOwner(provider: Provider, ownerId: string): number {
  const isTheirs = (one: CodeRequest | Pair): boolean =>
    one.personId === ownerId || one.owner.id === ownerId;
  const live = livePairs(provider).filter(isTheirs);
  for (const pair of live) pair.revoked = true;
  for (const code of provider.codes.values()) if (isTheirs(code)) code.spent = true;
  provider.changed();
  return live.length;
}

/** Ages every live access token to its end; the refresh tokens stay good. */
export function expireAccessTokens(provider: Provider): number {
  const live = livePairs(provider).filter((pair) => !isExpired(provider, pair));
  for (const pair of live) pair.expiresAt = provider.now();
  provider.changed();
  return live.length;
}

/** Tells whether a pair's access token has outlived its lifetime. */
export function isExpired(provider: Provider, pair: Pair): boolean {
  return provider.now() >= pair.expiresAt;
}

/** What is left of an access token's life, in whole seconds. */
export function secondsLeft(provider: Provider, pair: Pair): number {
  return Math.max(0, Math.round((pair.expiresAt - provider.now()) / 1000));
}

/** All pairs that are not revoked; an expired access token does not end its pair. */
export function livePairs(provider: Provider): Pair[] {
  return [...provider.pairs].filter((pair) => !pair.revoked);
}

/** Whether consent can be skipped: same client, person and scopes, and any pair not revoked. */
export function hasStandingConsent(provider: Provider, request: CodeRequest): boolean {
  const wanted = [...request.scopes].sort().join(' ');
  return livePairs(provider).some(
    (pair) =>
      pair.clientId === request.clientId &&
      pair.personId === request.personId &&
      [...pair.scopes].sort().join(' ') === wanted,
  );
}

/** Everything worth keeping across a restart. */
export function takeSnapshot(provider: Provider): Snapshot {
  return { codes: [...provider.codes.values()], pairs: [...provider.pairs] };
}

/** Puts a snapshot's codes and pairs back. */
export function restoreSnapshot(provider: Provider, { codes, pairs }: Snapshot): void {
  for (const code of codes) {
    provider.codes.set(code.value, code);
    provider.issued.codes.push(code.value);
    issuedChannel.publish({ kind: 'code', value: code.value });
  }
  for (const pair of pairs) remember(provider, pair);
}

function issuePair(provider: Provider, request: PairRequest): Pair {
  const createdAt = provider.now();
  const expiresAt = createdAt + request.lifetime * 1000;
  const tokens = { accessToken: newToken(), refreshToken: newToken() };
  const pair: Pair = { ...request, ...tokens, createdAt, expiresAt, revoked: false };
  remember(provider, pair);
  provider.changed();
  return pair;
}

function remember(provider: Provider, pair: Pair): void {
  provider.pairs.add(pair);
  provider.byAccessToken.set(pair.accessToken, pair);
  provider.byRefreshToken.set(pair.refreshToken, pair);
  provider.issued.accessTokens.push(pair.accessToken);
  provider.issued.refreshTokens.push(pair.refreshToken);
  issuedChannel.publish({ kind: 'access token', value: pair.accessToken });
  issuedChannel.publish({ kind: 'refresh token', value: pair.refreshToken });
}

function newToken(): string {
  return randomBytes(32).toString('base64url');
}
