import type { Logger } from 'pino';
import type { Config } from './config.js';
import { createBindingCookies } from './http/binding-cookie.js';
import { createCallCounts } from './http/call-counts.js';
import { createCallers } from './http/callers.js';
import { createDeviceCookie } from './http/device-cookie.js';
import type { LimitEvents } from './http/limit-answer.js';
import { createRateLimits } from './http/rate-limits.js';
import type { Metrics } from './metrics/metrics.js';
import type { Store } from './store.js';
import { saySharingTrouble } from './store-log.js';

/** The variables say "a minute". */
const WINDOW_MS = 60_000;
/** Enough to tell callers apart in the log, too little to look for them in the store. */
const SHOWN = 8;

export interface LimitsParts {
  readonly config: Pick<Config, 'baseUrl' | 'session' | 'rateLimits' | 'openSignIns'>;
  readonly log: Logger;
  readonly store: Pick<Store, 'rateLimit' | 'sharedCounts'>;
  readonly metrics: Pick<Metrics, 'rateLimited'>;
  /** How long requests are counted together, instead of a minute. */
  readonly rateLimitWindowMs?: number;
  readonly limitsNow?: () => number;
}

/** The rate limits, the cookies that say for whom a request counts, and what keeps the counts together. */
export function composeLimits(parts: LimitsParts) {
  const { config, log, store, rateLimitWindowMs: windowMs = WINDOW_MS } = parts;
  const { limitsNow: now = Date.now } = parts;
  const secrets = config.session.secrets.map((one) => one.reveal());
  const cookies = { secure: config.baseUrl.startsWith('https:'), secrets };
  const bindings = createBindingCookies({
    ...cookies,
    lifetimeMs: config.openSignIns.lifetimeMs,
    now,
  });
  const devices = createDeviceCookie(cookies);
  const callCounts = createCallCounts({ shared: store.sharedCounts, windowMs, now });
  const limits = createRateLimits({
    limits: config.rateLimits,
    exact: store.rateLimit,
    callers: createCallers({ ...cookies, bindings, devices }),
    events: limitEvents(parts),
    ...{ windowMs, callCounts, now },
  });
  const sayTrouble = saySharingTrouble(log);
  const share = () => callCounts.share().catch(sayTrouble);
  return { bindings, devices, limits, share };
}

function limitEvents({ log, metrics }: LimitsParts): LimitEvents {
  return {
    reached: ({ limit, caller, retryAfterMs }) => {
      log.info({ limit, caller: caller.slice(0, SHOWN), retryAfterMs }, 'rate limit reached');
    },
    refused: metrics.rateLimited,
  };
}
