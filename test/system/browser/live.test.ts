import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { type Browser, createBrowser } from '../../support/browser.js';
import type { Visitor } from '../../support/chromium.js';
import { type Portal, connect, portalOn } from '../../support/portal.js';
import type { TestRedis } from '../../support/redis-server.js';
import { until } from '../../support/until.js';
import { openWorldWithRedis } from '../../support/world.js';

/** What the modules of `public/` make of the event stream, in a real browser. */

let portal: Portal<TestRedis>;
let visitor: Visitor;
let person: string;

beforeAll(async () => {
  portal = await portalOn(await openWorldWithRedis());
  person = portal.simulator.people[0]!.id;
  visitor = await portal.visitor();
  // Has all pages keep what their scripts hear.
  await visitor.context.addInitScript(`
    window.states = [];
    document.addEventListener('fullscript:state', ({ detail }) => states.push(detail));
  `);
  await visitor.context.clock.install();
}, 60_000);

afterAll(() => portal.close());

beforeEach(async () => {
  portal.simulator.faults.reset();
  await visitor.forget();
  await until(async () => (await openStreams()) === 0);
});

/** A browser of the test, whose cookies the visitor's have become. */
async function signIn(): Promise<Browser> {
  const browser = createBrowser(portal.origin);
  await browser.signIn(person);
  const cookies = [...browser.cookies].map(([name, value]) => ({
    ...{ name, value, url: portal.origin },
  }));
  await visitor.context.addCookies(cookies);
  return browser;
}

async function openTab(page: Page, path = '/portal/team?tab=1'): Promise<Page> {
  await page.goto(`${portal.origin}${path}`);
  return page;
}

const states = (page: Page) => page.evaluate<{ status?: string }[]>('states');
const heard = (page: Page) => until(async () => (await states(page)).length > 0);
/** Waits for a condition that the pages' own pauses are in the way of: their time goes faster meanwhile. */
const soon = (condition: () => Promise<boolean>) =>
  until(async () => {
    await visitor.context.clock.runFor(1_000);
    return await condition();
  });
const notice = (page: Page) => page.locator('#live');

async function openStreams(): Promise<number> {
  const text = await (await fetch(`${portal.app.local}/metrics`)).text();
  return Number(/^fullscript_live_streams (\d+)$/m.exec(text)?.[1]);
}

/** The first of them holds the stream. */
async function twoTabs(): Promise<[Page, Page]> {
  const first = await openTab(await visitor.context.newPage());
  await heard(first);
  const second = await openTab(visitor.page);
  await heard(second);
  return [first, second];
}

describe('two tabs of one browser', () => {
  it('nothing has changed → one stream for both, and no notice', async () => {
    await signIn();
    const tabs = await twoTabs();
    expect(await openStreams()).toBe(1);
    for (const tab of tabs) {
      expect((await states(tab))[0]).toMatchObject({ signedIn: true, status: 'active' });
      expect(await notice(tab).textContent()).toBe('');
    }
    expect(visitor.violations).toEqual([]);
    expect(visitor.errors).toEqual([]);
  });

  it('disconnected in one → shows in the others, with a link to look', async () => {
    const browser = await signIn();
    const tabs = await twoTabs();
    const answer = browser.post('/oauth/disconnect');
    const text = 'Fullscript was disconnected elsewhere. Show';
    await Promise.all(tabs.map((tab) => notice(tab).getByText(text).waitFor()));
    await answer;
    const link = notice(tabs[1]).getByRole('link', { name: 'Show' });
    expect(await link.getAttribute('href')).toBe('/portal/team?tab=1');
    // Connected again, as the page was made: there is nothing to say any more.
    await createBrowser(portal.origin).signIn(person);
    await until(async () => (await notice(tabs[0]).textContent()) === '');
    expect(visitor.violations).toEqual([]);
  });

  it('the tab with the stream is closed → another one takes over', async () => {
    const browser = await signIn();
    const [first, second] = await twoTabs();
    await first.close();
    await until(async () => (await openStreams()) === 1);
    await browser.post('/oauth/disconnect');
    await notice(second).getByText('disconnected').waitFor();
    expect(await openStreams()).toBe(1);
  });

  it('the tab with the stream goes to another page → another one takes over', async () => {
    const browser = await signIn();
    const [first, second] = await twoTabs();
    await first.goto(`${portal.origin}/livez`);
    await until(async () => (await openStreams()) === 1);
    await browser.post('/oauth/disconnect');
    await notice(second).getByText('disconnected').waitFor();
  });

  it('signed out everywhere → both say so, and no stream is left', async () => {
    const browser = await signIn();
    const tabs = await twoTabs();
    await browser.post('/sign-out/everywhere');
    for (const tab of tabs) {
      await soon(async () => (await notice(tab).textContent())?.startsWith('You were') === true);
      await notice(tab).getByText('You were signed out.').waitFor();
      const link = notice(tab).getByRole('link', { name: 'Sign in again' });
      expect(await link.getAttribute('href')).toBe('/?returnTo=%2Fportal%2Fteam%3Ftab%3D1');
    }
    await until(async () => (await openStreams()) === 0);
  });

  it('signed out, and in again in another tab → the notice goes', async () => {
    const browser = await signIn();
    const [first, second] = await twoTabs();
    await browser.post('/sign-out');
    await soon(async () => (await notice(second).textContent())?.startsWith('You were') === true);
    await signIn();
    await openTab(first, '/portal/team?tab=2');
    await soon(async () => (await notice(second).textContent()) === '');
    expect(await openStreams()).toBe(1);
  });

  it('the session was replaced by a new sign-in → no tab is told of a sign-out', async () => {
    await signIn();
    const tabs = await twoTabs();
    const before = (await states(tabs[0])).length;
    // By clicks, in the same browser.
    await tabs[1].goto(`${portal.origin}/oauth/authorize`);
    await connect(tabs[1], portal);
    await until(async () => (await states(tabs[0])).length > before);
    const told = await states(tabs[0]);
    expect(told.filter((state) => (state as { signedIn?: boolean }).signedIn === false)).toEqual(
      [],
    );
    expect(await notice(tabs[0]).textContent()).toBe('');
  });
});

describe('one tab', () => {
  it('the page leaves and is come back to → catches up', async () => {
    const browser = await signIn();
    const page = await openTab(visitor.page);
    await heard(page);
    await page.evaluate(`dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))`);
    await until(async () => (await openStreams()) === 0);
    await browser.post('/oauth/disconnect');
    expect(await notice(page).textContent()).toBe('');
    await page.evaluate(`dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`);
    await notice(page).getByText('disconnected').waitFor();
  });

  it('there are no locks → a stream of its own', async () => {
    await signIn();
    const page = await visitor.context.newPage();
    await page.addInitScript(`delete Navigator.prototype.locks`);
    await openTab(page);
    await heard(page);
    expect(await page.evaluate('"locks" in navigator')).toBe(false);
    expect(await openStreams()).toBe(1);
  });

  it('nobody is signed in → asks for nothing', async () => {
    await visitor.page.goto(`${portal.origin}/`);
    await visitor.page.goto(`${portal.origin}/livez`);
    const paths = visitor.requests.map((request) => new URL(request.url()).pathname);
    const asked = paths.map((path) => path.replace(/^\/assets\/[\w-]{12}\//, '/assets/'));
    expect(asked).toEqual(expect.arrayContaining(['/assets/live.js', '/assets/live-stream.js']));
    expect(asked).not.toContain('/portal/events');
  });

  it('the server does not answer any more → said after ten seconds; it does again → taken back', async () => {
    const { page, context } = visitor;
    await signIn();
    await openTab(page);
    await heard(page);
    await page.clock.pauseAt(Date.now() + 3_600_000);
    const lost = page.waitForEvent('requestfailed');
    await context.setOffline(true);
    await portal.app.close();
    await lost;
    await page.clock.runFor(9_000);
    expect(await notice(page).textContent()).toBe('');
    await page.clock.runFor(2_000);
    await notice(page).getByText('Connection to the server lost; trying again.').waitFor();
    await portal.start({ PORT: new URL(portal.origin).port, BASE_URL: portal.origin });
    await context.setOffline(false);
    await soon(async () => (await notice(page).textContent()) === '');
  });
});
