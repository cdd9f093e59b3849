import type { Request, Response } from 'express';
import { cookieName, readCookies } from './cookies.js';

/**
 * The cookies that tie sign-ins to this browser, one a sign-in: tabs do not share one, so ten of them
 * can be under way. They open nothing and die with the sign-in.
 */
export interface BindingCookies {
  readonly set: (req: Request, res: Response, sign: { stateId: string; binding: string }) => void;
  readonly get: (req: Request, stateId: string) => string | undefined;
  readonly clear: (res: Response, stateId: string) => void;
}

/** More than ten tabs, and few enough that the header stays far below 8 kB. */
const MOST_AT_ONCE = 20;
const BASE_NAME = 'fc_auth_';
const VALUE = /^([0-9a-z]{1,10})\.([\w-]{22})$/;

export function createBindingCookies(options: {
  secure: boolean;
  lifetimeMs: number;
  now: () => number;
}): BindingCookies {
  const { secure, lifetimeMs, now } = options;
  const prefix = cookieName(BASE_NAME, secure);
  // Lax: the callback is a top-level navigation that comes from Fullscript's site.
  const attributes = { httpOnly: true, secure, sameSite: 'lax', path: '/' } as const;

  return {
    set: (req, res, { stateId, binding }) => {
      for (const name of surplus(req, prefix)) res.clearCookie(name, attributes);
      const value = `${now().toString(36)}.${binding}`;
      res.cookie(`${prefix}${stateId}`, value, { ...attributes, maxAge: lifetimeMs });
    },
    get: (req, stateId) => VALUE.exec(readCookies(req).get(`${prefix}${stateId}`) ?? '')?.[2],
    clear: (res, stateId) => res.clearCookie(`${prefix}${stateId}`, attributes),
  };
}

/** The oldest sign-ins of this browser, as many as must go to make room for one more. */
function surplus(req: Request, prefix: string): string[] {
  const open = [...readCookies(req)].filter(([name]) => name.startsWith(prefix));
  const startedAt = (value: string) => parseInt(VALUE.exec(value)?.[1] ?? '0', 36);
  return open
    .sort(([, a], [, b]) => startedAt(b) - startedAt(a))
    .slice(MOST_AT_ONCE - 1)
    .map(([name]) => name);
}
