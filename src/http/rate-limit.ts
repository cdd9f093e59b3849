import type { Request, RequestHandler, Response } from 'express';
import { type RateLimitInfo, type Store, rateLimit } from 'express-rate-limit';
import { createBoundedMap } from '../grants/bounded-map.js';
import { TooManyRequestsError } from './errors.js';

/** Told once when a caller first passes a limit in a window, and to be counted each time. */
export interface LimitEvents {
  readonly reached: (of: { limit: string; caller: string; retryAfterMs: number }) => void;
  readonly refused: (limit: string) => void;
}

export interface RateLimitOptions {
  /** What is limited, in a word. */
  readonly name: string;
  /** Requests in a window; 0 turns it off. */
  readonly limit: number;
  readonly windowMs: number;
  readonly store: Store;
  /** For whom a request counts; undefined: this limit is not about it. */
  readonly callerOf: (req: Request) => string | undefined;
  readonly events: LimitEvents;
  readonly now: () => number;
}

/** Callers whose refusal has been told; those forgotten are told once more. */
const TOLD_REMEMBERED = 1_000;

const unlimited: RequestHandler = (_req, _res, next) => {
  next();
};

/**
 * Lets so many requests of one caller through in a window. The others end as TooManyRequestsError, and
 * all of them carry the `RateLimit-*` headers of the limit that is nearest.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-06
 */
export function createRateLimit(options: RateLimitOptions): RequestHandler {
  const { limit, windowMs, store, callerOf, now } = options;
  if (limit === 0) return unlimited;
  const refuse = refusal(options);
  const limiter = rateLimit({
    ...{ limit, windowMs, store },
    keyGenerator: (req) => callerOf(req) ?? '',
    skip: (req) => callerOf(req) === undefined,
    // Its own headers would be those of the last limit, not of the nearest one.
    ...{ standardHeaders: false, legacyHeaders: false },
    // Checks for mistakes in the setting up, printed when any caller forges a header.
    validate: false,
    handler: (req, _res, next) => {
      next(refuse(infoOf(req)));
    },
  });
  return async (req, res, next) => {
    await limiter(req, res, (error?: unknown) => {
      const info = infoOf(req);
      if (info !== undefined) showLimit(res, info, { windowMs, now: now() });
      next(error);
    });
  };
}

function infoOf(req: Request): RateLimitInfo | undefined {
  return (req as Request & { rateLimit?: RateLimitInfo }).rateLimit;
}

function refusal({ name, windowMs, events, now }: RateLimitOptions) {
  const toldUntil = createBoundedMap<number>(TOLD_REMEMBERED);
  return (info: RateLimitInfo | undefined): TooManyRequestsError => {
    const { resetTime = new Date(now() + windowMs), key: caller = '' } = info ?? {};
    const retryAfterMs = Math.max(1, resetTime.getTime() - now());
    events.refused(name);
    if ((toldUntil.get(caller) ?? 0) <= now()) {
      toldUntil.set(caller, resetTime.getTime());
      events.reached({ limit: name, caller, retryAfterMs });
    }
    return new TooManyRequestsError(retryAfterMs);
  };
}

/** The next request counts for every limit, so the nearest one is that with the fewest left. */
function showLimit(
  res: Response,
  info: RateLimitInfo,
  at: { windowMs: number; now: number },
): void {
  const { limit, remaining, resetTime } = info;
  const shown = res.getHeader('RateLimit-Remaining');
  if (shown !== undefined && Number(shown) < remaining) return;
  const left = resetTime === undefined ? at.windowMs : resetTime.getTime() - at.now;
  res.set({
    'RateLimit-Policy': `${limit};w=${Math.ceil(at.windowMs / 1000)}`,
    'RateLimit-Limit': String(limit),
    'RateLimit-Remaining': String(remaining),
    'RateLimit-Reset': String(Math.max(0, Math.ceil(left / 1000))),
  });
}
