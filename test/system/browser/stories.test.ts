import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { Visitor } from '../../support/chromium.js';
import { holdApi } from '../../support/hold-api.js';
import { type Portal, looksOf, connect, portalOn, signIn } from '../../support/portal.js';
import type { TestRedis } from '../../support/redis-server.js';
import { openWorldWithRedis } from '../../support/world.js';

/** What people do, from the first click to the last, in a real browser. */

let portal: Portal<TestRedis>;
let here: Visitor;
/** Another device, where a story needs one. */
let there: Visitor;
let page: Page;

beforeAll(async () => {
  portal = await portalOn(await openWorldWithRedis());
  [here, there] = [await portal.visitor(), await portal.visitor()];
  ({ page } = here);
}, 60_000);

afterAll(() => portal.close());

beforeEach(async () => {
  portal.simulator.play('works');
  await here.forget();
});

/** Signed in, and in front of the portal's first page. */
async function enter(who: Visitor, person: number): Promise<void> {
  await portal.admit(who, person);
  await who.page.goto(`${portal.origin}/portal`);
}

const heading = (page: Page) => page.locator('h1').textContent();
const pathOf = (page: Page) => page.url().slice(portal.origin.length);
const pressed = (page: Page, name: string) =>
  page.getByRole('button', { name, exact: true }).click();

function complaintsOf({ violations, errors }: Visitor): unknown[] {
  return [...violations, ...errors];
}

describe('connecting', () => {
  it('landing → Fullscript → the page that was wanted, with every permission in words', async () => {
    await page.goto(`${portal.origin}/portal/patients?query=ro`);
    await connect(page, portal);
    expect(pathOf(page)).toBe('/portal/patients?query=ro');
    await page.getByRole('link', { name: 'Home', exact: true }).click();
    expect(await heading(page)).toBe('Welcome, Ana Osei');
    const card = page.locator('#connection');
    for (const text of ['Active', 'Practitioner', 'See your patients', 'Not yet', 'Good for 1 h']) {
      await card.getByText(text).first().waitFor();
    }
    expect(complaintsOf(here)).toEqual([]);
  });

  it('denied: says that nothing was stored, and starts again', async () => {
    await page.goto(`${portal.origin}/`);
    await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    await page.locator(`button[value="${portal.simulator.people[1]!.id}"]`).click();
    await page.getByRole('button', { name: /Deny|Cancel/ }).click();
    expect(await heading(page)).toBe('You did not connect Fullscript');
    expect(await looksOf(page, 'denied')).toEqual([]);
    await page.getByRole('link', { name: 'Start again' }).click();
    expect(pathOf(page)).toBe('/?registration=us-sandbox');
  });

  it('the back button after signing in leads to no error that cannot be left', async () => {
    await signIn(page, portal, 1);
    await page.getByRole('link', { name: 'Patients', exact: true }).click();
    await page.locator('#results .rows li').first().waitFor();
    await page.goBack();
    expect(await heading(page)).toContain('Welcome');
    await page.goBack();
    await page.goto(`${portal.origin}/`);
    expect(pathOf(page)).toBe('/portal');
  });
});

describe('the connection', () => {
  it('refresh now → a newer token, and the card says so', async () => {
    await enter(here, 2);
    const before = portal.simulator.stats.refreshes;
    await pressed(page, 'Refresh now');
    await page.getByText('The connection was refreshed just now.').waitFor();
    expect(portal.simulator.stats.refreshes).toBe(before + 1);
    expect(pathOf(page)).toBe('/portal?done=refreshed');
  });

  it('an expired access token → renewed with the next page, nobody is asked anything', async () => {
    await enter(here, 2);
    const before = portal.simulator.stats.refreshes;
    portal.simulator.play('expired_token');
    await page.getByRole('link', { name: 'Patients', exact: true }).click();
    await page.locator('#results .rows li').first().waitFor();
    expect(portal.simulator.stats.refreshes).toBe(before + 1);
  });

  it('disconnect asks first; kept → nothing happens; disconnected → connect again, still signed in', async () => {
    await enter(here, 3);
    await page.getByRole('link', { name: 'Disconnect…' }).click();
    expect(await heading(page)).toBe('Disconnect your Fullscript account?');
    await page.getByRole('link', { name: 'Keep it connected' }).click();
    expect(await heading(page)).toContain('Welcome');
    await page.getByRole('link', { name: 'Disconnect…' }).click();
    await pressed(page, 'Disconnect my Fullscript account');
    expect(await heading(page)).toBe('Fullscript is disconnected');
    expect(await looksOf(page, 'disconnected')).toEqual([]);
    await page.getByRole('link', { name: 'Account', exact: true }).click();
    expect(await heading(page)).toBe('Account');
    await page.getByRole('link', { name: 'Home', exact: true }).click();
    await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    await connect(page, portal, 3);
    expect(await heading(page)).toContain('Welcome');
  });

  it('reconnect from the card → back on it', async () => {
    await enter(here, 4);
    await page.getByRole('link', { name: 'Reconnect', exact: true }).click();
    await connect(page, portal, 4);
    expect(pathOf(page)).toBe('/portal');
  });
});

describe('two tabs', () => {
  it('both sign in, both work; a disconnect in one shows in the other', async () => {
    const other = await here.context.newPage();
    // Both are under way at the same time; Fullscript asks once.
    for (const tab of [page, other]) {
      await tab.goto(`${portal.origin}/`);
      await tab.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    }
    await connect(page, portal, 5);
    await other.reload();
    await connect(other, portal, 5);
    await page.getByRole('link', { name: 'Team', exact: true }).click();
    expect(await heading(page)).toBe('Team');
    await other.goto(`${portal.origin}/portal/patients`);
    await other.locator('#results .rows li').first().waitFor();
    await page.goto(`${portal.origin}/portal/disconnect`);
    await page.getByRole('button', { name: 'Disconnect my Fullscript account' }).waitFor();
    await other.getByRole('link', { name: 'Next' }).scrollIntoViewIfNeeded();
    const shown = other.getByText('Fullscript was disconnected elsewhere.');
    await pressed(page, 'Disconnect my Fullscript account');
    await shown.waitFor();
    const seen = await other.locator('#live').boundingBox();
    expect(seen?.y).toBeGreaterThanOrEqual(0);
    expect(seen?.y).toBeLessThan(900);
    expect(await looksOf(other, 'disconnected-elsewhere')).toEqual([]);
    await other.locator('#live').getByRole('link').click();
    expect(await heading(other)).toBe('Fullscript is disconnected');
  });

  it('signed out everywhere → the other device hears of it, and signs in again', async () => {
    await there.forget();
    await enter(here, 6);
    await enter(there, 6);
    await here.page.getByRole('link', { name: 'Account', exact: true }).click();
    await pressed(here.page, 'Sign out on all devices');
    expect(pathOf(here.page)).toBe('/');
    await there.page.getByText('You were signed out.').waitFor();
    // Perhaps somebody else sits there now.
    expect(await there.page.locator('main').textContent()).toBe('Signed out');
    expect(await looksOf(there.page, 'signed-out')).toEqual([]);
    await there.page.getByRole('link', { name: 'Sign in again' }).click();
    await there.page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    await connect(there.page, portal, 6);
    expect(await heading(there.page)).toContain('Welcome');
  });

  it('another session is ended from the list → that device is out, this one stays', async () => {
    await there.forget();
    await enter(here, 7);
    await enter(there, 7);
    await here.page.getByRole('link', { name: 'Account', exact: true }).click();
    await pressed(here.page, 'End all other sessions');
    await here.page.getByText('this browser').waitFor();
    expect(pathOf(here.page)).toBe('/portal/account');
    await there.page.goto(`${portal.origin}/portal/account`);
    expect(new URL(there.page.url()).origin).toBe(portal.simulator.origin);
  });
});

describe('finding patients', () => {
  it('typing searches by itself; the focus stays, the address can be shared', async () => {
    await portal.admit(here);
    await page.goto(`${portal.origin}/portal/patients`);
    const all = await page.locator('#found').textContent();
    const box = page.getByRole('searchbox');
    await box.pressSequentially('zzzz');
    await page.getByText('Nobody’s name or email contains “zzzz”').waitFor();
    expect(await page.locator('#found').textContent()).toBe('0 patients');
    expect(pathOf(page)).toBe('/portal/patients?query=zzzz');
    expect(await page.evaluate('document.activeElement.type')).toBe('search');
    await box.fill('');
    await page.locator('#results .rows li').nth(24).waitFor();
    expect(await page.locator('#found').textContent()).toBe(all);
  });

  it('cleared while the search is under way → everybody again', async () => {
    await portal.admit(here);
    await page.goto(`${portal.origin}/portal/patients`);
    const box = page.getByRole('searchbox');
    const release = holdApi(portal.simulator);
    const asked = page.waitForRequest(/query=zz/);
    await box.fill('zz');
    await asked;
    const dropped = page.waitForEvent('requestfailed');
    await box.fill('');
    await dropped;
    release();
    expect(await page.locator('#results .rows li').count()).toBe(25);
    expect(pathOf(page)).toBe('/portal/patients');
  });

  it('pages forth and back', async () => {
    await portal.admit(here);
    await page.goto(`${portal.origin}/portal/patients`);
    const first = await page.locator('#results .rows a').first().textContent();
    await page.getByRole('link', { name: 'Next' }).click();
    await page.getByText('Page 2 of 6').waitFor();
    expect(await page.locator('#results .rows a').first().textContent()).not.toBe(first);
    await page.getByRole('link', { name: 'Previous' }).click();
    await page.getByText('Page 1 of 6').waitFor();
    expect(await page.locator('#results .rows a').first().textContent()).toBe(first);
  });
});
