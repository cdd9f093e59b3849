import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { Visitor } from '../../support/chromium.js';
import { holdApi } from '../../support/hold-api.js';
import {
  HASTY,
  type Portal,
  connect,
  keepPicture,
  looksOf,
  overflow,
  portalOn,
} from '../../support/portal.js';
import type { TestRedis } from '../../support/redis-server.js';
import { type App, openWorldWithRedis } from '../../support/world.js';

/** Every state of a page that is not "all is well". */

let portal: Portal<TestRedis>;
/** Another server, whose pages do not wait for Fullscript; the same cookies are good there. */
let hasty: App;
let user: Visitor;
let page: Page;

beforeAll(async () => {
  portal = await portalOn(await openWorldWithRedis());
  hasty = await portal.start({}, HASTY);
  user = await portal.visitor();
  ({ page } = user);
}, 60_000);

afterAll(() => portal.close());

beforeEach(async () => {
  portal.simulator.play('works');
  await user.forget();
  await portal.admit(user);
});

afterEach(() => {
  expect(user.violations).toEqual([]);
});

const open = (path: string, { origin }: { origin: string } = portal) =>
  page.goto(`${origin}${path}`);
const rows = () => page.locator('#results .rows li');

describe('what Fullscript does', () => {
  const OTHERWISE = [
    ['lost_answer', 502, 'Fullscript cannot be reached'],
    ['unreachable', 502, 'Fullscript cannot be reached'],
    ['server_error', 502, 'Fullscript has a problem'],
    ['garbage', 502, 'Fullscript answered in an unknown form'],
    ['narrower_scope', 200, 'Not open to this portal'],
  ] as const;

  it.each(OTHERWISE)('%s: the list says so (%i)', async (scenario, status, says) => {
    portal.simulator.play(scenario);
    expect((await open('/portal/patients'))?.status()).toBe(status);
    expect(await page.locator('#results').textContent()).toContain(says);
    expect(await overflow(page)).toBe(0);
    await keepPicture(page, `state-${scenario}`);
  });

  it('it is well again: the list is back, after a look at the notice', async () => {
    portal.simulator.play('server_error');
    await open('/portal/patients');
    expect(await looksOf(page, 'state-server_error')).toEqual([]);
    portal.simulator.play('works');
    await page.reload();
    expect(await rows().count()).toBe(25);
  });

  it('narrower_scope, connected again: names the missing permission, and leads to it', async () => {
    portal.simulator.play('narrower_scope');
    await open('/portal/patients');
    await page.getByRole('link', { name: 'Connect again' }).click();
    await connect(page, portal);
    await page.waitForURL(`${portal.origin}/portal/patients`);
    const said = await page.locator('#results').textContent();
    expect(said).toContain('lacks the permission “See your patients” (patients:read)');
    expect(await looksOf(page, 'state-scope-missing')).toEqual([]);
    // What works goes on working, and what does not is not offered.
    await open('/portal');
    expect(await page.locator('#clinic').textContent()).toContain('150');
    expect(await page.getByRole('link', { name: 'See your patients' }).count()).toBe(0);
  });

  it('no_patients: an empty clinic is told what to expect', async () => {
    portal.simulator.play('no_patients');
    await open('/portal/patients');
    expect(await page.locator('#results').textContent()).toContain('This clinic has no patients');
    expect(await looksOf(page, 'state-empty')).toEqual([]);
  });

  it('a patient that is not there: a page that leads back', async () => {
    const answer = await open('/portal/patients/nobody');
    expect(answer?.status()).toBe(404);
    expect(await page.locator('h1').textContent()).toBe('Fullscript does not have this patient');
    expect(await looksOf(page, 'state-patient-gone')).toEqual([]);
  });
});

describe('what Fullscript is slow with', () => {
  it.each([
    ['home', '/portal', 'Welcome, Ana Osei'],
    ['team', '/portal/team', 'Team'],
    ['patient', 'a patient', 'Sasha Castellan'],
  ])('%s: everything comes by one more page, the name included', async (name, path, title) => {
    const at = path.startsWith('/') ? path : await patientNamed(title);
    const release = holdApi(portal.simulator);
    await open(at, hasty);
    await page.locator('.loading').first().waitFor();
    expect(await looksOf(page, `state-loading-${name}`)).toEqual([]);
    release();
    await page.locator('h1', { hasText: title }).waitFor();
    await page.locator('.loading').first().waitFor({ state: 'detached' });
    expect(await page.title()).toContain(name === 'patient' ? title : '');
    expect(await page.locator('[data-late]').count()).toBe(0);
    expect(await page.locator('#loaded').textContent()).toBe('Loaded');
    // The page was asked for once more, however many of its parts were missing.
    const pages = user.requests.filter((one) => one.url().includes('wait=1'));
    expect(pages).toHaveLength(1);
  });

  async function patientNamed(name: string): Promise<string> {
    await open(`/portal/patients?${new URLSearchParams({ query: name }).toString()}`);
    const href = await page.getByRole('link', { name }).getAttribute('href');
    return href ?? '';
  }
});

describe('what time brings', () => {
  let early: Visitor;

  beforeAll(async () => {
    early = await portal.visitor();
    // From here on the page's time goes on when a test says so.
    await early.page.clock.install();
  });

  beforeEach(() => {
    ({ page } = early);
    return portal.admit(early);
  });

  afterAll(() => {
    ({ page } = user);
    return early.close();
  });

  it('rate_limited: counts down, and says when it is over', async () => {
    portal.simulator.play('rate_limited');
    const answer = await open('/portal/patients');
    expect(answer?.status()).toBe(503);
    expect(answer?.headers()['retry-after']).toBe('20');
    const countdown = page.getByRole('timer');
    expect(await countdown.textContent()).toMatch(/^in \d+ seconds$/);
    await page.clock.runFor(11_000);
    await page.getByText(/^in \d seconds?$/).waitFor();
    expect(await looksOf(page, 'state-rate-limited')).toEqual([]);
    await page.clock.runFor(10_000);
    await page.locator('#say', { hasText: 'You can try again now.' }).waitFor();
    portal.simulator.play('works');
    await page.getByRole('link', { name: 'Try again' }).click();
    await rows().first().waitFor();
  });

  it('slow: the page is there at once, and says so when it takes longer than usual', async () => {
    const release = holdApi(portal.simulator);
    await open('/portal/patients', hasty);
    expect(await page.locator('#results').textContent()).toContain('Fullscript is taking its time');
    await page.clock.runFor(4_000);
    await page.getByText('Fullscript is taking longer than usual').waitFor();
    expect(await looksOf(page, 'state-slow')).toEqual([]);
    release();
    await rows().first().waitFor();
    expect(await page.locator('#found').textContent()).toBe('150 patients');
  });
});

describe('the connection', () => {
  it('expired_token: only the card shows it', async () => {
    await open('/portal');
    expect(await page.locator('#refreshed').textContent()).toBe('Not yet');
    const other = await user.context.newPage();
    portal.simulator.play('expired_token');
    await other.goto(`${portal.origin}/portal/patients`);
    await other.locator('#results .rows li').first().waitFor();
    // The card that stands open hears of it.
    await page.locator('#refreshed time').waitFor();
    await open('/portal');
    expect(await page.locator('#clinic').textContent()).toContain('Birch Lane Wellness');
    expect(user.errors).toEqual([]);
  });

  it('token_error: an expired token that cannot be renewed; the connection is kept', async () => {
    portal.simulator.play('token_error');
    const answer = await open('/portal/patients');
    expect(answer?.status()).toBe(502);
    expect(await page.locator('h1').textContent()).toBe('Fullscript has a problem');
    expect(await looksOf(page, 'state-refresh-failed')).toEqual([]);
    portal.simulator.faults.reset();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.waitForURL(`${portal.origin}/portal/patients`);
    expect(await rows().count()).toBe(25);
  });

  it('revoked: says what happened, and one click mends it', async () => {
    portal.simulator.play('revoked');
    await open('/portal/patients');
    const says = 'Fullscript needs to be connected again';
    await page.getByRole('heading', { name: says }).waitFor();
    expect(await looksOf(page, 'state-needs-reconnect')).toEqual([]);
    portal.simulator.play('works');
    await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    await connect(page, portal);
    await page.waitForURL(`${portal.origin}/portal/patients`);
    expect(await rows().count()).toBe(25);
  });
});

describe('Redis', () => {
  it('away: stays signed in, and goes on by itself when it is back', async () => {
    portal.redis.pause();
    const answer = await open('/portal/patients');
    expect(answer?.status()).toBe(503);
    expect(await page.locator('h1').textContent()).toBe('The server is catching its breath');
    expect(await looksOf(page, 'state-store-away')).toEqual([]);
    portal.redis.resume();
    await rows().first().waitFor();
    expect(page.url()).toBe(`${portal.origin}/portal/patients`);
  });
});
