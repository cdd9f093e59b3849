import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { SIMULATOR_CLIENT_ID, SIMULATOR_CLIENT_SECRET } from '../../../src/simulator/simulator.js';
import type { Visitor } from '../../support/chromium.js';
import { holdApi } from '../../support/hold-api.js';
import {
  DESK,
  HASTY,
  type Portal,
  accessibilityProblems,
  connect,
  keepPicture,
  looksOf,
  openPortal,
  overflow,
} from '../../support/portal.js';

/** Every page as it is when all is well: for axe, for the keyboard, on a phone, with zoom. WCAG 2.2 AA. */

let portal: Portal;
let user: Visitor;
let page: Page;
let stranger: Visitor;

beforeAll(async () => {
  portal = await openPortal();
  user = await portal.user();
  ({ page } = user);
  stranger = await portal.visitor();
  // Something to see on the account page.
  await page.goto(`${portal.origin}/portal`);
  await page.getByRole('button', { name: 'Refresh now' }).click();
  await page.getByText('refreshed just now').waitFor();
}, 60_000);

afterAll(() => portal.close());

beforeEach(() => stranger.forget());

/** What has the focus, and whether it can be seen that it has. */
const FOCUSED = `(() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  const box = document.activeElement.getBoundingClientRect();
  return {
    name: document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim(),
    isVisible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
    isInside: box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth,
  };
})()`;

interface Focused {
  readonly name: string;
  readonly isVisible: boolean;
  readonly isInside: boolean;
}

/** Presses Tab through a whole page. */
async function tabThrough(): Promise<Focused[]> {
  const count = await page.locator('a[href], button, input:not([type=hidden])').count();
  const stops: Focused[] = [];
  for (let stop = 0; stop < count; stop += 1) {
    await page.keyboard.press('Tab');
    stops.push(await page.evaluate<Focused>(FOCUSED));
  }
  return stops;
}

/** What a window of 1280 pixels becomes at 200 % and at 400 % (1.4.4, 1.4.10). */
const ZOOMED = [
  { width: 640, height: 450 },
  { width: 320, height: 256 },
];

/** Wide spacing of letters and lines (1.4.12). */
const SPACED = `for (const one of document.querySelectorAll('*')) {
  one.style.lineHeight = '1.5'; one.style.letterSpacing = '0.12em'; one.style.wordSpacing = '0.16em';
}`;

/** How much of the page is cut off in each of these; the page is of no use afterwards. */
async function cutOff(name: string): Promise<number[]> {
  const found: number[] = [];
  for (const size of ZOOMED) {
    await page.setViewportSize(size);
    found.push(await overflow(page));
    await keepPicture(page, `${name}-at-${size.width}`);
  }
  await page.setViewportSize(DESK.viewport!);
  await page.evaluate(SPACED);
  found.push(await overflow(page));
  return found;
}

const NOTHING_CUT_OFF = [0, 0, 0];

/** Each leads somewhere else in the navigation. */
const MAIN = [
  ['home', '/portal', 'Welcome, Ana Osei'],
  ['patients', '/portal/patients', 'Patients'],
  ['team', '/portal/team', 'Team'],
  ['brands', '/portal/catalog', 'Catalog'],
  ['account', '/portal/account', 'Account'],
] as const;

const OTHERS = [
  ['patients-found', '/portal/patients?query=ro', 'Patients'],
  ['patients-none', '/portal/patients?query=zzzz', 'Patients'],
  ['products-restricted', '/portal/catalog/products', 'Catalog'],
  ['disconnect', '/portal/disconnect', 'Disconnect your Fullscript account?'],
] as const;

/** Opens a page, and looks at everything that each of them has to do right. */
async function looksRight(name: string, path: string, title: string): Promise<void> {
  for (const list of [user.violations, user.errors, user.requests]) list.length = 0;
  await page.goto(`${portal.origin}${path}`);
  expect(await page.locator('h1').allTextContents()).toEqual([title]);
  expect(await looksOf(page, name)).toEqual([]);
  expect(user.violations).toEqual([]);
  expect(user.errors).toEqual([]);
}

/** How much style and script the page that is open has loaded, compressed. */
async function weightOf({ requests }: Visitor): Promise<number> {
  const files = requests.map((request) => request.url()).filter((url) => /\.(js|css)$/.test(url));
  expect(files.length).toBeGreaterThan(1);
  const bodies = await Promise.all(files.map(async (url) => (await fetch(url)).arrayBuffer()));
  return bodies.reduce((sum, body) => sum + gzipSync(Buffer.from(body)).length, 0);
}

describe('the pages of the navigation', () => {
  const titles = new Set<string>();

  it.each(MAIN)(
    '%s: nothing for axe, landmarks, keyboard and zoom as they should be, below 60 kB',
    async (name, path, title) => {
      await looksRight(name, path, title);
      expect(await weightOf(user)).toBeLessThan(60_000);
      for (const landmark of ['main', 'banner', 'contentinfo'] as const) {
        expect([landmark, await page.getByRole(landmark).count()]).toEqual([landmark, 1]);
      }
      expect(await page.locator('.bar [aria-current=page]').getAttribute('href')).toBe(path);
      expect(await page.title()).toMatch(/^\w+ · Fullscript Connect$/);
      titles.add(await page.title());

      const stops = await tabThrough();
      const first = stops.slice(0, 3).map((stop) => stop.name);
      expect(first).toEqual(['Skip to content', 'Fullscript Connect', 'Home']);
      expect(stops.filter(({ isVisible, isInside }) => !isVisible || !isInside)).toEqual([]);
      expect(await cutOff(name)).toEqual(NOTHING_CUT_OFF);
    },
  );

  it('titles tell them apart', () => {
    expect(titles.size).toBe(MAIN.length);
  });
});

describe('other pages', () => {
  it.each(OTHERS)(
    '%s: nothing for axe, nothing cut off, no complaint',
    async (name, path, title) => {
      await looksRight(name, path, title);
      expect(await cutOff(name)).toEqual(NOTHING_CUT_OFF);
    },
  );

  it('a patient with plans and orders', async () => {
    await page.goto(`${portal.origin}${await patientWithHistory()}`);
    expect(await page.locator('#plans .badge').count()).toBeGreaterThan(0);
    expect(await page.locator('#orders .rows').textContent()).toMatch(/Order R\d+/);
    expect(await looksOf(page, 'patient')).toEqual([]);
  });

  it('products, where Fullscript shows them', async () => {
    portal.simulator.play('open_catalog');
    try {
      await page.goto(`${portal.origin}/portal/catalog/products`);
      expect(await page.locator('#results .rows li').count()).toBe(30);
      expect(await looksOf(page, 'products')).toEqual([]);
    } finally {
      portal.simulator.play('works');
    }
  });

  it.each([
    ['landing', '/', 'Your Fullscript account, in this portal'],
    ['nowhere', '/nowhere', 'There is nothing here'],
  ])('%s, for a visitor who is not signed in', async (name, path, title) => {
    await stranger.page.goto(`${portal.origin}${path}`);
    expect(await stranger.page.locator('h1').textContent()).toBe(title);
    expect(await looksOf(stranger.page, name)).toEqual([]);
  });

  /** Where a patient stands who has plans and orders. */
  async function patientWithHistory(): Promise<string> {
    const browser = portal.app.browser();
    await browser.signIn(portal.simulator.people[0]!.id);
    const { orders } = await browser.json<{ orders: { patient_id: string }[] }>(
      '/api/fullscript/clinic/orders',
    );
    for (const { patient_id: id } of orders) {
      const path = `/portal/patients/${id}`;
      const { text } = await browser.send(path);
      if (!text.includes('No treatment plan yet')) return path;
    }
    throw new Error('no patient has both a plan and an order');
  }
});

describe('the keyboard', () => {
  it('the skip link leads past the navigation', async () => {
    await page.goto(`${portal.origin}/portal/patients`);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.type')).toBe('search');
  });

  it('connects and signs out without a mouse', async () => {
    const { page: keys } = stranger;
    await keys.goto(`${portal.origin}/`);
    await keys.getByRole('link', { name: 'Connect my Fullscript account' }).focus();
    await keys.keyboard.press('Enter');
    await keys.locator(`button[value="${portal.simulator.people[0]!.id}"]`).focus();
    await keys.keyboard.press('Enter');
    await keys.waitForURL(`${portal.origin}/portal`);
    await keys.getByRole('button', { name: 'Sign out', exact: true }).focus();
    await keys.keyboard.press('Space');
    await keys.waitForURL(`${portal.origin}/`);
  });
});

describe('motion', () => {
  const animation = `getComputedStyle(document.querySelector('.loading i')).animationName`;

  it('stands still for those who ask for it', async () => {
    const hasty = await portal.start({}, HASTY);
    const release = holdApi(portal.simulator);
    await page.goto(`${hasty.origin}/portal/catalog`);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    expect(await page.evaluate(animation)).toBe('none');
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    expect(await page.evaluate(animation)).toBe('breathe');
    release();
  });
});

describe('two countries', () => {
  it('a choice before Fullscript, and then the country that was chosen', async () => {
    const both = await portal.start({
      FULLSCRIPT_CA_CLIENT_ID: SIMULATOR_CLIENT_ID,
      FULLSCRIPT_CA_CLIENT_SECRET: SIMULATOR_CLIENT_SECRET,
      FULLSCRIPT_CA_API_URL: portal.simulator.apiUrl,
    });
    const { page: asked } = stranger;
    await asked.goto(`${both.origin}/portal/team`);
    await asked.getByRole('heading', { name: 'Where is your clinic?' }).waitFor();
    expect(await looksOf(asked, 'countries')).toEqual([]);
    await asked.getByRole('link', { name: /\(Canada\)/ }).click();
    await connect(asked, { origin: both.origin, simulator: portal.simulator });
    // Back where the way to Fullscript began, in the country that was chosen.
    expect(asked.url()).toBe(`${both.origin}/portal/team`);
    await asked.goto(`${both.origin}/portal`);
    expect(await asked.locator('#connection').textContent()).toContain('Canada');
  });
});

describe('our own limits', () => {
  it('too many sign-ins: counts down', async () => {
    const limited = await portal.start({ RATE_LIMIT_OAUTH: '1' });
    await stranger.page.goto(`${limited.origin}/oauth/authorize`);
    const answer = await stranger.page.goto(`${limited.origin}/oauth/authorize`);
    expect(answer?.status()).toBe(429);
    expect(await stranger.page.getByRole('timer').textContent()).toMatch(/^in \d+ seconds?$/);
    expect(await accessibilityProblems(stranger.page)).toEqual([]);
    await keepPicture(stranger.page, 'state-too-often');
  });
});
