import { z } from 'zod';
import { TokenEndpointError, oauthErrorIn } from './errors.js';
import { type ResourceOwner, parseResourceOwner } from './resource-owner.js';
import { type Secret, secret } from './secret.js';

/** What the token endpoint answered, in our words. Instants are milliseconds since the epoch. */
export interface TokenSet {
  readonly accessToken: Secret;
  readonly refreshToken: Secret | undefined;
  /**
   * Granted scopes; may be fewer than the dashboard shows, and ones we do not know are kept. Empty
   * when the answer names none, which means the scope that was asked for (RFC 6749 section 5.1).
   */
  readonly scope: readonly string[];
  /** When the answer reached us, by our clock. */
  readonly obtainedAt: number;
  /** When the access token stops working, by our clock. */
  readonly expiresAt: number;
  /** Absent when the answer of a refresh leaves it out. */
  readonly resourceOwner: ResourceOwner | undefined;
  /**
   * Set when the answer is for somebody of a kind we do not know. Not thrown, because the pair is
   * alive and whoever asked for it has to get rid of it.
   */
  readonly ownerProblem: 'resource_owner_unknown_type' | undefined;
}

/** Used when an answer has no usable `expires_in`; a wrong guess shows as 401, which refreshes. */
export const DEFAULT_LIFETIME_SECONDS = 7200;

const token = z.string().min(1);
/** A number, or one in a string. Nobody means more than a year, and dates end somewhere. */
const seconds = z
  .union([z.number(), z.string().regex(/^\d+$/).transform(Number)])
  .pipe(z.number().positive())
  .transform((value) => Math.min(value, 366 * 86_400));

const names = (text: string) => text.split(/[\s,]+/).filter((name) => name !== '');
/** Documented as text with spaces; servers also write commas, or a list. */
const scopeNames = z.union([
  z.string().transform(names),
  z
    .array(z.unknown())
    .transform((list) => list.flatMap((one) => (typeof one === 'string' ? names(one) : []))),
]);

// Loose on everything but the access token: past this point the old refresh token may be spent, and
// refusing an answer for the form of a side field would throw away the only living pair.
const wireTokens = z.looseObject({
  access_token: token,
  token_type: z.string().optional().catch(undefined),
  expires_in: seconds.optional().catch(undefined),
  refresh_token: token.optional().catch(undefined),
  scope: scopeNames.catch([]),
  created_at: z.union([z.string(), z.number()]).optional().catch(undefined),
  resource_owner: z.unknown().optional(),
});

const wireAnswer = z.object({ oauth: wireTokens });

/**
 * Parses an answer of the token endpoint.
 *
 * @param answer.body the parsed JSON body.
 * @param answer.receivedAt when it arrived, by our clock.
 * @param answer.serverDate the answer's own `Date` header in milliseconds, where it has one.
 * @param answer.mayBeOld whether the server may have handed out a token it made before, as it may for
 *   a code, but not for a refresh token.
 * @throws TokenEndpointError without an access token inside `oauth`: the OAuth error that is there
 *   in its place, such as `invalid_grant`, else `invalid_response`. `unsupported_token_type` when the
 *   type is not Bearer.
 * @see https://fullscript.dev/docs/how-to-guides/oauth/using-oauth/request-access-token
 * @see https://www.rfc-editor.org/rfc/rfc6749.html#section-5.1
 */
export function parseTokenSet(answer: {
  body: unknown;
  receivedAt: number;
  serverDate?: number | undefined;
  mayBeOld?: boolean;
}): TokenSet {
  const parsed = wireAnswer.safeParse(answer.body);
  if (!parsed.success)
    throw new TokenEndpointError(oauthErrorIn(answer.body) ?? 'invalid_response');
  const wire = parsed.data.oauth;
  if (wire.token_type !== undefined && wire.token_type.toLowerCase() !== 'bearer') {
    throw new TokenEndpointError('unsupported_token_type');
  }
  return {
    accessToken: secret(wire.access_token),
    refreshToken: wire.refresh_token === undefined ? undefined : secret(wire.refresh_token),
    scope: wire.scope,
    obtainedAt: answer.receivedAt,
    expiresAt: expiryOf({
      receivedAt: answer.receivedAt,
      serverDate: answer.serverDate,
      createdAt: instantOf(wire.created_at),
      lifetimeMs: (wire.expires_in ?? DEFAULT_LIFETIME_SECONDS) * 1000,
      mayBeOld: answer.mayBeOld ?? false,
    }),
    ...parseResourceOwner(wire.resource_owner),
  };
}

/**
 * Expiry by our own clock. The token's age on arrival is measured between two readings of the
 * *server's* clock, `created_at` and the answer's `Date`, so a difference between its clock and ours
 * cancels out. A negative age makes no sense and counts as none. A token that is past its life when it
 * comes is taken as expired once, when it came for a code; when it came for a refresh token, it counts
 * from this moment, else a stopped clock at the server would have us refresh for ever.
 */
export function expiryOf(at: {
  receivedAt: number;
  serverDate: number | undefined;
  createdAt: number | undefined;
  lifetimeMs: number;
  mayBeOld?: boolean;
}): number {
  const { receivedAt, serverDate, createdAt, lifetimeMs, mayBeOld = false } = at;
  const age = serverDate === undefined || createdAt === undefined ? 0 : serverDate - createdAt;
  if (age <= 0) return receivedAt + lifetimeMs;
  if (age < lifetimeMs) return receivedAt + lifetimeMs - age;
  return mayBeOld ? receivedAt : receivedAt + lifetimeMs;
}

/** `created_at` as documented (ISO 8601) or as Rails writes it by default (epoch seconds). */
function instantOf(createdAt: string | number | undefined): number | undefined {
  if (createdAt === undefined) return undefined;
  const seconds = Number(createdAt);
  const instant = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(String(createdAt));
  return Number.isFinite(instant) ? instant : undefined;
}
