import type { TokenSet } from '../oauth/token-set.js';
import type { CustodyDeps } from './custody-deps.js';
import { GrantNotFoundError, OwnerChangedError, StoreUnavailableError } from './errors.js';
import type { Grant } from './grant.js';
import { revokePair } from './revoke-pair.js';
import type { UnversionedGrant, Vault } from './vault.js';

/** Tries to write for about as long as the lock's lease lasts without renewal. */
const SAVE_ATTEMPTS = 6;
const FIRST_PAUSE_MS = 100;

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
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await vault.write(grant, expected);
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || attempt === SAVE_ATTEMPTS) {
          events.saveFailed(grant.key, error);
          throw error;
        }
        await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1));
      }
    }
  }

  return async (redeemed, answer) => {
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
  await revokePair(deps, late);
  if (latest === undefined) throw new GrantNotFoundError();
  return latest;
}

/** RFC 6749 section 6: an answer without a refresh token leaves the old one in force. */
function renewedGrant(redeemed: Grant, answer: TokenSet): UnversionedGrant {
  const { resourceOwner, ...tokens } = answer;
  const { owner } = redeemed.key;
  if (
    resourceOwner !== undefined &&
    (resourceOwner.id !== owner.id || resourceOwner.type !== owner.type)
  ) {
    throw new OwnerChangedError();
  }
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
