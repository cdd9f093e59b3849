import type { ServerResponse } from 'node:http';
import { createBoundedMap } from '../grants/bounded-map.js';
import { TooManyRequestsError } from './errors.js';

/** Told once when a caller first passes a limit in a window, and to be counted each time. */
export interface LimitEvents {
  readonly reached: (of: { limit: string; caller: string; retryAfterMs: number }) => void;
  readonly refused: (limit: string) => void;
}

/** How a caller stands with a limit after this request. */
export interface Standing {
  readonly limit: number;
  readonly remaining: number;
  /** When the window ends, epoch milliseconds. */
  readonly resetAt: number;
}

interface Window {
  readonly windowMs: number;
  readonly now: () => number;
}

/** Callers whose refusal has been told; those forgotten are told once more. */
const TOLD_REMEMBERED = 1_000;

/** Makes the errors of one limit, and tells of them. */
export function createRefusal(deps: {
  name: string;
  events: LimitEvents;
  now: () => number;
}): (caller: string, resetAt: number) => TooManyRequestsError {
  const { name, events, now } = deps;
  const toldUntil = createBoundedMap<number>(TOLD_REMEMBERED);
  return (caller, resetAt) => {
    const retryAfterMs = Math.max(1, resetAt - now());
    events.refused(name);
    if ((toldUntil.get(caller) ?? 0) <= now()) {
      toldUntil.set(caller, resetAt);
      events.reached({ limit: name, caller, retryAfterMs });
    }
    return new TooManyRequestsError(retryAfterMs);
  };
}

/**
 * The `RateLimit-*` headers. The next request counts for every limit, so the nearest one is that with the
 * fewest left.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-06
 */
export function showStanding(
  res: ServerResponse,
  { limit, remaining, resetAt }: Standing,
  { windowMs, now }: Window,
): void {
  const shown = res.getHeader('RateLimit-Remaining');
  if (shown !== undefined && Number(shown) <= remaining) return;
  res.setHeader('RateLimit-Policy', `${limit};w=${Math.ceil(windowMs / 1000)}`);
  res.setHeader('RateLimit-Limit', String(limit));
  res.setHeader('RateLimit-Remaining', String(remaining));
  const left = Math.max(0, Math.ceil((resetAt - now()) / 1000));
  res.setHeader('RateLimit-Reset', String(left));
}
