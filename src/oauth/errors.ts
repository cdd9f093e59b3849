/** What the token or revocation endpoint can do to us, by stable code. */
export type TokenEndpointErrorCode =
  /** RFC 6749 section 5.2: the code or refresh token is expired, used, revoked or somebody else's. */
  | 'invalid_grant'
  /** RFC 6749 section 5.2: client id or secret are wrong. */
  | 'invalid_client'
  /** The other answers of RFC 6749 section 5.2 and RFC 7009: our request is wrong, not the grant. */
  | 'invalid_request'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  /** 429. */
  | 'rate_limited'
  /** 5xx. */
  | 'server_error'
  /** The request cannot have been received: no address, no connection, no TLS. */
  | 'unreachable'
  /** The request may have been received, but no answer came in time or the connection broke. */
  | 'no_answer'
  /** An answer that is not what Fullscript documents: garbage, a redirect, an unknown error. */
  | 'invalid_response'
  /** A token type other than Bearer (RFC 6749 section 7.1). */
  | 'unsupported_token_type';

/** The errors of RFC 6749 section 5.2. */
const WIRE_ERRORS = [
  'invalid_grant',
  'invalid_client',
  'invalid_request',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
] as const satisfies readonly TokenEndpointErrorCode[];

/**
 * The OAuth error that a parsed answer holds, beside Fullscript's envelope or inside it; undefined
 * when there is none that we know. What it counts for is the caller's to say, who knows the status.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749.html#section-5.2
 */
export function oauthErrorIn(body: unknown): TokenEndpointErrorCode | undefined {
  const answer = body as { error?: unknown; oauth?: { error?: unknown } | null } | null | undefined;
  return WIRE_ERRORS.find((known) => known === answer?.error || known === answer?.oauth?.error);
}

/** The token or revocation endpoint did not do what was asked. Decide on `code`, never on the message. */
export class TokenEndpointError extends Error {
  override readonly name = 'TokenEndpointError';
  readonly code: TokenEndpointErrorCode;
  /** HTTP status of the answer, where there was one. */
  readonly status: number | undefined;
  /** From `Retry-After`, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  /** @param details.detail the system's code of a failed connection, such as `ECONNREFUSED`. */
  constructor(
    code: TokenEndpointErrorCode,
    details: {
      status?: number | undefined;
      retryAfterMs?: number | undefined;
      detail?: string | undefined;
    } = {},
  ) {
    const about = [details.status, details.detail].filter((part) => part !== undefined).join(', ');
    super(`token endpoint: ${code}${about === '' ? '' : ` (${about})`}`);
    this.code = code;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Why a callback was refused before, or instead of, the exchange. */
export type AuthorizationResponseErrorCode =
  | 'state_missing'
  | 'state_unknown'
  /** The state has brought another answer before: another code, or a yes where this is a no. */
  | 'state_answered'
  | 'parameter_duplicated'
  | 'code_missing'
  | 'issuer_mismatch'
  | 'access_denied'
  | 'authorization_failed';

/** The browser came back without something we may exchange. */
export class AuthorizationResponseError extends Error {
  override readonly name = 'AuthorizationResponseError';

  constructor(
    readonly code: AuthorizationResponseErrorCode,
    /** What the response said, cut and cleaned; for the log. */
    readonly reason?: string,
  ) {
    super(`authorization response: ${code}`);
  }
}

/** The answer names a resource owner we do not know how to keep apart from others; nothing is stored. */
export class ResourceOwnerError extends Error {
  override readonly name = 'ResourceOwnerError';

  constructor(readonly code: 'resource_owner_missing' | 'resource_owner_unknown_type') {
    super(`resource owner: ${code}`);
  }
}
