import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { type Chromium, type Visitor, openChromium } from '../../support/chromium.js';
import { signIn } from '../../support/portal.js';
import { type App, type World, openWorld } from '../../support/world.js';

/** What the back button leads to in a browser that keeps its pages, as people's do. */

let world: World;
let app: App;
let chromium: Chromium;
let visitor: Visitor;

beforeAll(async () => {
  world = await openWorld();
  app = await world.start();
  chromium = await openChromium({ keepsPages: true });
  visitor = await chromium.visitor();
}, 60_000);

afterAll(async () => {
  await chromium.close();
  await world.close();
});

/** A page that was kept is not loaded once more, so there is no event to wait for. */
const back = (page: Page) => page.goBack({ waitUntil: 'commit' });
/** A page that is loaded once more says `back_forward`. */
const CAME_BY = `performance.getEntriesByType('navigation')[0].type`;
const heading = () => visitor.page.locator('h1').textContent();

describe('back to Fullscript after a sign-in', () => {
  it('another account, Authorize → said so, and "Start again" signs in as that account', async () => {
    const { page } = visitor;
    const [, first, second] = world.simulator.people;
    await signIn(page, { origin: app.origin, simulator: world.simulator }, 1);
    expect(await heading()).toContain(first!.name.split(' ')[0]);
    await back(page);
    expect(await page.evaluate(CAME_BY)).toBe('navigate');
    await page.getByRole('button', { name: 'Use another account' }).click();
    await page.locator(`button[value="${second!.id}"]`).click();
    await page.getByRole('button', { name: 'Authorize Application' }).click();
    expect(await heading()).toBe('This sign-in has been answered before');
    const shown = await page.request.get(`${app.origin}/api/session`);
    expect(await shown.json()).toMatchObject({ resourceOwner: { id: first!.id } });
    await page.getByRole('link', { name: 'Start again' }).click();
    await page.getByRole('button', { name: 'Authorize Application' }).click();
    await page.waitForURL(`${app.origin}/portal`);
    expect(await heading()).toContain(second!.name.split(' ')[0]);
  });

  it('Cancel there → said so, and the portal goes on as before', async () => {
    const { page } = visitor;
    await visitor.forget();
    await signIn(page, { origin: app.origin, simulator: world.simulator }, 3);
    await back(page);
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await heading()).toBe('This sign-in has been answered before');
    await page.goto(`${app.origin}/portal`);
    expect(await heading()).toContain('Welcome');
  });
});
