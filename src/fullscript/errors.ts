/** What a call of the resource API came to, by stable code. */
export type FullscriptApiErrorCode =
  /** 401 twice: the token was renewed and is still refused. */
  | 'fullscript_unauthorized'
  /** 403: a scope or a role is missing. The token is fine. */
  | 'fullscript_forbidden'
  | 'fullscript_not_found'
  | 'fullscript_rate_limited'
  /** Any other 4xx: what we asked for makes no sense to Fullscript. */
  | 'fullscript_refused'
  /** 5xx. */
  | 'fullscript_unavailable'
  /** No connection, or it broke. */
  | 'fullscript_unreachable'
  | 'fullscript_timeout'
  /** An answer that is not what Fullscript documents, a redirect included. */
  | 'fullscript_unexpected'
  /** A large answer found no room beside others that wait for their clients. */
  | 'answer_room_full';

/** A call of Fullscript's resource API failed. */
export class FullscriptApiError extends Error {
  override readonly name = 'FullscriptApiError';
  readonly status: number | undefined;
  /** Fullscript's `x-request-id`, to quote to its support. */
  readonly requestId: string | undefined;
  readonly retryAfter: string | undefined;

  constructor(
    readonly code: FullscriptApiErrorCode,
    details: {
      status?: number | undefined;
      requestId?: string | undefined;
      retryAfter?: string | undefined;
    } = {},
  ) {
    super(`Fullscript API: ${code}${details.status === undefined ? '' : ` (${details.status})`}`);
    this.status = details.status;
    this.requestId = details.requestId;
    this.retryAfter = details.retryAfter;
  }
}

/** Why a call was not sent. */
export type CallNotSentErrorCode =
  /** Its user has too many others under way and waiting. */
  | 'too_many_open_calls'
  /** All connections to Fullscript were in use for too long. */
  | 'fullscript_congested'
  /** As much as may be is kept for clients that have not taken it yet. */
  | 'answer_room_full'
  /** The client that wanted the answer went away while the call waited. */
  | 'client_gone';

/** By then a call that was under way has ended, unless Fullscript is very slow. */
const COME_BACK_MS = 2_000;

/** Nothing of a call has left this process, so it can be made again. */
export class CallNotSentError extends Error {
  override readonly name = 'CallNotSentError';
  readonly retryAfterMs = COME_BACK_MS;

  constructor(readonly code: CallNotSentErrorCode) {
    super(`call of the Fullscript API not sent: ${code}`);
  }
}

/** The path may not be called with a bearer: it could leave the API, or reach its OAuth endpoints. */
export class ApiPathError extends Error {
  override readonly name = 'ApiPathError';
  readonly code = 'path_refused';

  constructor() {
    super('this path may not be called through the API client');
  }
}
