import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { Visitor } from '../../support/chromium.js';
import { type ForeignSite, startForeignSite } from '../../support/foreign-site.js';
import { freePort } from '../../support/app.js';
import { type Portal, openPortal, signIn as signInByClicks } from '../../support/portal.js';
import { startTlsProxy } from '../../support/tls-proxy.js';
import { until } from '../../support/until.js';
import { type App, openWorld } from '../../support/world.js';

/** What a real browser makes of our headers, cookies and forms. */

let portal: Portal;
let origin: string;
let foreign: ForeignSite;
let visitor: Visitor;

beforeAll(async () => {
  [portal, foreign] = await Promise.all([openPortal(), startForeignSite()]);
  ({ origin } = portal);
  visitor = await portal.visitor();
}, 60_000);

afterAll(async () => {
  await portal.close();
  await foreign.close();
});

beforeEach(async () => {
  await visitor.forget();
  portal.simulator.faults.reset();
  foreign.asked.length = 0;
});

/** By clicks, to the portal's first page. */
async function signIn({ page }: Visitor): Promise<void> {
  await signInByClicks(page, portal);
  await page.waitForURL(`${origin}/portal`);
}

/** The session as the browser's own cookies show it. */
async function session(who: Visitor): Promise<Record<string, unknown>> {
  const answer = await who.context.request.get(`${origin}/api/session`);
  return (await answer.json()) as Record<string, unknown>;
}

const marksOf = (page: Page) => page.evaluate<string[]>('window.marks ?? []');

describe('the flow in Chromium', () => {
  it('SR-30 landing, sign-in, consent, portal → no violation of the policy, nothing on the console', async () => {
    await signIn(visitor);
    const { name } = portal.simulator.people[0]!;
    expect(await visitor.page.locator('h1').textContent()).toContain(name);
    // The style sheet got through the policy too.
    const font = `getComputedStyle(document.body).fontFamily`;
    expect(await visitor.page.evaluate(font)).toContain('system-ui');
    await visitor.page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await visitor.page.waitForURL(`${origin}/`);
    expect(visitor.violations).toEqual([]);
    expect(visitor.errors).toEqual([]);
    expect(await session(visitor)).toEqual({ signedIn: false });
  });

  it('SR-19 the cookies, as Chromium keeps them → HttpOnly, Lax, for this host and all its paths', async () => {
    const { page, context } = visitor;
    await page.goto(`${origin}/`);
    await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    const binding = (await context.cookies(origin)).filter(({ name }) =>
      name.startsWith('fc_auth_'),
    );
    await signIn(visitor);
    const kept = await context.cookies(origin);
    const ours = [...binding, ...kept.filter(({ name }) => name === 'fc_session')];
    expect(ours).toHaveLength(2);
    for (const cookie of ours) {
      expect(cookie).toMatchObject({
        ...{ httpOnly: true, sameSite: 'Lax', path: '/', domain: '127.0.0.1' },
      });
    }
    expect(await page.evaluate('document.cookie')).toBe('');
  });

  it('SR-15 the way back from Fullscript → no request has a code in its Referer', async () => {
    await signIn(visitor);
    const { page, requests } = visitor;
    const callback = requests.find((request) => request.url().includes('/oauth/callback?'))!;
    const code = new URL(callback.url()).searchParams.get('code')!;
    // A callback that ends in a page: its address keeps the code, what it loads and links must not.
    const stale = await portal.visitor();
    await stale.page.goto(callback.url());
    expect(await stale.page.textContent('h1')).toContain('no longer open');
    await stale.page.getByRole('link', { name: 'Start again' }).click();
    await page.reload();
    const all = [...requests, ...stale.requests];
    const referers = await Promise.all(
      all.map(async (request) => (await request.allHeaders())['referer'] ?? ''),
    );
    await stale.close();
    expect(all.length).toBeGreaterThan(10);
    // The control: within our own pages there are Referers.
    expect(referers).toContain(`${origin}/`);
    expect(referers.filter((text) => text.includes(code) || text.includes('code='))).toEqual([]);
  });
});

describe('a form that ends at Fullscript', () => {
  /** An error page with "Try again", in a browser whose session has ended meanwhile. */
  async function staleErrorPage(): Promise<void> {
    await portal.admit(visitor);
    portal.simulator.expireAccessTokens();
    const headers = { 'retry-after': '120' };
    const busy = { endpoint: 'token', grantType: 'refresh_token', kind: 'status' } as const;
    portal.simulator.faults.add({ ...busy, status: 429, headers });
    await visitor.page.goto(`${origin}/portal?tab=2`);
    await visitor.context.clearCookies();
  }

  const tryAgain = () => visitor.page.getByRole('button', { name: 'Try again' });

  it('SR-30 "Try again" after the session has ended → on to Fullscript, through the policy', async () => {
    await staleErrorPage();
    await tryAgain().click();
    await visitor.page.waitForURL((url) => url.origin === portal.simulator.origin);
    expect(visitor.violations).toEqual([]);
    portal.simulator.faults.reset();
    await visitor.page.locator(`button[value="${portal.simulator.people[0]!.id}"]`).click();
    await visitor.page.waitForURL(`${origin}/portal?tab=2`);
  });

  it("SR-30 the same form with form-action 'self' alone → is cut off, and the test sees it", async () => {
    await visitor.page.route('**/portal?tab=2', async (route) => {
      const response = await route.fetch();
      const headers = response.headers();
      const policy = headers['content-security-policy']!;
      const narrow = policy.replace(/form-action [^;]*/, "form-action 'self'");
      expect(narrow).not.toBe(policy);
      headers['content-security-policy'] = narrow;
      await route.fulfill({ response, headers });
    });
    await staleErrorPage();
    await tryAgain().click();
    await until(() => visitor.violations.length > 0);
    expect(visitor.violations[0]).toMatchObject({ directive: 'form-action' });
    expect(visitor.page.url()).toBe(`${origin}/portal?tab=2`);
  });
});

describe('what is injected', () => {
  beforeEach(() => portal.admit(visitor));

  const inline = '<script>window.marks = ["inline script"]</script>';
  const handler = '<img src="data:," onerror="window.marks = [\'inline handler\']">';
  const link = '<a id="link" href="javascript:void(window.marks = [\'javascript link\'])">x</a>';
  const remote = (): string => `<script src="${foreign.crossSite}/evil.js"></script>`;
  const style = '<p style="color: red">x</p>';

  /** Our page, with that in its body and with or without our policy. */
  async function openWith(extra: string, keepPolicy: boolean): Promise<void> {
    await visitor.page.route(`${origin}/portal`, async (route) => {
      const response = await route.fetch();
      const headers = response.headers();
      if (!keepPolicy) delete headers['content-security-policy'];
      const body = (await response.text()).replace('</main>', `${extra}</main>`);
      await route.fulfill({ response, headers, body });
    });
    await visitor.page.goto(`${origin}/portal`);
  }

  const ATTACKS: [what: string, markup: () => string, directive: string][] = [
    ['an inline script', () => inline, 'script-src-elem'],
    ['a script from elsewhere', remote, 'script-src-elem'],
    ['an inline handler', () => handler, 'script-src-attr'],
    ['an inline style', () => style, 'style-src-attr'],
    ['a base element', () => '<base href="https://evil.example/">', 'base-uri'],
    ['a frame', () => `<iframe src="${foreign.crossSite}/evil.js"></iframe>`, 'frame-src'],
    ['an object', () => `<object data="${foreign.crossSite}/evil.js"></object>`, 'object-src'],
  ];

  it.each(ATTACKS)(
    'SR-30 %s in an answer of ours → does not act, and is reported',
    async (...attack) => {
      const [, markup, directive] = attack;
      await openWith(markup(), true);
      await until(() => visitor.violations.length > 0);
      expect(visitor.violations.map((one) => one.directive)).toContain(directive);
      expect(await marksOf(visitor.page)).toEqual([]);
      expect(foreign.asked).toEqual([]);
    },
  );

  it('SR-30 a javascript: link in an answer of ours → does nothing, and is reported', async () => {
    await openWith(link, true);
    await visitor.page.locator('#link').click();
    await until(() => visitor.violations.length > 0);
    expect(await marksOf(visitor.page)).toEqual([]);
  });

  const MARKS: [what: string, markup: () => string, mark: string][] = [
    ['an inline script', () => inline, 'inline script'],
    ['a script from elsewhere', remote, 'foreign script'],
    ['an inline handler', () => handler, 'inline handler'],
  ];

  it.each(MARKS)(
    'SR-30 %s without our policy → would run: the test can fail',
    async (...attack) => {
      const [, markup, mark] = attack;
      await openWith(markup(), false);
      await until(async () => (await marksOf(visitor.page)).includes(mark));
      expect(visitor.violations).toEqual([]);
    },
  );

  it('SR-30 scripts put into the document of a page of ours → do not run, and are reported', async () => {
    await visitor.page.goto(`${origin}/portal`);
    await visitor.page.evaluate(`
      const add = (fill) => document.body.append(fill(document.createElement('script')));
      add((script) => Object.assign(script, { textContent: 'window.marks = ["inline script"]' }));
      add((script) => Object.assign(script, { src: '${foreign.crossSite}/evil.js' }));
      document.body.insertAdjacentHTML('beforeend', ${JSON.stringify(handler)});
    `);
    await until(() => visitor.violations.length >= 3);
    const directives = visitor.violations.map(({ directive }) => directive).sort();
    expect(directives).toEqual(['script-src-attr', 'script-src-elem', 'script-src-elem']);
    expect(await marksOf(visitor.page)).toEqual([]);
    expect(foreign.asked).toEqual([]);
  });

  it('SR-30 data sent elsewhere from a page of ours → is not sent', async () => {
    await visitor.page.goto(`${origin}/portal`);
    const send = `fetch('${foreign.crossSite}/loot').then(() => 'sent', () => 'refused')`;
    expect(await visitor.page.evaluate(send)).toBe('refused');
    await until(() => visitor.violations.length > 0);
    expect(visitor.violations.map(({ directive }) => directive)).toEqual(['connect-src']);
    expect(foreign.asked).toEqual([]);
  });
});

describe('a page of another site', () => {
  /** Opens it at the foreign site; it says `done` in its title when everything has come to an end. */
  async function openForeign(body: string, site = foreign.crossSite): Promise<void> {
    foreign.put('/attack', body);
    await visitor.page.goto(`${site}/attack`);
  }

  const started = () => `${origin}/oauth/authorize`;
  const settled = `onload="document.title = 'done'" onerror="document.title = 'done'"`;

  it.each([
    ['an image', () => `<img src="${started()}" ${settled}>`],
    ['a script', () => `<script src="${started()}" ${settled}></script>`],
    ['a frame', () => `<iframe src="${started()}" ${settled}></iframe>`],
    [
      'a fetch with cookies',
      () => `<script>
        fetch('${started()}', { mode: 'no-cors', credentials: 'include' })
          .catch(() => {}).then(() => { document.title = 'done' })
      </script>`,
    ],
  ])('SR-06 %s with the start of a sign-in → no sign-in is begun', async (_what, markup) => {
    const before = await portal.pending();
    await openForeign(markup());
    await visitor.page.waitForFunction(`document.title === 'done'`);
    const sent = visitor.requests.filter((request) => request.url() === started());
    expect(sent).toHaveLength(1);
    expect(await portal.pending()).toEqual(before);
    expect(await visitor.context.cookies(origin)).toEqual([]);
  });

  it('SR-06 a link or a form there → our own page asks first; our own link begins one', async () => {
    const before = await portal.pending();
    for (const way of [
      `<a id="go" href="${started()}">x</a>`,
      `<form action="${started()}"><button id="go">x</button></form>`,
    ]) {
      await openForeign(way);
      await visitor.page.locator('#go').click();
      await visitor.page.waitForURL(`${origin}/?returnTo=%2Fportal`);
    }
    expect(await portal.pending()).toEqual(before);
    // The control.
    await visitor.page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    await visitor.page.waitForURL((url) => url.origin === portal.simulator.origin);
    expect((await portal.pending()).length).toBe(before.length + 1);
  });

  it.each([
    ['another site', () => foreign.crossSite],
    ['another origin of this site, which gets the cookies sent along', () => foreign.sameSite],
  ])('SR-30 frames in %s → show nothing of ours', async (_what, siteOf) => {
    await portal.admit(visitor);
    const paths = ['/', '/portal', '/oauth/authorize', '/api/session', '/nowhere'];
    const frames = paths.map((path) => `<iframe name="${path}" src="${origin}${path}"></iframe>`);
    foreign.put('/inside', 'theirs');
    await openForeign(`<iframe name="own" src="/inside"></iframe>${frames.join('')}`, siteOf());
    const frame = (name: string) => visitor.page.frame({ name });
    for (const path of paths) {
      await until(() => frame(path)?.url().startsWith('chrome-error:') === true);
      expect(await frame(path)?.content()).not.toContain('Fullscript');
    }
    // The control: a page that does not mind is shown.
    await until(async () => (await frame('own')?.content())?.includes('theirs') === true);
  });

  it.each([
    ['another site', () => foreign.crossSite],
    ['another origin of this site, which gets the cookies sent along', () => foreign.sameSite],
  ])(
    'SR-28 forms that submit themselves from %s → 403, and nothing has changed',
    async (_what, siteOf) => {
      await portal.admit(visitor);
      const { refreshes } = portal.simulator.stats;
      for (const path of [
        '/sign-out',
        '/sign-out/everywhere',
        '/oauth/disconnect',
        '/oauth/refresh',
      ]) {
        const answered = visitor.page.waitForResponse(`${origin}${path}`);
        await openForeign(
          `<form method="post" action="${origin}${path}"></form>
         <script>document.forms[0].submit()</script>`,
          siteOf(),
        );
        expect((await answered).status()).toBe(403);
        await visitor.page.waitForURL(`${origin}${path}`);
      }
      expect(await session(visitor)).toMatchObject({ signedIn: true, status: 'active' });
      expect(portal.simulator.stats.refreshes).toBe(refreshes);
      const called = await visitor.context.request.get(`${origin}/api/fullscript/clinic`);
      expect(called.status()).toBe(200);
      // The control: the same by a form of ours.
      await visitor.page.goto(`${origin}/portal`);
      await visitor.page.getByRole('button', { name: 'Sign out', exact: true }).click();
      await visitor.page.waitForURL(`${origin}/`);
      expect(await session(visitor)).toEqual({ signedIn: false });
    },
  );

  it('SR-28 a fetch with cookies from there → not carried out, and its answer not readable', async () => {
    await portal.admit(visitor);
    for (const site of [foreign.crossSite, foreign.sameSite]) {
      await openForeign('', site);
      for (const mode of ['cors', 'no-cors']) {
        const call = (path: string, method: string) =>
          visitor.page.evaluate(
            `fetch('${origin}${path}', { method: '${method}', mode: '${mode}', credentials: 'include' })
              .then((answer) => answer.text()).catch(() => '')`,
          );
        expect(await call('/sign-out', 'POST')).toBe('');
        expect(await call('/oauth/disconnect', 'POST')).toBe('');
        expect(await call('/api/session', 'GET')).toBe('');
      }
    }
    expect(await session(visitor)).toMatchObject({ signedIn: true, status: 'active' });
  });

  it('SR-30 a page of ours in a window that another site opened → knows nothing of its opener', async () => {
    foreign.put('/plain', 'theirs');
    await openForeign('');
    const open = async (url: string) => {
      const popup = visitor.page.waitForEvent('popup');
      await visitor.page.evaluate(`window.opened = window.open('${url}')`);
      const page = await popup;
      await page.waitForURL(url);
      return page;
    };
    const ours = await open(`${origin}/`);
    expect(await ours.evaluate('window.opener === null')).toBe(true);
    await until(() => visitor.page.evaluate<boolean>('window.opened.closed'));
    // The control.
    const theirs = await open(`${foreign.crossSite}/plain`);
    expect(await theirs.evaluate('window.opener === null')).toBe(false);
  });
});

describe('headers', () => {
  const KINDS = [
    ['/portal', 200, 'no-store'],
    ['/', 303, 'no-store'],
    ['/oauth/authorize', 303, 'no-store'],
    ['/oauth/callback?code=a&state=b', 400, 'no-store'],
    ['/nowhere', 404, 'no-store'],
    ['/api/session', 200, 'no-store'],
    ['/api/nowhere', 404, 'no-store'],
    ['/api/fullscript/clinic', 200, 'no-store'],
    ['/assets/style.css', 200, 'public, max-age=3600'],
    ['/livez', 200, 'no-store'],
    ['/readyz', 200, 'no-store'],
    ['/metrics', 200, 'no-store'],
  ] as const;

  it('SR-30 every kind of answer → has all of them, and none that opens anything', async () => {
    await portal.admit(visitor);
    for (const [path, status, caching] of KINDS) {
      const answer = await visitor.context.request.get(`${origin}${path}`, { maxRedirects: 0 });
      const headers = answer.headers();
      expect([path, answer.status()]).toEqual([path, status]);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': expect.stringMatching(/^(same-origin|no-referrer)$/) as unknown,
        'cache-control': caching,
      });
      const unwanted = /^(access-control-|x-powered-by)/;
      expect(Object.keys(headers).filter((name) => unwanted.test(name))).toEqual([]);
    }
  });
});

describe('over https, behind a proxy', () => {
  const ends: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  it('SR-19 the whole flow → Chromium takes the cookies with __Host- and keeps them from scripts', async () => {
    const [to, from] = [await freePort(), await freePort()];
    const proxy = await startTlsProxy({ from, to });
    ends.push(() => proxy.close());
    const redirectUris = [`${proxy.origin}/oauth/callback`];
    const world = await openWorld({ simulator: { redirectUris } });
    ends.push(world.close);
    await world.start({ PORT: String(to), BASE_URL: proxy.origin, TRUST_PROXY: '1' });
    const { page, context, violations, close } = await portal.visitor({ ignoreHTTPSErrors: true });
    ends.push(close);
    await page.goto(`${proxy.origin}/`);
    await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    await page.waitForURL((url) => url.origin === world.simulator.origin);
    // Ports share cookies: the simulator's own one is there as well.
    const ours = async () =>
      (await context.cookies(proxy.origin)).filter(({ name }) => /fc_/.test(name));
    const during = await ours();
    expect(during).toMatchObject([{ name: expect.stringMatching(/^__Host-fc_auth_/) as unknown }]);
    await signInByClicks(page, { origin: proxy.origin, simulator: world.simulator });
    await page.waitForURL(`${proxy.origin}/portal`);
    const after = await ours();
    expect(after.map(({ name }) => name)).toContain('__Host-fc_session');
    for (const cookie of [...during, ...after]) {
      expect(cookie.name).toMatch(/^__Host-/);
      expect(cookie).toMatchObject({
        ...{ secure: true, httpOnly: true, sameSite: 'Lax', path: '/', domain: '127.0.0.1' },
      });
    }
    expect(await page.evaluate('document.cookie')).toBe('');
    expect(violations).toEqual([]);
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
  });
});

/** Fullscript is another site than ours, so its pages are under `localhost` here. */
describe('SameSite=Strict in Chromium', () => {
  let strict: App;
  const button = () => visitor.page.getByRole('button', { name: 'Sign out', exact: true });

  beforeAll(async () => {
    const { apiUrl } = portal.simulator;
    const authorize = `${apiUrl.replace('127.0.0.1', 'localhost')}/oauth/authorize`;
    const variables = { SESSION_SAMESITE: 'strict', FULLSCRIPT_AUTHORIZE_URL: authorize };
    strict = await portal.start(variables);
  });

  async function signInThere({ page }: Visitor): Promise<void> {
    await signInByClicks(page, { origin: strict.origin, simulator: portal.simulator });
    await page.waitForURL(`${strict.origin}/portal`);
    await button().waitFor();
  }

  it('SR-20 from another site through the callback → ends signed in, by itself', async () => {
    await signInThere(visitor);
    expect(visitor.requests.some((one) => new URL(one.url()).hostname === 'localhost')).toBe(true);
    const [cookie] = (await visitor.context.cookies(strict.origin)).filter(
      ({ name }) => name === 'fc_session',
    );
    expect(cookie).toMatchObject({ sameSite: 'Strict', httpOnly: true });
    expect(await visitor.page.textContent('h1')).toContain(portal.simulator.people[0]!.name);
    expect(visitor.violations).toEqual([]);
    expect(visitor.errors).toEqual([]);
  });

  it('SR-20 a link on another site → the cookie stays at home once, and then the page is there', async () => {
    await signInThere(visitor);
    const { page, requests } = visitor;
    foreign.put('/link', `<a href="${strict.origin}/portal?from=link">go</a>`);
    await page.goto(`${foreign.crossSite}/link`);
    const before = requests.length;
    await page.getByRole('link', { name: 'go' }).click();
    await button().waitFor();
    expect(page.url()).toBe(`${strict.origin}/portal?from=link`);
    const arrivals = requests
      .slice(before)
      .filter((request) => request.url() === `${strict.origin}/portal?from=link`);
    const sent = await Promise.all(arrivals.map((request) => request.allHeaders()));
    expect(sent.map(({ cookie = '' }) => cookie.includes('fc_session='))).toEqual([false, true]);
  });

  it('SR-20 a link on another site, signed out → the landing page asks; no sign-in is started', async () => {
    const { page } = visitor;
    foreign.put('/link', `<a href="${strict.origin}/portal">go</a>`);
    await page.goto(`${foreign.crossSite}/link`);
    await page.getByRole('link', { name: 'go' }).click();
    await page.getByRole('link', { name: 'Connect my Fullscript account' }).waitFor();
    expect(page.url()).toBe(`${strict.origin}/?returnTo=%2Fportal`);
    expect(await visitor.context.cookies(strict.origin)).toEqual([]);
  });
});
