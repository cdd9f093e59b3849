import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { Visitor } from '../../support/chromium.js';
import { holdApi } from '../../support/hold-api.js';
import { KINDS, type Portal, keepPicture, openPortal, overflow } from '../../support/portal.js';

/** What axe cannot see: the keyboard, focus, zoom, and motion. WCAG 2.2 AA. */

let portal: Portal;
let user: Visitor;
let page: Page;

beforeAll(async () => {
  portal = await openPortal();
  user = await portal.user();
  ({ page } = user);
}, 60_000);

afterAll(() => portal.close());

const PATHS = ['/portal', '/portal/patients', '/portal/team', '/portal/catalog', '/portal/account'];

/** What has the focus, and whether it can be seen that it has. */
const FOCUSED = `(() => {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  const box = document.activeElement.getBoundingClientRect();
  return {
    name: document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim(),
    top: box.top + scrollY,
    isVisible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
    isInside: box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth,
  };
})()`;

interface Focused {
  readonly name: string;
  readonly top: number;
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

describe('the keyboard', () => {
  it.each(PATHS)(
    '%s: reaches everything, from top to bottom, and shows where it is',
    async (path) => {
      await page.goto(`${portal.origin}${path}`);
      const stops = await tabThrough();
      expect(stops.slice(0, 3).map(({ name }) => name)).toEqual([
        'Skip to content',
        'Fullscript Connect',
        'Home',
      ]);
      expect(stops.filter(({ isVisible }) => !isVisible)).toEqual([]);
      expect(stops.filter(({ isInside }) => !isInside)).toEqual([]);
    },
  );

  it('the skip link leads past the navigation', async () => {
    await page.goto(`${portal.origin}/portal/patients`);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.type')).toBe('search');
  });

  it('connects and signs out without a mouse', async () => {
    const visitor = await portal.visitor();
    const keys = visitor.page;
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

describe('landmarks and names', () => {
  it.each(PATHS)(
    '%s: one main, one h1, a title of its own, a navigation that says where',
    async (path) => {
      await page.goto(`${portal.origin}${path}`);
      expect(await page.getByRole('main').count()).toBe(1);
      expect(await page.getByRole('banner').count()).toBe(1);
      expect(await page.getByRole('contentinfo').count()).toBe(1);
      expect(await page.locator('h1').count()).toBe(1);
      expect(await page.locator('.bar [aria-current=page]').getAttribute('href')).toBe(path);
      expect(await page.title()).toMatch(/^\w+ · Fullscript Connect$/);
    },
  );

  it('titles tell pages apart', async () => {
    const titles = new Set<string>();
    for (const path of PATHS) {
      await page.goto(`${portal.origin}${path}`);
      titles.add(await page.title());
    }
    expect(titles.size).toBe(PATHS.length);
  });
});

describe('zoom and narrow windows', () => {
  it.each([
    // What a window of 1280 pixels becomes at these factors (1.4.4, 1.4.10).
    ['200 %', { width: 640, height: 450 }],
    ['400 %', { width: 320, height: 256 }],
  ])('%s: nothing is cut off, nothing scrolls sideways', async (zoom, viewport) => {
    const zoomed = await portal.user({ viewport, deviceScaleFactor: 2 });
    for (const path of [...PATHS, '/portal/disconnect']) {
      await zoomed.page.goto(`${portal.origin}${path}`);
      expect([path, await overflow(zoomed.page)]).toEqual([path, 0]);
    }
    await keepPicture(zoomed.page, `zoom-${zoom.replace(' %', '')}`);
    await zoomed.close();
  });

  it('wide spacing of letters and lines cuts nothing off (1.4.12)', async () => {
    for (const path of PATHS) {
      await page.goto(`${portal.origin}${path}`);
      await page.evaluate(`for (const one of document.querySelectorAll('*')) {
        one.style.lineHeight = '1.5'; one.style.letterSpacing = '0.12em'; one.style.wordSpacing = '0.16em';
      }`);
      expect([path, await overflow(page)]).toEqual([path, 0]);
    }
  });
});

describe('motion', () => {
  const animation = `getComputedStyle(document.querySelector('.loading i')).animationName`;

  it('stands still for those who ask for it', async () => {
    for (const [reducedMotion, name] of [
      ['reduce', 'none'],
      ['no-preference', 'breathe'],
    ] as const) {
      const visitor = await portal.user({ ...KINDS['desk-light'], reducedMotion });
      const release = holdApi(portal.simulator);
      await visitor.page.goto(`${portal.origin}/portal/catalog`);
      expect(await visitor.page.evaluate(animation)).toBe(name);
      release();
      await visitor.close();
    }
  });
});
