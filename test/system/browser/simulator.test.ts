import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { type Chromium, openChromium, type Visitor } from '../../support/chromium.js';
import { looksOf } from '../../support/portal.js';
import { authorizeUrl, connect } from '../../simulator/client.js';

/** The simulator's pages in a real browser, with nothing but their own style sheet. */

let simulator: Simulator;
let chromium: Chromium;
let visitor: Visitor;
let page: Page;

beforeAll(async () => {
  chromium = await openChromium();
  visitor = await chromium.visitor();
  ({ page } = visitor);
}, 60_000);

afterAll(() => chromium.close());

beforeEach(async () => {
  simulator = await startSimulator();
  await visitor.forget();
});

afterEach(() => simulator.close());

async function open(path: string): Promise<void> {
  await page.goto(new URL(path, simulator.origin).href);
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

async function signIn(): Promise<void> {
  await page.getByRole('button', { name: simulator.people[0]!.name }).click();
}

/** Every page there is, as titles and ways to it. */
const PAGES: [title: string, visit: () => Promise<unknown>][] = [
  ['Control panel', () => open('/simulator')],
  ['Sign in', () => open('/login')],
  [
    'Authorization',
    async () => {
      await page.goto(authorizeUrl(simulator));
      await signIn();
    },
  ],
  [
    'Page not found',
    async () => {
      await page.goto(authorizeUrl(simulator, { client_id: 'nobody' }));
      await signIn();
    },
  ],
  [
    'An error has occurred',
    async () => {
      await page.goto(authorizeUrl(simulator, { response_type: 'token' }));
      await signIn();
    },
  ],
  [
    'Nothing was changed',
    async () => {
      await open('/simulator');
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

describe('every page', () => {
  it.each(PAGES)('%s → axe finds nothing, nothing is wider than the screen', async (...one) => {
    const [title, visit] = one;
    await fillControlPage();
    await visit();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(title);
    expect(await looksOf(page, `simulator-${title}`)).toEqual([]);
    expect(visitor.violations).toEqual([]);
  });

  it('background → follows the theme', async () => {
    await open('/simulator');
    const colors: (string | undefined)[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      colors.push(await styleOf(page.locator('main'), 'backgroundColor'));
    }
    expect(colors).toEqual(['rgb(255, 255, 255)', 'rgb(27, 35, 39)']);
  });

  it('reduced motion → no transitions', async () => {
    await open('/simulator');
    const durations: (string | undefined)[] = [];
    for (const reducedMotion of ['no-preference', 'reduce'] as const) {
      await page.emulateMedia({ reducedMotion });
      const button = page.getByRole('button', { name: 'Everything works' });
      durations.push(await styleOf(button, 'transitionDuration'));
    }
    expect(durations).toEqual(['0.15s', '0s']);
  });

  it('keyboard focus → a ring around it', async () => {
    await open('/simulator');
    await page.keyboard.press('Tab');
    const link = page.getByRole('link', { name: 'sign in as somebody' });
    expect(await styleOf(link, 'outlineStyle')).toBe('solid');
  });
});

describe('the control page', () => {
  it('a state played without JavaScript, by keyboard → on, and then off again', async () => {
    const plain = await chromium.visitor({ javaScriptEnabled: false });
    const { page } = plain;
    await page.goto(`${simulator.origin}/simulator`);
    await page.getByRole('button', { name: 'Rate limit' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText('Now: Rate limit.').waitFor();
    expect(simulator.scenario).toBe('rate_limited');
    await page.getByRole('button', { name: 'Everything works' }).click();
    await page.getByRole('status').getByText('Now: no scenario.').waitFor();
    expect(simulator.faults.list()).toEqual([]);
    await plain.close();
  });

  it('a fault with headers and a body → answered so', async () => {
    await open('/simulator');
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

  it('one person revoked → the button says whose, and it is done', async () => {
    await connect(simulator);
    await open('/simulator');
    await page.getByRole('button', { name: 'Revoke what Ana Osei granted' }).click();
    await page.waitForLoadState();
    expect(simulator.stats.livePairs).toBe(0);
  });
});
