import { once } from 'node:events';
import { type IncomingMessage, get } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import type { Simulator } from '../../src/simulator/simulator.js';
import { approve } from '../simulator/drive.js';

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly location: string | null;
}

/**
 * A pretended browser: keeps the server's cookies, drops expired ones, follows redirects on request.
 * What Chromium adds to this (fetch metadata, CSP) has tests of its own.
 *
 * @param always headers of each request, as a proxy on the way adds them.
 */
export function createBrowser(origin: string, always: Record<string, string> = {}) {
  const cookies = new Map<string, string>();

  function keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf('='));
    const expires = attributes.find((a) => a.toLowerCase().startsWith('expires='))?.slice(8);
    if (expires !== undefined && Date.parse(expires) <= Date.now()) cookies.delete(name);
    else cookies.set(name, pair.slice(name.length + 1));
  }

  async function send(path: string, init: RequestInit = {}): Promise<Page> {
    const url = new URL(path, origin);
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...always, cookie, ...(init.headers as Record<string, string> | undefined) };
    const answer = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of answer.headers.getSetCookie()) keep(line);
    return {
      url: url.href,
      status: answer.status,
      headers: answer.headers,
      text: await textOf(answer),
      location: answer.headers.get('location'),
    };
  }

  /** A GET whose path goes out byte for byte; `fetch` would tidy it up. */
  async function sendRaw(
    path: string,
    extra: Record<string, string> = {},
  ): Promise<{ status: number; text: string; location: string | null }> {
    const { hostname, port } = new URL(origin);
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const request = get({ hostname, port, path, headers: { ...always, cookie, ...extra } });
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    const { statusCode = 0, headers } = answer;
    const { location = null } = headers;
    return { status: statusCode, text: await readText(answer), location };
  }

  /** Follows redirects that stay on this server. */
  async function open(path: string): Promise<Page> {
    let page = await send(path);
    for (let hops = 0; hops < 5; hops += 1) {
      if (page.location === null || new URL(page.location, page.url).origin !== origin) break;
      page = await send(page.location);
    }
    return page;
  }

  async function json<T>(path: string, init?: RequestInit): Promise<T> {
    return JSON.parse((await send(path, init)).text) as T;
  }

  async function csrfToken(): Promise<string> {
    return (await json<{ csrfToken?: string }>('/api/session')).csrfToken ?? 'none';
  }

  return {
    ...{ origin, cookies, send, sendRaw, open, json, csrfToken },

    /** Submits a form the way its page would. */
    post: async (path: string, fields: Record<string, string> = {}) => {
      const body = new URLSearchParams({ _csrf: await csrfToken(), ...fields });
      return send(path, { method: 'POST', body });
    },

    /** From "connect" to the callback URL, which is not visited yet. */
    consent: async (options: {
      person: string;
      decision?: 'approve' | 'deny';
      start?: string;
    }): Promise<string> => {
      const { person, decision = 'approve', start = '/oauth/authorize' } = options;
      const { location } = await send(start);
      const back = await approve({ authorizeUrl: location ?? '', person, decision });
      const { pathname, search } = new URL(back);
      return `${pathname}${search}`;
    },

    /** The whole sign-in; ends on the page it leads to. */
    signIn: async function (person: string, start?: string): Promise<Page> {
      return open(await this.consent({ person, ...(start === undefined ? {} : { start }) }));
    },
  };
}

/** Of a stream, which does not end by itself, nothing is waited for. */
async function textOf(answer: Response): Promise<string> {
  const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (!isStream) return answer.text();
  await answer.body?.cancel();
  return '';
}

export type Browser = ReturnType<typeof createBrowser>;

/** Another visitor with the same cookies, at the same server or at another one. */
export function copyOf(browser: Browser, origin: string): Browser {
  const copy = createBrowser(origin);
  for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
  return copy;
}

/** The id of the session that a visitor's cookie names, without its signature. */
export function sessionIdOf({ cookies }: Browser, name = 'fc_session'): string {
  const [, id] = /^s:([\w-]{43})\.[\w+/]{43}$/.exec(decodeURIComponent(cookies.get(name)!)) ?? [];
  return id!;
}

export interface SessionAnswer {
  readonly signedIn: boolean;
  readonly resourceOwner?: { readonly id: string; readonly type: string };
  readonly status?: string;
  readonly scope?: readonly string[];
  readonly expiresAt?: string | null;
}

export const sessionOf = (browser: Browser) => browser.json<SessionAnswer>('/api/session');

/** From "connect" to the answer of Fullscript's authorize page, with more parameters on the way back. */
export async function callbackWith(
  browser: Browser,
  { people }: Pick<Simulator, 'people'>,
  more: Record<string, string> = {},
): Promise<string> {
  const { location } = await browser.send('/oauth/authorize');
  const [person] = people;
  const back = await approve({ authorizeUrl: location ?? '', person: person?.id ?? '' });
  const { pathname, searchParams } = new URL(back);
  for (const [name, value] of Object.entries(more)) searchParams.set(name, value);
  return `${pathname}?${searchParams.toString()}`;
}
