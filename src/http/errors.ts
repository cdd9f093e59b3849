/** Nobody is signed in. */
export class NotSignedInError extends Error {
  override readonly name = 'NotSignedInError';
  readonly code = 'not_signed_in';

  constructor() {
    super('nobody is signed in');
  }
}

/** A state-changing request that is not ours to carry out. */
export class CsrfError extends Error {
  override readonly name = 'CsrfError';
  /** The form came from a page of ours: it may be shown again, with a new token. */
  readonly again: boolean;

  constructor(
    readonly code: 'csrf_token_invalid' | 'foreign_origin',
    { again = false }: { again?: boolean } = {},
  ) {
    super(`request refused: ${code}`);
    this.again = again;
  }
}

/** There is nothing here, or not by this method. */
export class RouteError extends Error {
  override readonly name = 'RouteError';

  constructor(readonly code: 'not_found' | 'registration_unknown' | 'navigation_refused') {
    super(`request refused: ${code}`);
  }
}

/** BASE_URL is https, and this request does not look as if it had come that way. */
export class HttpsNotSeenError extends Error {
  override readonly name = 'HttpsNotSeenError';
  readonly code = 'https_not_seen';

  constructor(reason: string) {
    super(
      `nobody can sign in: BASE_URL is https, so the session cookie is for https only, but ${reason}. ` +
        'Have the proxy in front send X-Forwarded-Proto: https, and name it in TRUST_PROXY',
    );
  }
}

/** So many pages are open that this process tells no more of them how things stand. */
export class LiveStreamsFullError extends Error {
  override readonly name = 'LiveStreamsFullError';
  readonly code = 'live_streams_full';

  constructor() {
    super('too many streams are open, or the server is about to stop');
  }
}

/** By then those who wait have been served or refused. */
const COME_BACK_MS = 5_000;

/** This process has so much to do that it has not begun with the request: it can be made again. */
export class ServerBusyError extends Error {
  override readonly name = 'ServerBusyError';
  readonly code = 'server_busy';
  readonly retryAfterMs = COME_BACK_MS;

  constructor() {
    super('more requests come than this process gets through');
  }
}

/** What is asked for is neither a path nor an http address. */
export class RequestTargetError extends Error {
  override readonly name = 'RequestTargetError';
  readonly code = 'bad_request';

  constructor() {
    super('the target of the request is neither a path nor an http address');
  }
}

/** Cookies, an address or other headers that are larger than this server takes. */
export class HeadersTooLargeError extends Error {
  override readonly name = 'HeadersTooLargeError';
  readonly code = 'headers_too_large';

  constructor() {
    super('the headers of the request are too large');
  }
}

/** A limit is reached; the caller may come back when its window has ended. */
export class TooManyRequestsError extends Error {
  override readonly name = 'TooManyRequestsError';
  readonly code = 'too_many_requests';

  constructor(readonly retryAfterMs: number) {
    super('a rate limit is reached');
  }
}
