import type { GrantTokens } from './grant.js';

/** `fresh`: use it. `early`: use it, and have one caller refresh. `expired`: wait for a new one. */
export type Freshness = 'fresh' | 'early' | 'expired';

/** The early window: the last five minutes, or the last tenth of a token that lives shorter. */
const EARLY_WINDOW_MS = 5 * 60_000;
const EARLY_SHARE = 0.1;
/** A token with less left than this would expire on its way; a tenth of that for very short ones. */
const TRIP_MS = 2_000;
const TRIP_SHARE = 0.05;

/**
 * Judges an access token. The windows shrink with the token's life as it was when it came, so that a
 * token just obtained is never due at once, however short it lives or wrong a clock is: that is what
 * rules out a refresh loop.
 *
 * @param tokens.rejected the access token Fullscript has just answered 401 to, if any.
 */
export function freshness(
  tokens: Pick<GrantTokens, 'accessToken' | 'obtainedAt' | 'expiresAt'>,
  at: { now: number; rejected?: string | undefined },
): Freshness {
  if (at.rejected === tokens.accessToken.reveal()) return 'expired';
  const lifetime = tokens.expiresAt - tokens.obtainedAt;
  const left = tokens.expiresAt - at.now;
  if (left <= Math.min(TRIP_MS, lifetime * TRIP_SHARE)) return 'expired';
  return left <= Math.min(EARLY_WINDOW_MS, lifetime * EARLY_SHARE) ? 'early' : 'fresh';
}
