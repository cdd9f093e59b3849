import type { SessionData } from 'express-session';
import { z } from 'zod';
import { type GrantKey, grantId, parseGrantId } from '../grants/grant.js';
import { REGISTRATION_IDS } from '../oauth/registration.js';
import { parseResourceOwner } from '../oauth/resource-owner.js';

/**
 * There is one for each browser, and it is read with every request. What express-session sets anyway (path,
 * httpOnly) and what follows from the rest (expires) is left out.
 */
interface ShortSession {
  /** Whose: the grant's name. */
  readonly k: string;
  /** Since when, epoch milliseconds. */
  readonly t: number;
  readonly d?: string;
  readonly a?: string;
  /** Of the cookie: life in milliseconds, SameSite, and 1 if it is Secure. */
  readonly c: readonly [number, string, 1?];
}

const known = z.object({
  cookie: z.strictObject({
    originalMaxAge: z.number(),
    expires: z.string(),
    sameSite: z.string(),
    secure: z.boolean(),
    httpOnly: z.literal(true),
    path: z.literal('/'),
  }),
  signIn: z.strictObject({
    key: z.strictObject({
      registration: z.string(),
      owner: z.strictObject({ id: z.string(), type: z.string() }),
    }),
    at: z.number(),
    device: z.string().exactOptional(),
    address: z.string().exactOptional(),
  }),
});

/** A session as text. One that holds more than a sign-in is written out. */
export function encodeSession(session: SessionData): string {
  const whole = JSON.stringify(session);
  const parsed = known.safeParse(JSON.parse(whole));
  const others = Object.keys(session).filter((name) => name !== 'cookie' && name !== 'signIn');
  if (!parsed.success || others.length > 0) return whole;
  const { cookie, signIn } = parsed.data;
  const { key, at, device, address } = signIn;
  return JSON.stringify({
    k: grantId(key as GrantKey),
    t: at,
    ...(device !== undefined && { d: device }),
    ...(address !== undefined && { a: address }),
    c: cookie.secure
      ? [cookie.originalMaxAge, cookie.sameSite, 1]
      : [cookie.originalMaxAge, cookie.sameSite],
  } satisfies ShortSession);
}

/** As express-session reads it, and as versions before this one wrote it. */
const writtenOut = z.looseObject({
  cookie: z.looseObject({
    originalMaxAge: z.number().nullish(),
    expires: z.string().nullish(),
    maxAge: z.number().nullish(),
    sameSite: z.union([z.string(), z.boolean()]).nullish(),
  }),
  signIn: z.looseObject({
    key: z.looseObject({ registration: z.string(), owner: z.unknown() }),
    at: z.number(),
    device: z.string().optional().catch(undefined),
    address: z.string().optional().catch(undefined),
  }),
});

/**
 * The session in a text. Undefined for one that does not say who signed in and when: it may be damaged, or
 * come from a later version that knows more users than this one. Its browser is not signed in then, and
 * the record stays as it is.
 */
export function decodeSession(text: string): SessionData | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return ofShort(value) ?? ofWrittenOut(value);
  } catch {
    return undefined;
  }
}

function ofShort(value: unknown): SessionData | undefined {
  const { k, t: at, d: device, a: address, c } = value as Partial<ShortSession>;
  const key = typeof k === 'string' ? knownKey(parseGrantId(k)) : undefined;
  if (key === undefined || !Number.isFinite(at) || !Array.isArray(c)) return undefined;
  const [originalMaxAge, sameSite, secure] = c as ShortSession['c'];
  if (!Number.isFinite(originalMaxAge) || typeof sameSite !== 'string') return undefined;
  const signIn = {
    ...{ key, at },
    ...(typeof device === 'string' && { device }),
    ...(typeof address === 'string' && { address }),
  };
  const cookie = { originalMaxAge, sameSite, secure: secure === 1 };
  return { cookie, signIn } as unknown as SessionData;
}

function ofWrittenOut(value: unknown): SessionData | undefined {
  const { data: session } = writtenOut.safeParse(value);
  const key = knownKey(session?.signIn.key);
  if (session === undefined || key === undefined) return undefined;
  return { ...session, signIn: { ...session.signIn, key } } as unknown as SessionData;
}

function knownKey(key: { registration: string; owner: unknown } | undefined): GrantKey | undefined {
  const registration = REGISTRATION_IDS.find((known) => known === key?.registration);
  const { resourceOwner: owner } = parseResourceOwner(key?.owner);
  return registration === undefined || owner === undefined ? undefined : { registration, owner };
}
