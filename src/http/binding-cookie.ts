import type { Request, Response } from 'express';
import { cookieName, readCookies } from './cookies.js';
import { createSignedValues } from './signed-values.js';

/** What a browser holds of a sign-in that it started. */
export interface Binding {
  readonly binding: string;
  /** For whom the start was counted (22 characters), for giving it back; empty for nobody. */
  readonly startedBy: string;
}

/**
 * The cookies that tie sign-ins to this browser, one a sign-in: tabs do not share one, so ten of them
 * can be under way. They open nothing and die with the sign-in. They are signed, each for its own
 * state, so that a made-up one is told from ours without asking the store.
 */
export interface BindingCookies {
  /** @returns those that had to go for it, the oldest of this browser. */
  readonly set: (
    req: Request,
    res: Response,
    sign: Binding & { stateId: string },
  ) => { stateId: string; binding: string }[];
  readonly get: (req: Request, stateId: string) => Binding | undefined;
  /** All that this browser holds. */
  readonly held: (req: Request) => { stateId: string; binding: string }[];
  readonly clear: (res: Response, stateId: string) => void;
}

/** More than ten tabs, and few enough that the header stays far below 8 kB. */
const MOST_AT_ONCE = 20;
/** Another process may have set it, by a clock that is wrong. The store is exact about the lifetime. */
const CLOCKS_DIFFER_MS = 10 * 60_000;
const BASE_NAME = 'fc_auth_';
/** When it started, binding, for whom that was counted, signature. */
const VALUE = /^([0-9a-z]{1,10})\.([\w-]{22})\.([\w-]{22}|)\.[A-Za-z0-9+/]{43}$/;

export function createBindingCookies(options: {
  secure: boolean;
  lifetimeMs: number;
  now: () => number;
  /** The first one signs, all of them are accepted. */
  secrets: readonly string[];
}): BindingCookies {
  const { secure, lifetimeMs, now, secrets } = options;
  const values = createSignedValues({ purpose: 'binding', secrets });
  const prefix = cookieName(BASE_NAME, secure);
  // Lax: the callback is a top-level navigation that comes from Fullscript's site.
  const attributes = { httpOnly: true, secure, sameSite: 'lax', path: '/' } as const;

  function get(req: Request, stateId: string): Binding | undefined {
    const value = readCookies(req).get(`${prefix}${stateId}`) ?? '';
    const [, startedAt = '', binding, startedBy] = VALUE.exec(value) ?? [];
    if (binding === undefined || startedBy === undefined) return undefined;
    const age = now() - parseInt(startedAt, 36);
    if (Math.abs(age) > lifetimeMs + CLOCKS_DIFFER_MS) return undefined;
    return values.open(`${stateId}.${value}`) === undefined ? undefined : { binding, startedBy };
  }

  function heldAs(req: Request, names: readonly string[]) {
    return names.flatMap((name) => {
      const stateId = name.slice(prefix.length);
      const held = get(req, stateId);
      return held === undefined ? [] : [{ stateId, binding: held.binding }];
    });
  }

  return {
    set: (req, res, { stateId, binding, startedBy }) => {
      const dropped = surplus(req, prefix);
      for (const name of dropped) res.clearCookie(name, attributes);
      const text = `${stateId}.${now().toString(36)}.${binding}.${startedBy}`;
      const value = values.sign(text).slice(stateId.length + 1);
      const howLong = { maxAge: lifetimeMs, encode: String };
      res.cookie(`${prefix}${stateId}`, value, { ...attributes, ...howLong });
      return heldAs(req, dropped);
    },
    get,
    held: (req) => heldAs(req, namesIn(req, prefix)),
    clear: (res, stateId) => res.clearCookie(`${prefix}${stateId}`, attributes),
  };
}

function namesIn(req: Request, prefix: string): string[] {
  return [...readCookies(req).keys()].filter((name) => name.startsWith(prefix));
}

/** The oldest sign-ins of this browser, as many as must go to make room for one more. */
function surplus(req: Request, prefix: string): string[] {
  const cookies = readCookies(req);
  const startedAt = (name: string) => parseInt(VALUE.exec(cookies.get(name) ?? '')?.[1] ?? '0', 36);
  return namesIn(req, prefix)
    .sort((a, b) => startedAt(b) - startedAt(a))
    .slice(MOST_AT_ONCE - 1);
}
