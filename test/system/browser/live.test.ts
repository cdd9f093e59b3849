import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { createBrowser } from '../../support/browser.js';
import { type Chromium, type Visitor, openChromium } from '../../support/chromium.js';
import { type App, type Scene, openScene } from '../../support/scene.js';
import { until } from '../../support/until.js';

/** What the modules of `public/` make of the event stream, in a real browser. */

let scene: Scene;
let app: App;
let chromium: Chromium;
let visitor: Visitor;
let person: string;

beforeAll(async () => {
  [scene, chromium] = await Promise.all([openScene(), openChromium()]);
  app = await scene.open();
  person = scene.simulator.people[0]!.id;
}, 60_000);

afterAll(async () => {
  await chromium.close();
  await scene.close();
});

beforeEach(async () => {
  scene.simulator.faults.reset();
  visitor = await chromium.visitor();
});

afterEach(() => visitor.close());

/** A browser of the test, whose cookies the visitor's have become. */
async function signIn() {
  const browser = createBrowser(app.origin);
  await browser.signIn(person);
  const cookies = [...browser.cookies].map(([name, value]) => ({ name, value, url: app.origin }));
  await visitor.context.addCookies(cookies);
  return browser;
}

/** A tab with a page of ours, which keeps what its scripts hear. */
async function openTab(page: Page, path = '/portal/team?tab=1'): Promise<Page> {
  await page.addInitScript(`
    window.states = [];
    document.addEventListener('fullscript:state', ({ detail }) => states.push(detail));
  `);
  await page.goto(`${app.origin}${path}`);
  return page;
}

const states = (page: Page) => page.evaluate<{ status?: string }[]>('states');
const heard = (page: Page) => until(async () => (await states(page)).length > 0);
const notice = (page: Page) => page.locator('#live');

async function openStreams(): Promise<number> {
  const text = await (await fetch(`${app.origin}/metrics`)).text();
  return Number(/^fullscript_live_streams (\d+)$/m.exec(text)?.[1]);
}

async function twoTabs(): Promise<[Page, Page]> {
  const first = await openTab(visitor.page);
  await heard(first);
  const second = await openTab(await visitor.context.newPage());
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

  it('disconnected in one → shows in the others within a second, with a link to look', async () => {
    const browser = await signIn();
    const tabs = await twoTabs();
    const from = performance.now();
    const answer = browser.post('/oauth/disconnect');
    const text = 'Fullscript was disconnected elsewhere. Show';
    await Promise.all(tabs.map((tab) => notice(tab).getByText(text).waitFor()));
    expect(performance.now() - from).toBeLessThan(1_000);
    await answer;
    const link = notice(tabs[1]).getByRole('link', { name: 'Show' });
    expect(await link.getAttribute('href')).toBe('/portal/team?tab=1');
    // Connected again, as the page was made: there is nothing to say any more.
    await createBrowser(app.origin).signIn(person);
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
    await first.goto(`${app.origin}/livez`);
    await until(async () => (await openStreams()) === 1);
    await browser.post('/oauth/disconnect');
    await notice(second).getByText('disconnected').waitFor();
  });

  it('signed out everywhere → both say so, and no stream is left', async () => {
    const browser = await signIn();
    const tabs = await twoTabs();
    await browser.post('/sign-out/everywhere');
    for (const tab of tabs) {
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
    await notice(second).getByText('You were signed out.').waitFor();
    await signIn();
    await openTab(first, '/portal/team?tab=2');
    await until(async () => (await notice(second).textContent()) === '');
    expect(await openStreams()).toBe(1);
  });

  it('the session was replaced by a new sign-in → nobody is told of a sign-out', async () => {
    await signIn();
    const tabs = await twoTabs();
    const before = (await states(tabs[0])).length;
    await signInHere(tabs[1]);
    await until(async () => (await states(tabs[0])).length > before);
    const told = await states(tabs[0]);
    expect(told.filter((state) => (state as { signedIn?: boolean }).signedIn === false)).toEqual(
      [],
    );
    expect(await notice(tabs[0]).textContent()).toBe('');
  });

  /** By clicks, in the visitor's own browser: its session is replaced. */
  async function signInHere(page: Page): Promise<void> {
    await page.goto(`${app.origin}/oauth/authorize`);
    const choose = page.locator(`button[value="${person}"]`);
    if ((await choose.count()) > 0) await choose.click();
    await page.waitForURL(/portal$|authorize/);
    const approve = page.getByRole('button', { name: 'Authorize Application' });
    if ((await approve.count()) > 0) await approve.click();
    await page.waitForURL(`${app.origin}/portal`);
  }
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
    await visitor.page.addInitScript(`delete Navigator.prototype.locks`);
    const page = await openTab(visitor.page);
    await heard(page);
    expect(await page.evaluate('"locks" in navigator')).toBe(false);
    expect(await openStreams()).toBe(1);
  });

  it('the server does not answer any more → said after ten seconds; it does again → taken back', async () => {
    await signIn();
    await visitor.page.clock.install();
    const page = await openTab(visitor.page);
    await heard(page);
    await visitor.context.setOffline(true);
    await app.close();
    await page.clock.runFor(9_000);
    expect(await notice(page).textContent()).toBe('');
    await page.clock.runFor(2_000);
    await notice(page).getByText('Connection to the server lost; trying again.').waitFor();
    const port = new URL(app.origin).port;
    app = await scene.open({ PORT: port, BASE_URL: app.origin });
    await visitor.context.setOffline(false);
    await until(async () => {
      await page.clock.runFor(1_000);
      return (await notice(page).textContent()) === '';
    }, 15_000);
  }, 40_000);

  it('nobody is signed in → asks for nothing', async () => {
    await visitor.page.goto(`${app.origin}/`);
    await visitor.page.goto(`${app.origin}/livez`);
    const paths = visitor.requests.map((request) => new URL(request.url()).pathname);
    const asked = paths.map((path) => path.replace(/^\/assets\/[\w-]{12}\//, '/assets/'));
    expect(asked).toEqual(expect.arrayContaining(['/assets/live.js', '/assets/live-stream.js']));
    expect(asked).not.toContain('/portal/events');
  });
});
