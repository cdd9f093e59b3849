import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import { SIMULATOR_CLIENT_ID, SIMULATOR_CLIENT_SECRET } from '../../../src/simulator/simulator.js';
import type { Visitor } from '../../support/chromium.js';
import {
  KINDS,
  type Kind,
  type Portal,
  accessibilityProblems,
  connect,
  keepPicture,
  openPortal,
  overflow,
} from '../../support/portal.js';

/** Every page as it looks when all is well: phone and desk, light and dark. */

let portal: Portal;
const users = new Map<Kind, Visitor>();
const kinds = Object.keys(KINDS) as Kind[];

beforeAll(async () => {
  portal = await openPortal();
  for (const kind of kinds) users.set(kind, await portal.user(KINDS[kind]));
  // Something to see on the account page.
  const { page } = users.get('desk-light')!;
  await page.getByRole('button', { name: 'Refresh now' }).click();
  await page.getByText('refreshed just now').waitFor();
}, 60_000);

afterAll(() => portal.close());

const PAGES = [
  ['home', '/portal', 'Welcome, Ana Osei'],
  ['patients', '/portal/patients', 'Patients'],
  ['patients-found', '/portal/patients?query=ro', 'Patients'],
  ['patients-none', '/portal/patients?query=zzzz', 'Patients'],
  ['team', '/portal/team', 'Team'],
  ['brands', '/portal/catalog', 'Catalog'],
  ['products-restricted', '/portal/catalog/products', 'Catalog'],
  ['account', '/portal/account', 'Account'],
  ['disconnect', '/portal/disconnect', 'Disconnect your Fullscript account?'],
] as const;

describe.each(kinds)('%s', (kind) => {
  it.each(PAGES)(
    '%s: nothing for axe, nothing cut off, no complaint',
    async (name, path, title) => {
      const { page, violations, errors } = users.get(kind)!;
      errors.length = 0;
      await page.goto(`${portal.origin}${path}`);
      expect(await page.locator('h1').textContent()).toBe(title);
      await looksRight(name, kind);
      expect(violations).toEqual([]);
      expect(errors).toEqual([]);
    },
  );

  it('a patient with plans and orders', async () => {
    const { page } = users.get(kind)!;
    await page.goto(`${portal.origin}${await patientWithHistory()}`);
    expect(await page.locator('#plans .badge').count()).toBeGreaterThan(0);
    expect(await page.locator('#orders .rows').textContent()).toMatch(/Order R\d+/);
    await looksRight('patient', kind);
  });

  it('products, where Fullscript shows them', async () => {
    const { page } = users.get(kind)!;
    portal.simulator.play('open_catalog');
    try {
      await page.goto(`${portal.origin}/portal/catalog/products`);
      expect(await page.locator('#results .rows li').count()).toBe(30);
      await looksRight('products', kind);
    } finally {
      portal.simulator.play('works');
    }
  });

  it('landing, denied, nowhere: for somebody who is not signed in', async () => {
    const stranger = await portal.visitor(KINDS[kind]);
    const { page } = stranger;
    await page.goto(`${portal.origin}/`);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
    await keepPicture(page, `landing-${kind}`);
    await page.goto(`${portal.origin}/nowhere`);
    expect(await page.locator('h1').textContent()).toBe('There is nothing here');
    expect(await accessibilityProblems(page)).toEqual([]);
    await keepPicture(page, `nowhere-${kind}`);
    await stranger.close();
  });

  async function looksRight(name: string, of: Kind) {
    const { page } = users.get(of)!;
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
    await keepPicture(page, `${name}-${of}`);
  }
});

/** Where a patient stands who has plans and orders. */
async function patientWithHistory(): Promise<string> {
  const browser = portal.browser();
  await browser.signIn(portal.simulator.people[0]!.id);
  const { orders } = await browser.json<{ orders: { patient_id: string }[] }>(
    '/api/fullscript/clinic/orders',
  );
  for (const { patient_id: id } of orders) {
    const path = `/portal/patients/${id}`;
    const { text } = await browser.send(path);
    if (!text.includes('No treatment plan yet')) return path;
  }
  throw new Error('nobody has both a plan and an order');
}

describe('two countries', () => {
  it.each(['desk-light', 'phone-dark'] as const)('%s: a choice before Fullscript', async (kind) => {
    const { apiUrl } = portal.simulator;
    const both = await openPortal({
      FULLSCRIPT_CA_CLIENT_ID: SIMULATOR_CLIENT_ID,
      FULLSCRIPT_CA_CLIENT_SECRET: SIMULATOR_CLIENT_SECRET,
      FULLSCRIPT_CA_API_URL: apiUrl,
    });
    try {
      const { page } = await both.visitor(KINDS[kind]);
      await page.goto(`${both.origin}/portal/team`);
      await page.getByRole('heading', { name: 'Where is your clinic?' }).waitFor();
      expect(await accessibilityProblems(page)).toEqual([]);
      expect(await overflow(page)).toBe(0);
      await keepPicture(page, `countries-${kind}`);
      await page.getByRole('link', { name: /\(Canada\)/ }).click();
      await connect(page, { origin: both.origin, simulator: portal.simulator });
      // Back where the way to Fullscript began, in the country that was chosen.
      expect(page.url()).toBe(`${both.origin}/portal/team`);
      await page.goto(`${both.origin}/portal`);
      expect(await page.locator('#connection').textContent()).toContain('Canada');
    } finally {
      await both.close();
    }
  });
});

describe('weight', () => {
  it('no page loads more than 60 kB of style and scripts, compressed', async () => {
    const { page } = await portal.user();
    const loaded = new Set<string>();
    page.on('request', (request) => loaded.add(request.url()));
    for (const [, path] of PAGES) {
      loaded.clear();
      await page.goto(`${portal.origin}${path}`);
      const files = [...loaded].filter((url) => /\.(js|css)$/.test(url));
      expect(files.length).toBeGreaterThan(1);
      const bodies = await Promise.all(files.map(async (url) => (await fetch(url)).arrayBuffer()));
      const weight = bodies.reduce((sum, body) => sum + gzipSync(Buffer.from(body)).length, 0);
      expect(weight).toBeLessThan(60_000);
    }
  });
});
