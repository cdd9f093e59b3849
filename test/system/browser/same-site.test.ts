import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Chromium, type Visitor, openChromium } from '../../support/chromium.js';
import { type ForeignSite, startForeignSite } from '../../support/foreign-site.js';
import { freePort } from '../../support/app.js';
import { type OpenApp, openApp } from '../../support/open-app.js';

/**
 * SameSite=Strict as Chromium understands it. Fullscript is another site than ours, so the simulator's
 * pages are under `localhost` here and the server's under `127.0.0.1`.
 */

let app: OpenApp;
let chromium: Chromium;
let foreign: ForeignSite;
let visitor: Visitor;

beforeAll(async () => {
  const simulatorPort = await freePort();
  const authorize = `http://localhost:${simulatorPort}/api/oauth/authorize`;
  [app, chromium, foreign] = await Promise.all([
    openApp({
      simulator: { port: simulatorPort },
      env: () => ({ SESSION_SAMESITE: 'strict', FULLSCRIPT_AUTHORIZE_URL: authorize }),
    }),
    openChromium(),
    startForeignSite(),
  ]);
}, 60_000);

afterAll(async () => {
  await chromium.close();
  await Promise.all([app.close(), foreign.close()]);
});

beforeEach(async () => {
  visitor = await chromium.visitor();
});

afterEach(() => visitor.close());

async function signIn({ page }: Visitor): Promise<void> {
  await page.goto(`${app.local}/`);
  await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
  await page.waitForURL((url) => url.hostname === 'localhost');
  await page.locator(`button[value="${app.simulator.people[0]!.id}"]`).click();
  await page.waitForURL((url) => url.origin === app.local || url.pathname.endsWith('/authorize'));
  // Who has consented before is not asked again.
  const mayAsk = new URL(page.url()).origin !== app.local;
  if (mayAsk) await page.getByRole('button', { name: 'Authorize Application' }).click();
  await page.waitForURL(`${app.local}/portal`);
  await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
}

describe('SameSite=Strict in Chromium', () => {
  it('SR-20 from another site through the callback → ends signed in, by itself', async () => {
    await signIn(visitor);
    const [cookie] = (await visitor.context.cookies(app.local)).filter(
      ({ name }) => name === 'fc_session',
    );
    expect(cookie).toMatchObject({ sameSite: 'Strict', httpOnly: true });
    expect(await visitor.page.textContent('h1')).toContain(app.simulator.people[0]!.name);
    expect(visitor.violations).toEqual([]);
    expect(visitor.errors).toEqual([]);
  });

  it('SR-20 a link on another site → the cookie stays at home once, and then the page is there', async () => {
    await signIn(visitor);
    const { page, requests } = visitor;
    foreign.put('/link', `<a href="${app.local}/portal?from=link">go</a>`);
    await page.goto(`${foreign.crossSite}/link`);
    const before = requests.length;
    await page.getByRole('link', { name: 'go' }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
    expect(page.url()).toBe(`${app.local}/portal?from=link`);
    const arrivals = requests
      .slice(before)
      .filter((request) => request.url() === `${app.local}/portal?from=link`);
    const sent = await Promise.all(arrivals.map((request) => request.allHeaders()));
    expect(sent.map(({ cookie = '' }) => cookie.includes('fc_session='))).toEqual([false, true]);
  });

  it('SR-20 a link on another site, signed out → the landing page asks; no sign-in is started', async () => {
    const { page } = visitor;
    foreign.put('/link', `<a href="${app.local}/portal">go</a>`);
    await page.goto(`${foreign.crossSite}/link`);
    await page.getByRole('link', { name: 'go' }).click();
    await page.getByRole('link', { name: 'Connect my Fullscript account' }).waitFor();
    expect(page.url()).toBe(`${app.local}/?returnTo=%2Fportal`);
    expect(await visitor.context.cookies(app.local)).toEqual([]);
  });
});
