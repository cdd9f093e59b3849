import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { holdApi } from '../../support/hold-api.js';
import { DESK, HASTY, type Portal, connect, openPortal, signIn } from '../../support/portal.js';

/** The same portal in a browser that runs no scripts. */

let portal: Portal;
let page: Page;

beforeAll(async () => {
  portal = await openPortal();
  ({ page } = await portal.visitor({ ...DESK, javaScriptEnabled: false }));
}, 60_000);

afterAll(() => portal.close());

const heading = () => page.locator('h1').textContent();

describe('without JavaScript', () => {
  it('connects, and shows the connection with its life in words', async () => {
    await signIn(page, portal);
    expect(await heading()).toBe('Welcome, Ana Osei');
    expect(await page.locator('#life-text').textContent()).toMatch(/^Good until .* UTC, renewed/);
    expect(await page.locator('progress').getAttribute('value')).toMatch(/^7\d{3}$/);
  });

  it('searches with the button, pages, opens a patient and goes back', async () => {
    await page.getByRole('link', { name: 'Patients', exact: true }).click();
    await page.getByRole('link', { name: 'Next' }).click();
    expect(await page.locator('.pager').textContent()).toContain('Page 2 of 6');
    await page.getByRole('searchbox').fill('zzzz');
    await page.getByRole('button', { name: 'Search' }).click();
    expect(await page.locator('#results').textContent()).toContain('contains “zzzz”');
    await page.getByRole('link', { name: 'Show all patients' }).click();
    const patient = page.locator('#results .rows a').first();
    const name = await patient.textContent();
    await patient.click();
    expect(await heading()).toBe(name);
    await page.getByRole('link', { name: 'All patients' }).click();
    expect(await heading()).toBe('Patients');
  });

  it('what Fullscript is slow with is one link away', async () => {
    const hasty = await portal.start({}, HASTY);
    const release = holdApi(portal.simulator);
    await page.goto(`${hasty.origin}/portal/catalog`);
    const wait = page.getByRole('link', { name: 'Wait for it' });
    expect(await wait.count()).toBe(1);
    release();
    await wait.click();
    expect(await page.locator('#results .rows li').count()).toBe(30);
  });

  it('refreshes, sees its sessions, disconnects, connects again and signs out', async () => {
    await page.goto(`${portal.origin}/portal`);
    await page.getByRole('button', { name: 'Refresh now' }).click();
    expect(await page.locator('main').textContent()).toContain('refreshed just now');
    await page.getByRole('link', { name: 'Account', exact: true }).click();
    expect(await page.locator('main').textContent()).toContain('Chrome');
    await page.getByRole('link', { name: 'Home', exact: true }).click();
    await page.getByRole('link', { name: 'Disconnect…' }).click();
    await page.getByRole('button', { name: 'Disconnect my Fullscript account' }).click();
    expect(await heading()).toBe('Fullscript is disconnected');
    await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    await connect(page, portal);
    expect(await heading()).toBe('Welcome, Ana Osei');
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    expect(await heading()).toBe('Your Fullscript account, in this portal');
  });
});
