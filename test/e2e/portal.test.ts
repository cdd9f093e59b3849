import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, copyOf } from '../support/browser.js';
import { holdApi } from '../support/hold-api.js';
import { until } from '../support/until.js';
import { type App, type World, openWorld } from '../support/world.js';

/** The portal's pages over HTTP. What they look like is seen in `test/system/browser`. */

let world: World;
let app: App;
/** A server that waits for Fullscript no time at all. */
let hasty: App;
let ana: Browser;

beforeAll(async () => {
  world = await openWorld();
  // Not before Fullscript is slow on purpose.
  app = await world.start({}, { patienceMs: 30_000 });
  hasty = await world.start({ BASE_URL: app.origin }, { patienceMs: 0 });
  ana = app.browser();
  await ana.signIn(world.simulator.people[0]!.id);
});

afterAll(() => world.close());

let release: () => void = () => undefined;

afterEach(() => {
  release();
  world.simulator.play('works');
});

const PAGES = ['/portal/patients', '/portal/team', '/portal/catalog', '/portal/catalog/products'];

interface Listed {
  readonly patients: readonly { readonly id: string; readonly first_name: string }[];
}

async function patientOf(browser: Browser): Promise<string> {
  const { patients } = await browser.json<Listed>('/api/fullscript/clinic/patients');
  return `/portal/patients/${patients[0]!.id}`;
}

/** What the simulator was asked for since, without the query. */
function askedSince(count: number): string[] {
  return world.simulator.requests.slice(count).map(({ path }) => path);
}

describe('who sees what', () => {
  it.each([...PAGES, '/portal/patients/x', '/portal/disconnect'])(
    '%s: nobody is signed in → to sign in, and back',
    async (path) => {
      const page = await app.browser().send(path);
      expect(page.status).toBe(303);
      expect(page.location).toBe(`/oauth/authorize?returnTo=${encodeURIComponent(path)}`);
    },
  );

  it('a patient of another clinic → not there', async () => {
    const other = app.browser();
    await other.signIn(
      world.simulator.people.find(({ clinicName }) => /Harbour/.test(clinicName))!.id,
    );
    const theirs = await patientOf(other);
    expect((await other.send(theirs)).status).toBe(200);
    const page = await ana.send(theirs);
    expect(page.status).toBe(404);
    expect(page.text).toContain('Fullscript does not have this patient');
    expect(page.text).toContain('>All patients</a>');
  });

  it('the team marks who is looking', async () => {
    const { text } = await ana.send('/portal/team');
    expect(text).toMatch(/Ana Osei<small>[^<]*<\/small><\/span>\s*<span class="badge good">You/);
    expect(text.match(/>You</g)).toHaveLength(1);
    expect(text).toContain('Nora Quigley');
    expect(text).not.toContain('Paige Whitlock');
  });

  it.each(['..', '%2e%2e', 'a%2Fb', '%00', 'a%5Cb', 'oauth'])(
    'the id %s → 404, asks nothing',
    async (id) => {
      const before = world.simulator.requests.length;
      const page = await ana.sendRaw(`/portal/patients/${id}`);
      expect(page.status).toBe(404);
      expect(askedSince(before)).toEqual([]);
    },
  );
});

describe('what Fullscript says', () => {
  it('names and queries of any kind → text, not markup', async () => {
    const csrf = await ana.csrfToken();
    const headers = { 'x-csrf-token': csrf, 'content-type': 'application/json' };
    const body = JSON.stringify({
      first_name: '<img src=x onerror=alert(1)>',
      last_name: '"><script>',
      email: 'marked@example.test',
    });
    const made = await ana.send('/api/fullscript/clinic/patients', {
      method: 'POST',
      headers,
      body,
    });
    expect(made.status).toBe(201);
    const { text } = await ana.send('/portal/patients?query=marked');
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(text).not.toContain('<img');
    const echo = await ana.send(`/portal/patients?query=${encodeURIComponent('"><svg onload=1>')}`);
    expect(echo.text).not.toContain('<svg');
  });

  it('the last page links back, and beyond it there is nobody', async () => {
    for (const path of ['/portal/patients?page=8', '/portal/catalog?page=99']) {
      const { status, text } = await ana.send(path);
      expect(status).toBe(404);
      expect(text).toContain('rel="prev"');
      expect(text).not.toContain('rel="next"');
      expect(text).toContain('There is nothing on this page.');
      expect(text).toContain('?page=1">Go to the first page');
    }
  });

  it('an order names its products, each asked for once', async () => {
    const { orders } = await ana.json<{ orders: { patient_id: string }[] }>(
      '/api/fullscript/clinic/orders',
    );
    const before = world.simulator.requests.length;
    const { text } = await ana.send(`/portal/patients/${orders[0]!.patient_id}`);
    expect(text).toMatch(/Order R\d+<small>[^<]+ \([^<]+\)/);
    const variants = askedSince(before).filter((path) => path.includes('/catalog/variants/'));
    expect(variants.length).toBeGreaterThan(0);
    expect(new Set(variants).size).toBe(variants.length);
  });
});

describe('trouble', () => {
  it.each(PAGES.slice(0, 3).concat('/portal/patients/any'))(
    '%s: 429 → 503 and when to come back',
    async (path) => {
      world.simulator.play('rate_limited');
      const page = await ana.send(path);
      expect(page.status).toBe(503);
      expect(page.headers.get('retry-after')).toBe('20');
      expect(page.text).toContain('data-countdown="20"');
    },
  );

  it('home: whatever happens to the rest, the connection is shown', async () => {
    for (const scenario of ['server_error', 'garbage', 'unreachable', 'rate_limited'] as const) {
      world.simulator.play(scenario);
      const page = await ana.send('/portal');
      expect(page.status).toBe(200);
      expect(page.text).toContain('Your connection');
      expect(page.text).toContain('class="state');
    }
  });

  it('slow: without waiting an empty place that leads to the same with waiting', async () => {
    release = holdApi(world.simulator);
    const page = await copyOf(ana, hasty.local).send('/portal/patients?query=ro&page=1');
    expect(page.status).toBe(200);
    expect(page.text).toContain('data-late="/portal/patients?query=ro&amp;page=1&amp;wait=1"');
    const waiting = ana.send('/portal/patients?query=ro&page=1&wait=1');
    release();
    expect((await waiting).text).toMatch(/>\d+ patients</);
  });

  it('slow, with the usual patience: the page comes while Fullscript still keeps it waiting', async () => {
    const usual = await world.start({ BASE_URL: app.origin });
    // Until the end of the test: nothing but the patience of the server can have the page come.
    release = holdApi(world.simulator);
    const { status, text } = await copyOf(ana, usual.local).send('/portal/patients?page=2');
    expect(status).toBe(200);
    expect(text).toContain('data-late="/portal/patients?page=2&amp;wait=1"');
  });

  it('slow, then refused: the request that nobody waited for does no harm', async () => {
    const { simulator } = world;
    const other = app.browser();
    await other.signIn(simulator.people[1]!.id);
    release = holdApi(simulator);
    await copyOf(other, hasty.local).send('/portal/catalog');
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500 });
    simulator.expireAccessTokens();
    release();
    await until(() => hasty.lines.some((line) => line.includes('"code":"server_error"')));
    expect((await fetch(`${hasty.local}/livez`)).status).toBe(200);
  });

  it('narrower scope, connected again → the page names what is missing and leads back to itself', async () => {
    world.simulator.play('narrower_scope');
    await ana.signIn(world.simulator.people[0]!.id);
    const page = await ana.send('/portal/patients?query=ro');
    expect(page.status).toBe(200);
    expect(page.text).toContain('(patients:read)');
    expect(page.text).toContain('returnTo=%2Fportal%2Fpatients%3Fquery%3Dro');
    world.simulator.play('works');
    await ana.signIn(world.simulator.people[0]!.id);
    expect((await ana.send('/portal/patients')).text).not.toContain('lacks the permission');
  });

  it('products: explained where the application may not, searched where it may', async () => {
    const restricted = await ana.send('/portal/catalog/products');
    expect(restricted.status).toBe(200);
    expect(restricted.text).toContain('Not open to this portal');
    expect(restricted.text).not.toContain('role="search"');
    world.simulator.play('open_catalog');
    const open = await ana.send('/portal/catalog/products?query=magnesium');
    expect(open.text).toContain('Magnesium');
    expect(open.text).toMatch(/List price \d+\.\d\d</);
    expect(open.text).toContain('role="search"');
  });
});

describe('refresh now', () => {
  it('renews a token that is good, once, and leads back', async () => {
    const before = world.simulator.stats.refreshes;
    const answer = await ana.post('/oauth/refresh', {
      now: 'yes',
      returnTo: '/portal?done=refreshed',
    });
    expect([answer.status, answer.location]).toEqual([303, '/portal?done=refreshed']);
    expect(world.simulator.stats.refreshes).toBe(before + 1);
    const page = await ana.send('/portal?done=refreshed');
    expect(page.text).toContain('The connection was refreshed just now.');
    expect((await ana.send('/portal?done=anything')).text).not.toContain('just now');
  });

  it('without the wish a good token stays', async () => {
    const before = world.simulator.stats.refreshes;
    await ana.post('/oauth/refresh', { returnTo: '/portal' });
    expect(world.simulator.stats.refreshes).toBe(before);
  });

  it('without the CSRF token → refused', async () => {
    const before = world.simulator.stats.refreshes;
    const body = new URLSearchParams({ now: 'yes' });
    expect((await ana.send('/oauth/refresh', { method: 'POST', body })).status).toBe(403);
    expect(world.simulator.stats.refreshes).toBe(before);
  });
});
