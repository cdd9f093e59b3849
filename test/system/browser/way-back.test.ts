import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CDPSession, Page } from 'playwright-core';
import { type Chromium, type Visitor, openChromium } from '../../support/chromium.js';
import { DESK, type Portal, connect, openPortal } from '../../support/portal.js';
import { until } from '../../support/until.js';

/** What the back button shows in a browser that keeps pages, as all do outside of tests. */

let portal: Portal;
let chromium: Chromium;

beforeAll(async () => {
  [portal, chromium] = await Promise.all([openPortal(), openChromium({ keepsPages: true })]);
}, 60_000);

afterAll(() => Promise.all([chromium.close(), portal.close()]));

const PATIENTS = '/portal/patients?search=a';

async function visitorWith(javaScriptEnabled: boolean): Promise<Visitor> {
  return await chromium.visitor({ ...DESK, javaScriptEnabled });
}

/** Signs in by clicks; the page that this ends on shows patients. */
async function signInToPatients({ page }: Visitor): Promise<void> {
  await page.goto(`${portal.origin}/oauth/authorize?returnTo=${encodeURIComponent(PATIENTS)}`);
  await connect(page, portal);
  await page.locator('#results .rows a').first().waitFor();
}

/** Presses the button, and says whether a page came that the browser had kept. */
async function goBack(visitor: Visitor): Promise<'kept' | 'asked for'> {
  const devTools: CDPSession = await visitor.context.newCDPSession(visitor.page);
  await devTools.send('Page.enable');
  let came: 'kept' | 'asked for' | undefined;
  devTools.on('Page.frameNavigated', ({ frame, type }) => {
    if (frame.parentId !== undefined) return;
    came = type === 'BackForwardCacheRestore' ? 'kept' : 'asked for';
  });
  const { entries, currentIndex } = await devTools.send('Page.getNavigationHistory');
  await devTools.send('Page.navigateToHistoryEntry', { entryId: entries[currentIndex - 1]!.id });
  await until(() => Promise.resolve(came !== undefined));
  await devTools.detach();
  return came!;
}

const heading = (page: Page) => page.evaluate<string>(`document.querySelector('h1').textContent`);
const LANDING = 'Your Fullscript account, in this portal';

describe('the back button', () => {
  it('signed in, a page further → the page as it was kept', async () => {
    const visitor = await visitorWith(false);
    await signInToPatients(visitor);
    await visitor.page.getByRole('link', { name: 'Team' }).click();
    await visitor.page.waitForURL('**/portal/team');
    expect(await goBack(visitor)).toBe('kept');
    expect(await heading(visitor.page)).toBe('Patients');
    await visitor.close();
  });

  it.each([
    ['without JavaScript', false],
    ['with JavaScript, and a second tab that holds the stream', true],
  ])(
    'signed out on the page that the sign-in ended on, %s → a page that asks first',
    async (_how, scripts) => {
      const visitor = await visitorWith(scripts);
      const { page, context } = visitor;
      if (scripts) {
        await portal.admit(visitor);
        const other = await context.newPage();
        await other.goto(`${portal.origin}/portal/team`);
        await other.waitForFunction(`navigator.locks.query().then(({ held }) => held.length > 0)`);
      }
      await signInToPatients(visitor);
      await page.getByRole('button', { name: 'Sign out', exact: true }).click();
      await page.getByText('Start here').waitFor();
      expect(await goBack(visitor)).toBe('asked for');
      expect(await heading(page)).toBe(LANDING);
      // It leads to the page that was wanted.
      await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
      await page.locator('#results .rows a').first().waitFor();
      expect(page.url()).toBe(`${portal.origin}${PATIENTS}`);
      await visitor.close();
    },
  );

  it('the session was ended elsewhere, and a page was asked for since → asks first', async () => {
    const visitor = await visitorWith(false);
    const { page, context } = visitor;
    await signInToPatients(visitor);
    await portal.stored.flushdb();
    // Signed out at Fullscript as well: it stops there.
    await context.clearCookies({ name: /^(?!fc_)/ });
    await page.getByRole('link', { name: 'Team' }).click();
    await page.waitForURL((url) => url.origin !== portal.origin);
    expect(await goBack(visitor)).toBe('asked for');
    expect(await heading(page)).toBe(LANDING);
    await visitor.close();
  });
});
