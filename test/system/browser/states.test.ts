import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { holdApi } from '../../support/hold-api.js';
import {
  KINDS,
  type Portal,
  accessibilityProblems,
  connect,
  keepPicture,
  openPortal,
  overflow,
} from '../../support/portal.js';
import type { Visitor } from '../../support/chromium.js';

/** Every state of a page that is not "all is well", played from the simulator's control page. */

let portal: Portal;

beforeAll(async () => {
  portal = await openPortal();
}, 60_000);

afterAll(() => portal.close());

/** Each state once as most people at a desk see it, once the way that differs most from it. */
describe.each(['desk-light', 'phone-dark'] as const)('%s', (kind) => {
  let user: Visitor;
  let page: Page;

  beforeEach(async () => {
    user = await portal.user(KINDS[kind]);
    page = user.page;
  });

  afterEach(async () => {
    portal.simulator.play('works');
    await user.close();
  });

  /** By the button that people press. */
  async function play(scenario: string): Promise<void> {
    const control = await user.context.newPage();
    await control.goto(`${portal.simulator.origin}/simulator`);
    // A page that is closed while it loads may never be.
    const loaded = control.waitForEvent('load');
    await control.locator(`button[value="${scenario}"]`).click();
    await loaded;
    expect(portal.simulator.scenario).toBe(scenario);
    await control.close();
  }

  async function open(path: string) {
    return page.goto(`${portal.origin}${path}`);
  }

  async function isFit(name: string): Promise<void> {
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await overflow(page)).toBe(0);
    expect(user.violations).toEqual([]);
    await keepPicture(page, `state-${name}-${kind}`);
  }

  it.each([
    ['lost_answer', 502, 'Fullscript cannot be reached'],
    ['unreachable', 502, 'Fullscript cannot be reached'],
    ['server_error', 502, 'Fullscript has a problem'],
    ['garbage', 502, 'Fullscript answered in an unknown form'],
    ['narrower_scope', 200, 'Not open to this portal'],
  ])('%s: the list says so (%i), and is back when all is well', async (scenario, status, says) => {
    await play(scenario);
    const answer = await open('/portal/patients');
    expect(answer?.status()).toBe(status);
    expect(await page.locator('#results').textContent()).toContain(says);
    await isFit(scenario);
    portal.simulator.play('works');
    await page.reload();
    expect(await page.locator('#results .rows li').count()).toBe(25);
  });

  it('narrower_scope, connected again: names the missing permission, and leads to it', async () => {
    await play('narrower_scope');
    await open('/portal/patients');
    await page.getByRole('link', { name: 'Connect again' }).click();
    await connect(page, portal);
    await page.waitForURL(`${portal.origin}/portal/patients`);
    const said = await page.locator('#results').textContent();
    expect(said).toContain('lacks the permission “See your patients” (patients:read)');
    await isFit('scope-missing');
    // What works goes on working, and what does not is not offered.
    await open('/portal');
    expect(await page.locator('#clinic').textContent()).toContain('150');
    expect(await page.getByRole('link', { name: 'See your patients' }).count()).toBe(0);
  });

  it('rate_limited: counts down, and says when it is over', async () => {
    const { faults } = portal.simulator;
    await play('rate_limited');
    const answer = await open('/portal/patients');
    expect(answer?.status()).toBe(503);
    expect(answer?.headers()['retry-after']).toBe('20');
    const countdown = page.getByRole('timer');
    expect(await countdown.textContent()).toMatch(/^in (20|19) seconds$/);
    await page.getByText(/in 1[78] seconds/).waitFor();
    await isFit('rate-limited');
    faults.reset();
    const headers = { 'Retry-After': '1' };
    faults.add({ endpoint: 'api', kind: 'status', status: 429, headers, times: 1 });
    await page.reload();
    await page.locator('#say', { hasText: 'You can try again now.' }).waitFor();
    await page.getByRole('link', { name: 'Try again' }).click();
    await page.locator('#results .rows li').first().waitFor();
  });

  it('slow: the page is there at once, what is missing comes by itself', async () => {
    await play('slow');
    const began = performance.now();
    await open('/portal/patients');
    expect(await page.locator('#results').textContent()).toContain('Fullscript is taking its time');
    expect(performance.now() - began).toBeLessThan(5_000);
    await isFit('loading');
    await page.getByText('Fullscript is taking longer than usual').waitFor();
    await isFit('slow');
    await page.locator('#results .rows li').first().waitFor({ timeout: 15_000 });
    expect(await page.locator('#found').textContent()).toBe('150 patients');
  }, 30_000);

  it.each([
    ['home', '/portal', 'Welcome, Ana Osei'],
    ['team', '/portal/team', 'Team'],
    ['patient', 'a patient', 'Sasha Castellan'],
  ])(
    'slow, %s: everything comes by one more page, the name included',
    async (name, path, title) => {
      const at = path.startsWith('/') ? path : await patientNamed(title);
      const release = holdApi(portal.simulator);
      await open(at);
      await page.locator('.loading').first().waitFor();
      await isFit(`loading-${name}`);
      release();
      await page.locator('h1', { hasText: title }).waitFor();
      await page.locator('.loading').first().waitFor({ state: 'detached' });
      expect(await page.title()).toContain(name === 'patient' ? title : '');
      expect(await page.locator('[data-late]').count()).toBe(0);
      expect(await page.locator('#loaded').textContent()).toBe('Loaded');
      // The page was asked for once more, however many of its parts were missing.
      const pages = user.requests.filter((one) => one.url().includes('wait=1'));
      expect(pages).toHaveLength(1);
      await isFit(`loaded-${name}`);
    },
  );

  async function patientNamed(name: string): Promise<string> {
    const query = new URLSearchParams({ query: name }).toString();
    await open(`/portal/patients?${query}`);
    const href = await page.getByRole('link', { name }).getAttribute('href');
    return href ?? '';
  }

  it('expired_token: nobody notices but the card', async () => {
    await open('/portal');
    expect(await page.locator('#refreshed').textContent()).toBe('Not yet');
    const other = await user.context.newPage();
    await play('expired_token');
    await other.goto(`${portal.origin}/portal/patients`);
    await other.locator('#results .rows li').first().waitFor();
    // The card that stands open hears of it.
    await page.locator('#refreshed time').waitFor();
    await open('/portal');
    expect(await page.locator('#clinic').textContent()).toContain('Birch Lane Wellness');
    expect(user.errors).toEqual([]);
  });

  it('token_error: an expired token that cannot be renewed; the connection is kept', async () => {
    await play('token_error');
    const answer = await open('/portal/patients');
    expect(answer?.status()).toBe(502);
    expect(await page.locator('h1').textContent()).toBe('Fullscript has a problem');
    await isFit('refresh-failed');
    portal.simulator.faults.reset();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.waitForURL(`${portal.origin}/portal/patients`);
    expect(await page.locator('#results .rows li').count()).toBe(25);
  });

  it('revoked: says what happened, and one click mends it', async () => {
    await play('revoked');
    await open('/portal/patients');
    // A refusal is looked into before it is believed, which takes longer than a page waits.
    const says = 'Fullscript needs to be connected again';
    await page.getByRole('heading', { name: says }).waitFor();
    await isFit('needs-reconnect');
    portal.simulator.play('works');
    await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    await connect(page, portal);
    await page.waitForURL(`${portal.origin}/portal/patients`);
    expect(await page.locator('#results .rows li').count()).toBe(25);
  });

  it('no_patients: an empty clinic is told what to expect', async () => {
    await play('no_patients');
    await open('/portal/patients');
    expect(await page.locator('#results').textContent()).toContain('This clinic has no patients');
    await isFit('empty');
  });

  it('a patient that is not there: a page that leads back', async () => {
    const answer = await open('/portal/patients/nobody');
    expect(answer?.status()).toBe(404);
    expect(await page.locator('h1').textContent()).toBe('Fullscript does not have this patient');
    await isFit('patient-gone');
  });

  it('Redis away: stays signed in, and goes on by itself when it is back', async () => {
    portal.redis.pause();
    const answer = await open('/portal/patients');
    expect(answer?.status()).toBe(503);
    expect(await page.locator('h1').textContent()).toBe('The server is catching its breath');
    await isFit('store-away');
    portal.redis.resume();
    await page.locator('#results .rows li').first().waitFor({ timeout: 15_000 });
    expect(page.url()).toBe(`${portal.origin}/portal/patients`);
  }, 30_000);
});

describe('our own limits', () => {
  it.each(['desk-light', 'phone-dark'] as const)('%s: counts down', async (kind) => {
    const limited = await openPortal({ RATE_LIMIT_OAUTH: '1' });
    try {
      const { page } = await limited.visitor(KINDS[kind]);
      await page.goto(`${limited.origin}/oauth/authorize`);
      const answer = await page.goto(`${limited.origin}/oauth/authorize`);
      expect(answer?.status()).toBe(429);
      expect(await page.getByRole('timer').textContent()).toMatch(/^in \d+ seconds?$/);
      expect(await accessibilityProblems(page)).toEqual([]);
      await keepPicture(page, `state-too-often-${kind}`);
    } finally {
      await limited.close();
    }
  });
});
