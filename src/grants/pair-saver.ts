import type { TokenSet } from '../oauth/token-set.js';
import type { CustodyDeps } from './custody-deps.js';
import { GrantNotFoundError, OwnerChangedError } from './errors.js';
import { type Grant, grantTokens } from './grant.js';
import { patiently } from './patience.js';
import { revokePair } from './revoke-pair.js';
import type { UnversionedGrant, Vault } from './vault.js';

/**
 * Saves the pair that a refresh has brought, before anyone uses it: Fullscript keeps the old refresh
 * token alive until the new access token is first used, so a pair that cannot be saved is not handed
 * out either.
 *
 * The write is a compare-and-set on the version that was redeemed. When somebody else wrote
 * meanwhile, the pair still wins over a mere change of status, and gives way to anything else: then
 * it is revoked, so that no living pair is left that nobody knows.
 */
export function createPairSaver(
  deps: CustodyDeps & { vault: Vault; sleep: (ms: number) => Promise<unknown> },
): (redeemed: Grant, answer: TokenSet) => Promise<Grant> {
  const { vault, events, sleep } = deps;

  async function persist(grant: UnversionedGrant, expected: number): Promise<Grant | undefined> {
    try {
      return await patiently(sleep, () => vault.write(grant, expected));
    } catch (error) {
      events.saveFailed(grant.key, error);
      throw error;
    }
  }

  return async (redeemed, answer) => {
    if (isForeign(redeemed, answer)) {
      await revokePair(deps, redeemed.key.registration, answer);
      throw new OwnerChangedError();
    }
    const renewed = renewedGrant(redeemed, answer);
    let expected = redeemed.version;
    for (;;) {
      const stored = await persist(renewed, expected);
      if (stored !== undefined) return stored;
      const latest = await vault.read(redeemed.key);
      if (latest !== undefined && sameToken(latest, renewed, 'accessToken')) return latest;
      if (latest === undefined || !sameToken(latest, redeemed, 'refreshToken')) {
        return giveWay(deps, renewed, latest);
      }
      expected = latest.version;
    }
  };
}

async function giveWay(
  deps: Parameters<typeof createPairSaver>[0],
  late: UnversionedGrant,
  latest: Grant | undefined,
): Promise<Grant> {
  deps.events.latePairDiscarded(late.key);
  await revokePair(deps, late.key.registration, late.tokens);
  if (latest === undefined) throw new GrantNotFoundError();
  return latest;
}

/** Somebody else's tokens. An answer that names nobody is taken for what was asked. */
function isForeign(redeemed: Grant, { resourceOwner, ownerProblem }: TokenSet): boolean {
  const { owner } = redeemed.key;
  if (ownerProblem !== undefined) return true;
  if (resourceOwner === undefined) return false;
  return resourceOwner.id !== owner.id || resourceOwner.type !== owner.type;
}

/** RFC 6749 section 6: an answer without a refresh token leaves the old one in force. */
function renewedGrant(redeemed: Grant, answer: TokenSet): UnversionedGrant {
  const tokens = grantTokens(answer);
  return {
    key: redeemed.key,
    status: 'active',
    reconnectReason: undefined,
    connectedAt: redeemed.connectedAt,
    superseded: redeemed.superseded,
    tokens: {
      ...tokens,
      refreshToken: tokens.refreshToken ?? redeemed.tokens.refreshToken,
      scope: tokens.scope.length > 0 ? tokens.scope : redeemed.tokens.scope,
    },
  };
}

function sameToken(
  a: Pick<Grant, 'tokens'>,
  b: Pick<Grant, 'tokens'>,
  which: 'accessToken' | 'refreshToken',
): boolean {
  const token = a.tokens[which]?.reveal();
  return token !== undefined && token === b.tokens[which]?.reveal();
}
