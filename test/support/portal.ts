import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { ServerOptions } from '../../src/server.js';
import { createBrowser } from './browser.js';
import { type Chromium, type Visitor, openChromium } from './chromium.js';
import { type Site, openSite } from './site.js';

/** A site, and people in front of real browsers. */
export interface Portal extends Site {
  readonly chromium: Chromium;
  /** Somebody who has not signed in. */
  readonly visitor: (options?: BrowserContextOptions) => Promise<Visitor>;
  /** Somebody who has, and stands on the portal's first page. */
  readonly user: (options?: BrowserContextOptions, person?: number) => Promise<Visitor>;
}

/** Sizes and themes that pages are looked at in. */
export const KINDS = {
  'desk-light': { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  'desk-dark': { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
  'phone-light': { viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  'phone-dark': { viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
} as const satisfies Record<string, BrowserContextOptions>;

export type Kind = keyof typeof KINDS;

export async function openPortal(
  extra: Record<string, string> = {},
  options: ServerOptions = {},
): Promise<Portal> {
  const [site, chromium] = await Promise.all([openSite(extra, options), openChromium()]);
  const visitors: Visitor[] = [];
  const visitor = async (kind: BrowserContextOptions = KINDS['desk-light']) => {
    const opened = await chromium.visitor(kind);
    visitors.push(opened);
    return opened;
  };
  return {
    ...{ ...site, chromium, visitor },
    user: async (kind, person = 0) => {
      const opened = await visitor(kind);
      const { id = '' } = site.simulator.people[person] ?? {};
      // The clicks have tests of their own.
      await opened.context.addCookies(await signedInCookies(site.origin, id, kind));
      await opened.page.goto(`${site.origin}/portal`);
      return opened;
    },
    close: async () => {
      await Promise.all(visitors.map((one) => one.close()));
      await chromium.close();
      await site.close();
    },
  };
}

/** What a browser of that size is likely to be. */
const AGENTS = {
  desk: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36',
  phone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 26_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1',
};

async function signedInCookies(origin: string, person: string, kind?: BrowserContextOptions) {
  const isPhone = (kind?.viewport?.width ?? 1280) < 500;
  const agent = AGENTS[isPhone ? 'phone' : 'desk'];
  const signedIn = createBrowser(origin, { 'user-agent': agent });
  await signedIn.signIn(person);
  return [...signedIn.cookies].map(([name, value]) => ({ name, value, url: origin }));
}

/** From the landing page over Fullscript's own pages to wherever that leads, by clicks. */
export async function signIn(
  page: Page,
  { origin, simulator }: Pick<Site, 'origin' | 'simulator'>,
  person = 0,
): Promise<void> {
  await page.goto(`${origin}/`);
  await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
  await connect(page, { origin, simulator }, person);
}

/** The part of it that happens at Fullscript, which asks for what it does not know already. */
export async function connect(
  page: Page,
  { origin, simulator }: Pick<Site, 'origin' | 'simulator'>,
  person = 0,
): Promise<void> {
  const { id = '' } = simulator.people[person] ?? {};
  const account = page.locator(`button[value="${id}"]`);
  const consent = page.getByRole('button', { name: 'Authorize Application' });
  const inside = page.locator('.bar nav');
  for (let steps = 0; steps < 3; steps += 1) {
    await account.or(consent).or(inside).first().waitFor();
    if (new URL(page.url()).origin === origin) return;
    await account.or(consent).first().click();
  }
  await inside.waitFor();
}

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe has against a page, by rule and place. Its pages frame nothing, so one document is looked at. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  const axe = new AxeBuilder({ page })
    .options({ resultTypes: ['violations'] })
    .withTags(TAGS)
    .setLegacyMode(true);
  const { violations } = await axe.analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary = '' }) => `${id}: ${target.join(' ')} ${failureSummary}`),
  );
}

/** How many pixels of a page lie beyond the right edge of the window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
}

const FOLDER = process.env['SCREENSHOTS_DIR'] ?? '';

/**
 * Keeps a picture of the whole page for people to look at, where they have said in which folder. Without a
 * graphics card each takes a second, and nobody looks at those of CI.
 */
export async function keepPicture(page: Page, name: string): Promise<void> {
  if (FOLDER === '') return;
  await mkdir(FOLDER, { recursive: true });
  await page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage: true });
}
