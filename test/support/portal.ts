import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { ServerOptions } from '../../src/server.js';
import { createBrowser } from './browser.js';
import { type Chromium, type Visitor, openChromium } from './chromium.js';
import type { Database } from './shared-redis.js';
import { type App, type Variables, type World, openWorld } from './world.js';

/** A world with a server, and people in front of real browsers. */
export interface Portal<Store = Database> extends World<Store> {
  readonly app: App;
  readonly origin: string;
  readonly chromium: Chromium;
  /** A person who has not signed in. */
  readonly visitor: (options?: BrowserContextOptions) => Promise<Visitor>;
  /** A person who has. */
  readonly user: (options?: BrowserContextOptions, person?: number) => Promise<Visitor>;
  /** Signs a visitor in by cookies: the clicks have tests of their own. */
  readonly admit: (visitor: Visitor, person?: number) => Promise<void>;
}

/** Sizes and themes that pages are looked at in: each of both once. Tests go on in the last one. */
const LOOKS = {
  'phone-dark': { viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
  'desk-light': { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
} as const;

export const DESK: BrowserContextOptions = LOOKS['desk-light'];

/** Pages are complete, however much else this machine has to do. */
const PATIENT: ServerOptions = { patienceMs: 60_000 };
/** For a server whose pages go out before Fullscript has answered anything. */
export const HASTY: ServerOptions = { patienceMs: 0 };

export async function openPortal(
  variables: Variables = {},
  options: ServerOptions = {},
): Promise<Portal> {
  return await portalOn(await openWorld(), variables, options);
}

/** The same in a world that is special in some way. */
export async function portalOn<Store>(
  world: World<Store>,
  variables: Variables = {},
  options: ServerOptions = {},
): Promise<Portal<Store>> {
  const [app, chromium] = await Promise.all([
    world.start(variables, { ...PATIENT, ...options }),
    openChromium(),
  ]);
  const { origin } = app;
  const visitor = (kind: BrowserContextOptions = DESK) => chromium.visitor(kind);
  const admit = async ({ context }: Visitor, person = 0) => {
    const { id = '' } = world.simulator.people[person] ?? {};
    await context.addCookies(await signedInCookies(origin, id));
  };
  return {
    ...world,
    ...{ app, origin, chromium, visitor, admit },
    user: async (kind, person) => {
      const opened = await visitor(kind);
      await admit(opened, person);
      return opened;
    },
    close: async () => {
      await chromium.close();
      await world.close();
    },
  };
}

/** What the list of sessions shall call it. */
const AGENT =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36';

async function signedInCookies(origin: string, person: string) {
  const signedIn = createBrowser(origin, { 'user-agent': AGENT });
  await signedIn.signIn(person);
  return [...signedIn.cookies].map(([name, value]) => ({ name, value, url: origin }));
}

/** From the landing page over Fullscript's own pages to wherever that leads, by clicks. */
export async function signIn(
  page: Page,
  { origin, simulator }: Pick<Portal, 'origin' | 'simulator'>,
  person = 0,
): Promise<void> {
  await page.goto(`${origin}/`);
  await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
  await connect(page, { origin, simulator }, person);
}

/** The part of it that happens at Fullscript, which asks for what it does not know already. */
export async function connect(
  page: Page,
  { origin, simulator }: Pick<Portal, 'origin' | 'simulator'>,
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

/**
 * What is wrong with the looks of a page, on a phone in the dark and at a desk in the light: that shows
 * what there is to see of both themes and both widths. Keeps pictures where they are wanted.
 */
export async function looksOf(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  for (const [look, { viewport, colorScheme }] of Object.entries(LOOKS)) {
    await page.setViewportSize(viewport);
    // Colours change at once, and not while axe measures them.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const hidden = await overflow(page);
    if (hidden > 0) found.push(`${hidden} pixels are beyond the edge`);
    found.push(...(await accessibilityProblems(page)));
    await keepPicture(page, `${name}-${look}`);
  }
  return found;
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
