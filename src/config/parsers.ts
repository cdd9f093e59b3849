import { createSecretKey } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';
import { parseStoreUrl } from '../redis/store-url.js';

// How the values of environment variables are read. Messages read on after the variable's name.

export const url = z.url({ protocol: /^https?$/, error: 'is not an http(s) URL' });
export const text = z.string();
export const hours = z.coerce
  .number({ error: 'is not a number of hours' })
  .positive({ error: 'must be above 0' })
  .max(24 * 90, { error: 'must be 2160 or less' });
/** Not for longer than a day: keys are rotated on the assumption that sign-ins are over by then. */
export const signInMinutes = z
  .string()
  .regex(/^\d{1,4}$/, { error: 'is not a whole number of minutes' })
  .transform(Number)
  .pipe(
    z
      .number()
      .min(10, { error: 'must be 10 or more' })
      .max(24 * 60, { error: 'must be 1440 or less' }),
  );
export const count = z
  .string()
  .regex(/^\d{1,9}$/, { error: 'is not a whole number below 1000000000' })
  .transform(Number);
/** Of one user at once: at least one, and no more than there are connections. */
export const callsAtOnce = count.pipe(
  z.number().min(1, { error: 'must be 1 or more' }).max(256, { error: 'must be 256 or less' }),
);
export const port = z
  .string()
  .regex(/^\d+$/, { error: 'is not a whole number' })
  .transform(Number)
  .pipe(z.number().max(65535, { error: 'must be 65535 or less' }));

/** Nothing but scheme, host and port. zod asks this also of what is no URL at all. */
function isOrigin(value: string): boolean {
  return URL.canParse(value) && /^https?:\/\/[^/?#@\\]+\/?$/i.test(value);
}

/** As browsers write it: in small letters, without the usual port, and in the letters of ASCII (RFC 6454 section 6.2). */
export const origin = url
  .refine(isOrigin, { error: 'must be an origin: scheme, host and port, no path' })
  .transform((value) => new URL(value).origin);

/** RFC 6749 section 3.1.2: a redirection endpoint has no fragment. */
export const redirectUri = url.refine((value) => !value.includes('#'), {
  error: 'must not have a fragment (#…)',
});

/** RFC 6749 section 3.3. */
export const scopeList = z
  .string()
  .transform((value) => value.split(/\s+/))
  .refine((names) => names.every((name) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(name)), {
    error: 'is not a list of permissions with spaces between',
  });

export const storeUrl = z.string().transform((value, ctx) => {
  try {
    return parseStoreUrl(value);
  } catch (error) {
    ctx.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is wrong' });
    return z.NEVER;
  }
});

/** With `:` one prefix could begin another one's keys; the other marks mean something in patterns and slots. */
export const keyPrefix = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,31}$/i, {
  error: 'is not 1 to 32 letters, digits, dots, dashes or underscores, a letter or digit first',
});

export const secretList = z
  .string()
  .transform((value) => value.split(',').map((part) => part.trim()))
  .refine((parts) => parts.every((part) => part !== ''), { error: 'has an empty entry' });

export const sealingKeys = z.string().transform((value, ctx) => {
  const keys = value.split(',').map((entry) => {
    const [, id, base64] = /^\s*([\w-]{1,32}):([A-Za-z0-9+/_=-]+)\s*$/.exec(entry) ?? [];
    // As key objects from here on: they print nothing of themselves.
    return { id: id ?? '', key: createSecretKey(Buffer.from(base64 ?? '', 'base64')) };
  });
  const broken = keys.findIndex(({ id, key }) => id === '' || key.symmetricKeySize !== 32);
  if (broken >= 0) {
    ctx.addIssue({
      code: 'custom',
      message: `entry ${broken + 1} is not id:base64 of 32 bytes (make one with: openssl rand -base64 32)`,
    });
  } else if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    ctx.addIssue({ code: 'custom', message: 'names the same key id twice' });
  }
  return keys;
});

/** As Express reads it; `true` is refused because it lets any caller choose its own address. */
export const trustProxy = z
  .string()
  .refine((value) => value !== 'true', {
    error: 'must not be true: name the proxies or their number',
  })
  .refine((value) => /^(false|\d{1,2})$/.test(value) || value.split(',').every(isProxyAddress), {
    error: 'is neither a number of proxies nor a list of addresses (loopback, 10.0.0.0/8, …)',
  })
  .transform((value) => {
    if (/^(false|0+)$/.test(value)) return false;
    return /^\d+$/.test(value) ? Number(value) : value;
  });

/** What Express takes in its "trust proxy" setting, judged here so that the problem has a name. */
function isProxyAddress(entry: string): boolean {
  const [address = '', prefix, ...more] = entry.trim().split('/');
  if (['loopback', 'linklocal', 'uniquelocal'].includes(entry.trim())) return true;
  const bits = isIP(address) === 4 ? 32 : 128;
  const prefixFits =
    prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= bits);
  return isIP(address) !== 0 && prefixFits && more.length === 0;
}
