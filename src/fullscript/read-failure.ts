import {
  ApiPathError,
  CallNotSentError,
  type CallNotSentErrorCode,
  FullscriptApiError,
  type FullscriptApiErrorCode,
} from './errors.js';

type Kind =
  /** The token lacks the scope; connecting again may bring it. */
  | 'scope_missing'
  /** The scope is there: the application, or this person, is not let in. */
  | 'restricted'
  | 'not_found'
  | 'rate_limited'
  /** No answer in time. */
  | 'slow'
  /** No connection. */
  | 'offline'
  /** Fullscript says that it is in trouble itself. */
  | 'trouble'
  /** An answer that nobody can make sense of. */
  | 'garbage'
  /** A question that makes no sense to Fullscript. */
  | 'refused'
  /** This user has too many other calls open. */
  | 'crowded'
  /** All connections were in use. */
  | 'congested';

/** What a section of a page says instead of what it was made for. */
export interface ReadFailure {
  readonly kind: Kind;
  /** Only when rate-limited, or not sent. */
  readonly retryAfterMs?: number;
  /** Fullscript's, to quote to its support. */
  readonly requestId?: string;
}

const KINDS: Partial<Record<FullscriptApiErrorCode, Kind>> = {
  fullscript_not_found: 'not_found',
  fullscript_rate_limited: 'rate_limited',
  fullscript_timeout: 'slow',
  fullscript_unreachable: 'offline',
  fullscript_unavailable: 'trouble',
  fullscript_unexpected: 'garbage',
  fullscript_refused: 'refused',
};

/** A client that has gone is shown nothing. */
const NOT_SENT: Partial<Record<CallNotSentErrorCode, Kind>> = {
  too_many_open_calls: 'crowded',
  fullscript_congested: 'congested',
};

const SHORTEST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 3_600_000;
/** Fullscript documents none. Its budget rolls over five minutes, so some of it is back soon. */
const DEFAULT_WAIT_MS = 30_000;

/**
 * What a failed read means for the section that wanted it. Undefined for what concerns more than
 * this section, such as a connection that has ended: that is to be thrown on.
 *
 * @param needs the scope that the read takes, and those that the token has.
 * @see https://fullscript.dev/technical-reference/rate-limits
 */
export function readFailure(
  error: unknown,
  needs: { readonly scope: string; readonly granted: readonly string[] },
  now: number = Date.now(),
): ReadFailure | undefined {
  // No path can carry the id, so nothing has it.
  if (error instanceof ApiPathError) return { kind: 'not_found' };
  if (error instanceof CallNotSentError) {
    const kind = NOT_SENT[error.code];
    return kind && { kind, retryAfterMs: error.retryAfterMs };
  }
  if (!(error instanceof FullscriptApiError)) return undefined;
  const kind = error.code === 'fullscript_forbidden' ? whyForbidden(needs) : KINDS[error.code];
  if (kind === undefined) return undefined;
  const wait = kind === 'rate_limited' ? { retryAfterMs: waitOf(error.retryAfter, now) } : {};
  return { kind, ...wait, ...requestIdOf(error) };
}

function whyForbidden(needs: { scope: string; granted: readonly string[] }): Kind {
  return needs.granted.includes(needs.scope) ? 'restricted' : 'scope_missing';
}

/** Shown to people, so it has to look like one. */
function requestIdOf({ requestId }: FullscriptApiError): { requestId?: string } {
  return requestId !== undefined && /^[\w.:-]{1,128}$/.test(requestId) ? { requestId } : {};
}

/** @see https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.3 */
function waitOf(retryAfter: string | undefined, now: number): number {
  const given = retryAfter?.trim() ?? '';
  const wait = /^\d+$/.test(given) ? Number(given) * 1000 : untilDate(given, now);
  return Math.min(Math.max(wait ?? DEFAULT_WAIT_MS, SHORTEST_WAIT_MS), LONGEST_WAIT_MS);
}

/** Date.parse reads a date into almost anything, so the form is looked at first. */
function untilDate(given: string, now: number): number | undefined {
  const date = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d/.test(given) ? Date.parse(given) : NaN;
  return Number.isFinite(date) ? date - now : undefined;
}
