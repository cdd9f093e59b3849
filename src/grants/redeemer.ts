import { TokenEndpointError } from '../oauth/errors.js';
import type { ResourceOwner } from '../oauth/resource-owner.js';
import { type Secret, sameSecret } from '../oauth/secret.js';
import type { TokenSet } from '../oauth/token-set.js';
import { createBoundedMap } from './bounded-map.js';
import type { CustodyDeps } from './custody-deps.js';
import { NeedsReconnectError, StoreUnavailableError } from './errors.js';
import { type Grant, type GrantKey, type ReconnectReason, grantId } from './grant.js';
import type { PairSaver } from './pair-saver.js';
import { revokePair } from './revoke-pair.js';
import type { Retirement } from './superseded.js';
import { usable } from './usable.js';
import type { Vault } from './vault.js';

export interface RedeemerDeps extends CustodyDeps {
  readonly vault: Vault;
  readonly now: () => number;
  /** Between a refusal and the next look at the grant. */
  readonly lookAgainMs?: number | undefined;
}

interface RedeemerParts extends RedeemerDeps {
  readonly retirement: Retirement;
  readonly save: PairSaver['save'];
  readonly recall: PairSaver['recall'];
  /** Whether the store failed lately. */
  readonly hadTrouble: () => boolean;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** Journals are replayed each second. */
const OTHERS_REPLAY_MS = 1_500;
/** Pairs that the store did not confirm are looked at after three seconds, and a second later. */
const LOOKS_AFTER_TROUBLE = 3;

/** A refresh that was answered for another owner. */
interface Disowned {
  readonly refreshToken: Secret;
  readonly newOwner: ResourceOwner | undefined;
}

/** Of those whose end could not be stored; there are none but while the store is in trouble. */
const DISOWNED_REMEMBERED = 10_000;

/**
 * Redeems the refresh token of a grant that is due and saves the answer. Call it under the lock, with
 * the grant as it was read there.
 *
 * @throws NeedsReconnectError when Fullscript refuses the token and nobody has renewed it meanwhile, or
 *   answers for another owner. Nothing else ends a grant: not a wrong secret, not 5xx, not a time-out, not
 *   the store.
 */
export function createRedeemer(deps: RedeemerParts): (grant: Grant) => Promise<Grant> {
  const { vault, events, now, save, recall, sleep, lookAgainMs = OTHERS_REPLAY_MS } = deps;
  const disowned = createBoundedMap<Disowned>(DISOWNED_REMEMBERED);

  /** Whoever has written meanwhile wins, such as the user who has connected again. */
  async function end(grant: Grant, reason: ReconnectReason, newOwner?: ResourceOwner) {
    const ended = await vault.write(
      { ...grant, status: 'needs_reconnect', reconnectReason: reason },
      grant.version,
    );
    if (ended === undefined) return usable(await vault.read(grant.key));
    events.reconnectNeeded(grant.key, reason, newOwner);
    throw new NeedsReconnectError(reason);
  }

  /**
   * `invalid_grant` means "read again": only an unchanged grant is really refused. When the store was
   * away, this process or another one may hold the newer pair in its journal, and the store an older.
   */
  async function refused(grant: Grant, reason: ReconnectReason) {
    const read = async () => usable((await recall(grant.key)) ?? (await vault.read(grant.key)));
    const isNews = ({ version }: Grant) => version !== grant.version;
    let latest = await read();
    const looks = reason === 'no_refresh_token' ? 0 : deps.hadTrouble() ? LOOKS_AFTER_TROUBLE : 1;
    for (let look = 1; look <= looks && !isNews(latest); look += 1) {
      latest = await sleep(lookAgainMs).then(read);
    }
    return isNews(latest) ? latest : end(grant, reason);
  }

  /**
   * Asking again would bring the same owner once more, and one more token set to be revoked. So the refresh
   * token is not sent again, either, where the end of the grant could not be stored.
   */
  async function disown(grant: Grant, about: Disowned) {
    try {
      return await end(grant, 'resource_owner_changed', about.newOwner);
    } catch (error) {
      if (error instanceof StoreUnavailableError) disowned.set(grantId(grant.key), about);
      throw error;
    }
  }

  return async (grant) => {
    const { refreshToken } = grant.tokens;
    if (refreshToken === undefined) return refused(grant, 'no_refresh_token');
    const known = disowned.get(grantId(grant.key));
    if (known !== undefined && sameSecret(known.refreshToken, refreshToken)) {
      return disown(grant, known);
    }
    const startedAt = now();
    let tokens;
    try {
      tokens = await redeem(deps, grant.key, refreshToken);
    } catch (error) {
      events.refreshFailed(grant.key, error);
      if (!(error instanceof TokenEndpointError && error.code === 'invalid_grant')) throw error;
      return refused(grant, 'refresh_token_refused');
    }
    if (isForeign(grant.key, tokens)) {
      // Nobody waits for it: what Fullscript does not confirm is queued, and a shutdown waits.
      void revokePair(deps, grant.key.registration, tokens);
      return disown(grant, { refreshToken, newOwner: tokens.resourceOwner });
    }
    const saved = await save(grant, tokens);
    events.refreshed(grant.key, now() - startedAt);
    deps.retirement.start(saved, saved.superseded);
    return usable(saved);
  };
}

/** Somebody else's tokens. An answer that names nobody is taken for what was asked. */
function isForeign({ owner }: GrantKey, { resourceOwner, ownerProblem }: TokenSet): boolean {
  if (ownerProblem !== undefined) return true;
  if (resourceOwner === undefined) return false;
  return resourceOwner.id !== owner.id || resourceOwner.type !== owner.type;
}

/**
 * An answer without a refresh token leaves the old one in force (RFC 6749 section 6). From a server that
 * rotates it is more likely damaged, and using its access token would end the old refresh token. As long
 * as nobody uses it the old one still works, so it is sent once more, unless the answer is for another owner.
 */
async function redeem(
  { tokenEndpoint, registration }: CustodyDeps,
  key: GrantKey,
  refreshToken: Secret,
): Promise<TokenSet> {
  const refresh = () => tokenEndpoint.refresh(registration(key.registration), refreshToken);
  const first = await refresh();
  if (first.refreshToken !== undefined || isForeign(key, first)) return first;
  return refresh().catch(() => first);
}
