import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, RequestHandler } from 'express';
import { type RateLimitInfo, type Store, rateLimit } from 'express-rate-limit';
import type { CallCount } from './call-counts.js';
import type { TooManyRequestsError } from './errors.js';
import { type LimitEvents, createRefusal, showStanding } from './limit-answer.js';

interface LimitOptions<Incoming> {
  /** What is limited, in a word. */
  readonly name: string;
  /** Requests in a window; 0 turns it off. */
  readonly limit: number;
  readonly windowMs: number;
  /** For whom a request counts; undefined: this limit is not about it. */
  readonly callerOf: (req: Incoming) => string | undefined;
  readonly events: LimitEvents;
  readonly now: () => number;
}

export interface RateLimitOptions extends LimitOptions<Request> {
  readonly store: Store;
}

export interface CallLimitOptions<Incoming> extends LimitOptions<Incoming> {
  /** Counts one more call of a caller, at once. */
  readonly count: (caller: string) => CallCount;
}

const unlimited: RequestHandler = (_req, _res, next) => {
  next();
};

/**
 * Lets so many requests of one caller through in a window, counted in the store. The others end as
 * TooManyRequestsError, and all of them carry the `RateLimit-*` headers of the limit that is nearest.
 */
export function createRateLimit(options: RateLimitOptions): RequestHandler {
  const { limit, windowMs, store, callerOf, now } = options;
  if (limit === 0) return unlimited;
  const refuse = createRefusal(options);
  const resetOf = (info?: RateLimitInfo) => info?.resetTime?.getTime() ?? now() + windowMs;
  const limiter = rateLimit({
    ...{ limit, windowMs, store },
    keyGenerator: (req) => callerOf(req) ?? '',
    skip: (req) => callerOf(req) === undefined,
    // Its own headers would be those of the last limit, not of the nearest one.
    ...{ standardHeaders: false, legacyHeaders: false },
    // Checks for mistakes in the setting up, printed when any caller forges a header.
    validate: false,
    handler: (req, _res, next) => {
      const info = infoOf(req);
      next(refuse(info?.key ?? '', resetOf(info)));
    },
  });
  return async (req, res, next) => {
    await limiter(req, res, (error?: unknown) => {
      const info = infoOf(req);
      if (info !== undefined) showStanding(res, { ...info, resetAt: resetOf(info) }, options);
      next(error);
    });
  };
}

/** A limit of what is counted in the process. */
export interface CallLimit<Incoming = IncomingMessage> {
  /** Counts a request, once, and shows how its caller stands. False when that was one too many. */
  readonly admits: (req: Incoming, res: ServerResponse) => boolean;
  /** The error for a request that it does not admit; told once a window. */
  readonly refuse: (req: Incoming) => TooManyRequestsError;
}

/**
 * The same for what is counted in the process. It stands in the way of every call, where the library's
 * waits and options would cost more than the counting.
 */
export function createCallLimit<Incoming extends object>(
  options: CallLimitOptions<Incoming>,
): CallLimit<Incoming> {
  const { limit, callerOf, count } = options;
  const refusal = createRefusal(options);
  // A request may come by twice: ahead of Express, and behind it.
  const counted = Symbol(options.name);
  const countOf = (req: Incoming & { [counted]?: Counted | undefined }): Counted | undefined => {
    const caller = callerOf(req);
    if (caller === undefined) return undefined;
    return (req[counted] ??= { caller, ...count(caller) });
  };
  return {
    admits: (req, res) => {
      if (limit === 0) return true;
      const found = countOf(req);
      if (found === undefined) return true;
      const { calls, resetAt } = found;
      showStanding(res, { limit, remaining: Math.max(0, limit - calls), resetAt }, options);
      return calls <= limit;
    },
    refuse: (req) => {
      const { caller = '', resetAt = options.now() } = countOf(req) ?? {};
      return refusal(caller, resetAt);
    },
  };
}

interface Counted extends CallCount {
  readonly caller: string;
}

/** The same as middleware. */
export function limiting(limit: CallLimit<Request>): RequestHandler {
  return (req, res, next) => {
    if (limit.admits(req, res)) next();
    else next(limit.refuse(req));
  };
}

function infoOf(req: Request): RateLimitInfo | undefined {
  return (req as Request & { rateLimit?: RateLimitInfo }).rateLimit;
}
