import { type Browser, type Page, createBrowser } from '../test/support/browser.js';
import type { Contestant } from './contestant.js';

/** Somebody who is signed in: the browser, and its cookies as they go over the wire. */
export interface User {
  readonly name: string;
  readonly browser: Browser;
  readonly cookie: string;
}

/** So many at a time: enough to keep a contestant busy, as people would. */
const AT_ONCE = 4;

/** Sends a browser off. @returns where the provider sends it back to, or undefined when it is in already. */
export async function startSignIn(
  contestant: Contestant,
  { browser, name }: Pick<User, 'browser' | 'name'>,
): Promise<string | undefined> {
  const { location, status } = await browser.send(contestant.spec.loginPath);
  if (location === null) throw new Error(`${contestant.spec.name}: no redirect, but ${status}`);
  const authorize = new URL(location, contestant.origin);
  if (authorize.origin === contestant.origin) return undefined;
  authorize.searchParams.set('login_hint', name);
  const consent = await fetch(authorize, { redirect: 'manual' });
  await consent.arrayBuffer();
  const back = new URL(consent.headers.get('location') ?? '');
  return `${back.pathname}${back.search}`;
}

/** Comes back from the provider. @returns the answer that ends the sign-in, a redirect when all is well. */
export async function finishSignIn(
  { spec }: Contestant,
  browser: Browser,
  back: string,
): Promise<Page> {
  const page = await browser.send(back);
  if (spec.callbackSteps === 1 || page.location === null) return page;
  return browser.send(page.location);
}

/**
 * The whole sign-in; once more when a kept connection was closed under it, which idle ones are between rounds.
 *
 * @throws Error when it does not end with a redirect.
 */
export async function signIn(contestant: Contestant, name: string): Promise<User> {
  try {
    return await signInOnce(contestant, name);
  } catch (error) {
    // What `fetch` says of every connection that breaks.
    if (!(error instanceof TypeError)) throw error;
    return signInOnce(contestant, name);
  }
}

async function signInOnce(contestant: Contestant, name: string): Promise<User> {
  const browser = createBrowser(contestant.origin);
  const back = await startSignIn(contestant, { browser, name });
  if (back !== undefined) {
    const { status, text } = await finishSignIn(contestant, browser, back);
    if (status < 300 || status > 399) {
      throw new Error(
        `${contestant.spec.name}: sign-in ended with ${status} ${text.slice(0, 300)}`,
      );
    }
  }
  const cookie = [...browser.cookies].map(([key, value]) => `${key}=${value}`).join('; ');
  return { name, browser, cookie };
}

/** Signs in users `<prefix>-0`, `<prefix>-1`, …, some at a time. */
export async function signInUsers(
  contestant: Contestant,
  { count, prefix = 'user' }: { count: number; prefix?: string },
): Promise<User[]> {
  const users: User[] = [];
  let started = 0;
  const work = async () => {
    for (let at = started++; at < count; at = started++) {
      users[at] = await signIn(contestant, `${prefix}-${at}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return users;
}

/** Whether the contestant says so itself. */
export async function isSignedIn({ spec }: Contestant, browser: Browser): Promise<boolean> {
  const { status, text } = await browser.send(spec.signedInPath);
  if (status !== 200) return false;
  return (JSON.parse(text) as { signedIn?: boolean }).signedIn === true;
}
