import type { Request, RequestHandler, Response } from 'express';
import type { Store } from 'express-rate-limit';
import type { GrantKey } from '../grants/grant.js';
import type { CallCounts } from './call-counts.js';
import type { Callers } from './callers.js';
import type { LimitEvents } from './limit-answer.js';
import { type CallLimit, createCallLimit, createRateLimit, limiting } from './rate-limit.js';

/** How many requests in a window; 0 turns a limit off. */
export interface Limits {
  /** Starts, callbacks, refreshes, disconnects and sign-outs, each kind for itself, of one caller. */
  readonly oauth: number;
  /** Calls of one user. */
  readonly api: number;
  /** Calls from one address, of people who show no session. */
  readonly address: number;
}

/** The limits, as middleware for the routes they are named after. */
export interface RateLimits {
  readonly start: RequestHandler;
  readonly callback: RequestHandler;
  readonly refresh: RequestHandler;
  readonly disconnect: RequestHandler;
  readonly signOut: RequestHandler;
  /** Ahead of the session: by what a request shows, without asking the store. */
  readonly calls: readonly RequestHandler[];
  /** Behind the session: a user may have many of them. */
  readonly callsOfUser: RequestHandler;
  /** Two of these limits for whoever counts ahead of Express. A request counts once for each. */
  readonly ahead: { readonly session: CallLimit; readonly user: CallLimit };
  /**
   * Counts a sign-in that is about to succeed, for its user: starts and callbacks do not add up then.
   *
   * @throws TooManyRequestsError, and what the store throws.
   */
  readonly signIn: (req: Request, res: Response, key: GrantKey) => Promise<void>;
  /** For whom a start counts. */
  readonly startedBy: Callers['ofStart'];
  /** A name for the address that a request comes from. */
  readonly address: Callers['address'];
  /**
   * Takes back a start that led to a sign-in, so that only those add up that led to nothing. Its
   * callback needs no taking back: it counted for a state that will not come again.
   */
  readonly giveBack: (startedBy: string) => void;
}

export interface RateLimitsDeps {
  readonly limits: Limits;
  readonly windowMs: number;
  /** A store of its own for each limit, that counts every request exactly. */
  readonly exact: (name: string) => Store;
  readonly callCounts: CallCounts;
  readonly callers: Callers;
  readonly events: LimitEvents;
  readonly now: () => number;
}

/** Of sign-ins that succeed, which cost a person time and a consent, so many times more are allowed. */
const SUCCESSES = 10;

/** Every limit there is: exact where requests are few and dear, kept in the process where they are many. */
export function createRateLimits(deps: RateLimitsDeps): RateLimits {
  const { limits, exact, callCounts, callers } = deps;
  const starts = exact('start');
  const dear = (name: string, callerOf: Callers['address'], store = exact(name)) =>
    createRateLimit({ ...deps, name, limit: limits.oauth, store, callerOf });
  const frequent = <R extends object>(name: string, callerOf: (req: R) => string | undefined) => {
    const limit = name === 'address' ? limits.address : limits.api;
    return createCallLimit({ ...deps, name, limit, count: callCounts.counter(name), callerOf });
  };
  const session = frequent('session', callers.session);
  const user = frequent('user', callers.user);
  const address = frequent<Request>('address', (req) =>
    callers.session(req) === undefined ? callers.address(req) : undefined,
  );
  return {
    start: dear('start', callers.ofStart, starts),
    callback: dear('callback', callers.ofCallback),
    refresh: dear('refresh', callers.userOrAddress),
    disconnect: dear('disconnect', callers.userOrAddress),
    signOut: dear('sign-out', callers.userOrAddress),
    signIn: countArrivals({ ...deps, limit: SUCCESSES * limits.oauth, store: exact('sign-in') }),
    calls: [limiting(session), limiting(address)],
    callsOfUser: limiting(user),
    ahead: { session, user },
    startedBy: callers.ofStart,
    address: callers.address,
    giveBack: (startedBy) => {
      if (startedBy === '' || limits.oauth === 0) return;
      // Nobody waits for it: one that fails is one start less in this window.
      Promise.resolve(starts.decrement(startedBy)).catch(() => undefined);
    },
  };
}

/** A limit for somebody whom the request does not name yet. */
function countArrivals(
  deps: Pick<RateLimitsDeps, 'windowMs' | 'callers' | 'events' | 'now'> & {
    limit: number;
    store: Store;
  },
): RateLimits['signIn'] {
  const arriving = new WeakMap<Request, string>();
  const callerOf = (req: Request) => arriving.get(req);
  const limit = createRateLimit({ ...deps, name: 'sign-in', callerOf });
  return async (req, res, key) => {
    arriving.set(req, deps.callers.arriving(key));
    await new Promise<void>((resolve, reject) => {
      const next = (error?: unknown) => {
        if (error === undefined) resolve();
        else reject(error instanceof Error ? error : new Error('rate limit', { cause: error }));
      };
      Promise.resolve(limit(req, res, next)).catch(reject);
    });
  };
}
