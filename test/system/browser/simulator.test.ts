import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { type Chromium, openChromium, type Visitor } from '../../support/chromium.js';
import { authorizeUrl, connect } from '../../simulator/client.js';

/** The simulator's pages in a real browser, with nothing but their own style sheet. */

const THEMES = ['light', 'dark'] as const;
const PHONE = { width: 360, height: 740 };

let simulator: Simulator;
let chromium: Chromium;
let visitor: Visitor | undefined;

beforeAll(async () => {
  chromium = await openChromium();
}, 60_000);

afterAll(() => chromium.close());

beforeEach(async () => {
  simulator = await startSimulator();
});

afterEach(async () => {
  await visitor?.close();
  await simulator.close();
});

async function open(options: Parameters<Chromium['visitor']>[0], path: string): Promise<Page> {
  visitor = await chromium.visitor(options);
  await visitor.page.goto(new URL(path, simulator.origin).href);
  return visitor.page;
}

/** What runs in the page knows other globals than this file. */
interface PageGlobals {
  getComputedStyle: (element: unknown) => Record<string, string>;
}

function styleOf(place: Locator, property: string): Promise<string | undefined> {
  return place.evaluate(
    (element, name) => (globalThis as unknown as PageGlobals).getComputedStyle(element)[name],
    property,
  );
}

async function signIn(page: Page): Promise<void> {
  await page.getByRole('button', { name: simulator.people[0]!.name }).click();
}

/** Every page there is, as titles and ways to it. */
const PAGES: [title: string, visit: (page: Page) => Promise<unknown>][] = [
  ['Control panel', (page) => page.goto(`${simulator.origin}/simulator`)],
  ['Sign in', (page) => page.goto(`${simulator.origin}/login`)],
  [
    'Authorization',
    async (page) => {
      await page.goto(authorizeUrl(simulator));
      await signIn(page);
    },
  ],
  [
    'Page not found',
    async (page) => {
      await page.goto(authorizeUrl(simulator, { client_id: 'nobody' }));
      await signIn(page);
    },
  ],
  [
    'An error has occurred',
    async (page) => {
      await page.goto(authorizeUrl(simulator, { response_type: 'token' }));
      await signIn(page);
    },
  ],
  [
    'Nothing was changed',
    async (page) => {
      await page.goto(`${simulator.origin}/simulator`);
      await page.getByLabel('Headers, one a line').fill('no header at all?');
      await page.getByRole('button', { name: 'Switch on' }).click();
    },
  ],
];

/** Something to see in every section of the control page. */
async function fillControlPage(): Promise<void> {
  // Not whom the tests sign in as: they would not be asked for their consent again.
  await connect(simulator, simulator.people[1]!.id);
  simulator.play('rate_limited');
  simulator.faults.add({
    endpoint: 'api',
    kind: 'status',
    status: 502,
    path: '/api/clinic/search',
  });
}

describe.each(THEMES)('in the %s theme', (colorScheme) => {
  it.each(PAGES)('%s → axe finds nothing', async (title, visit) => {
    await fillControlPage();
    const page = await open({ colorScheme }, '/simulator');
    await visit(page);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(title);
    const { violations, passes } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    expect(passes.map(({ id }) => id)).toContain('color-contrast');
    expect(visitor!.violations).toEqual([]);
  });

  it('background → follows the theme', async () => {
    const page = await open({ colorScheme }, '/simulator');
    const color = colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(27, 35, 39)';
    expect(await styleOf(page.locator('main'), 'backgroundColor')).toBe(color);
  });
});

describe('on a phone', () => {
  it.each(PAGES)('%s → nothing is wider than the screen', async (_title, visit) => {
    await fillControlPage();
    const page = await open({ viewport: PHONE }, '/simulator');
    await visit(page);
    const overhanging = await page.evaluate(
      `[...document.querySelectorAll('*')]
        .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
        .map((one) => one.outerHTML.slice(0, 80))`,
    );
    expect(overhanging).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.width);
  });
});

describe('the control page', () => {
  it('a state played without JavaScript, by keyboard → on, and then off again', async () => {
    const page = await open({ javaScriptEnabled: false }, '/simulator');
    await page.getByRole('button', { name: 'Rate limit' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText('Now: Rate limit.').waitFor();
    expect(simulator.scenario).toBe('rate_limited');
    await page.getByRole('button', { name: 'Everything works' }).click();
    await page.getByRole('status').getByText('Now: no scenario.').waitFor();
    expect(simulator.faults.list()).toEqual([]);
  });

  it('a fault with headers and a body → answered so', async () => {
    const page = await open({}, '/simulator');
    await page.getByLabel('Endpoint').selectOption('api');
    await page.getByRole('spinbutton', { name: 'Status' }).fill('429');
    await page.getByLabel('Headers, one a line').fill('Retry-After: 7\nX-Note: a: b\n');
    await page.getByLabel('Body').fill('slow down');
    await page.getByRole('button', { name: 'Switch on' }).click();
    await page.getByText('"Retry-After":"7"').waitFor();
    const answer = await fetch(`${simulator.apiUrl}/clinic`);
    const { headers } = answer;
    expect([answer.status, headers.get('retry-after'), headers.get('x-note')]).toEqual([
      429,
      '7',
      'a: b',
    ]);
    expect(await answer.text()).toBe('slow down');
  });

  it('somebody revoked → the button says whose, and it is done', async () => {
    await connect(simulator);
    const page = await open({}, '/simulator');
    await page.getByRole('button', { name: 'Revoke what Ana Osei granted' }).click();
    await page.waitForLoadState();
    expect(simulator.stats.livePairs).toBe(0);
  });

  it('keyboard focus → a ring around it', async () => {
    const page = await open({}, '/simulator');
    await page.keyboard.press('Tab');
    const link = page.getByRole('link', { name: 'sign in as somebody' });
    expect(await styleOf(link, 'outlineStyle')).toBe('solid');
  });

  it('reduced motion → no transitions', async () => {
    const duration = async (reducedMotion: 'reduce' | 'no-preference') => {
      const page = await open({ reducedMotion }, '/simulator');
      const button = page.getByRole('button', { name: 'Everything works' });
      const style = await styleOf(button, 'transitionDuration');
      await visitor!.close();
      return style;
    };
    expect([await duration('no-preference'), await duration('reduce')]).toEqual(['0.15s', '0s']);
  });
});
