import { TokenEndpointError } from '../oauth/errors.js';
import type { RegistrationId } from '../oauth/registration.js';
import type { Secret } from '../oauth/secret.js';
import type { TokenSet } from '../oauth/token-set.js';
import type { CustodyDeps } from './custody-deps.js';
import { NeedsReconnectError } from './errors.js';
import type { Grant, ReconnectReason } from './grant.js';
import type { PairSaver } from './pair-saver.js';
import type { Retirement } from './superseded.js';
import { usable } from './usable.js';
import type { Vault } from './vault.js';

export interface RedeemerDeps extends CustodyDeps {
  readonly vault: Vault;
  readonly now: () => number;
  /** Until journals of other processes are replayed, if the store lets them. */
  readonly othersReplayMs?: number | undefined;
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

/**
 * Redeems the refresh token of a grant that is due and saves the answer. Call it under the lock, with
 * the grant as it was read there.
 *
 * @throws NeedsReconnectError when Fullscript refuses the token and nobody has renewed it meanwhile.
 *   Nothing else ends a grant: not a wrong secret, not 5xx, not a time-out, not the store.
 */
export function createRedeemer(deps: RedeemerParts): (grant: Grant) => Promise<Grant> {
  const { vault, events, now, save, recall, sleep } = deps;
  const { othersReplayMs = OTHERS_REPLAY_MS } = deps;

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
      latest = await sleep(othersReplayMs).then(read);
    }
    if (isNews(latest)) return latest;
    const ended = await vault.write(
      { ...grant, status: 'needs_reconnect', reconnectReason: reason },
      grant.version,
    );
    if (ended === undefined) return usable(await vault.read(grant.key));
    events.reconnectNeeded(grant.key, reason);
    throw new NeedsReconnectError(reason);
  }

  return async (grant) => {
    const { refreshToken } = grant.tokens;
    if (refreshToken === undefined) return refused(grant, 'no_refresh_token');
    const startedAt = now();
    let tokens;
    try {
      tokens = await redeem(deps, grant.key.registration, refreshToken);
    } catch (error) {
      events.refreshFailed(grant.key, error);
      if (!(error instanceof TokenEndpointError && error.code === 'invalid_grant')) throw error;
      return refused(grant, 'refresh_token_refused');
    }
    const saved = await save(grant, tokens);
    events.refreshed(grant.key, now() - startedAt);
    deps.retirement.start(saved, saved.superseded);
    return usable(saved);
  };
}

/**
 * An answer without a refresh token leaves the old one in force (RFC 6749 section 6). From a server that
 * rotates it is more likely damaged, and using its access token would end the old refresh token. As long
 * as nobody uses it the old one still works, so it is sent once more.
 */
async function redeem(
  { tokenEndpoint, registration }: CustodyDeps,
  id: RegistrationId,
  refreshToken: Secret,
): Promise<TokenSet> {
  const first = await tokenEndpoint.refresh(registration(id), refreshToken);
  if (first.refreshToken !== undefined) return first;
  return tokenEndpoint.refresh(registration(id), refreshToken).catch(() => first);
}
