import type { RegistrationId } from '../oauth/registration.js';
import type { Secret } from '../oauth/secret.js';
import type { CustodyDeps } from './custody-deps.js';
import { type Pair, type RevokeDeps, revokeToken, tokensOf } from './revoke-token.js';

/**
 * Revokes a pair that is stored nowhere. What Fullscript does not confirm goes into the queue.
 *
 * @returns whether Fullscript confirmed both; a failure is reported, never thrown.
 */
export function revokePair(
  deps: Pick<CustodyDeps, 'revocations'>,
  registration: RegistrationId,
  pair: Pair,
): Promise<boolean> {
  return deps.revocations.revoke({ registration, owner: undefined, tokens: tokensOf(pair) });
}

/** Revokes tokens of different pairs, at the same time; answers those that were not confirmed. */
export async function revokeEach(
  deps: RevokeDeps,
  registration: RegistrationId,
  tokens: readonly Secret[],
): Promise<Secret[]> {
  const failures = await Promise.all(tokens.map((token) => revokeToken(deps, registration, token)));
  return tokens.filter((_, index) => failures[index] !== undefined);
}
