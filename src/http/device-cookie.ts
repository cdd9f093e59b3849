import { randomBytes } from 'node:crypto';
import type { Request, Response } from 'express';
import { cookieName, readCookies } from './cookies.js';
import { createSignedValues } from './signed-values.js';

/**
 * Tells browsers in which somebody has signed in here before, so that their starts are not counted
 * together with those of strangers at the same address. It opens nothing and says nothing about the
 * user.
 *
 * @see https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
 */
export interface DeviceCookie {
  /** The random name of this browser, if we gave it one. */
  readonly get: (req: Request) => string | undefined;
  /** Gives it a name, or lets it keep its own for another year. */
  readonly keep: (req: Request, res: Response) => void;
}

const BASE_NAME = 'fc_device';
const YEAR_MS = 365 * 24 * 3_600_000;
const SIGNED_ID = /^[\w-]{22}\.[A-Za-z0-9+/]{43}$/;

export function createDeviceCookie(options: {
  secure: boolean;
  /** The first one signs, all of them are accepted. */
  secrets: readonly string[];
}): DeviceCookie {
  const { secure, secrets } = options;
  const name = cookieName(BASE_NAME, secure);
  const values = createSignedValues({ purpose: 'device', secrets });
  // Lax: a sign-in may start with a click on another site.
  const attributes = { httpOnly: true, secure, sameSite: 'lax', path: '/' } as const;

  function get(req: Request): string | undefined {
    const value = readCookies(req).get(name) ?? '';
    return SIGNED_ID.test(value) ? values.open(value) : undefined;
  }

  return {
    get,
    keep: (req, res) => {
      const id = get(req) ?? randomBytes(16).toString('base64url');
      res.cookie(name, values.sign(id), { ...attributes, maxAge: YEAR_MS, encode: String });
    },
  };
}
