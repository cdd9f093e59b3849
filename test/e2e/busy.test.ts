import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from '../support/browser.js';
import { ask } from '../support/requests.js';
import { scrape } from '../support/scrape.js';
import { until } from '../support/until.js';
import { type App, type World, openWorld } from '../support/world.js';

/** A process that has more to do than it gets through: its turns last until the test ends them. */

const PER_TURN = 2;
const MOST_WAITING = 3;

let world: World;
let app: App;
let ann: Browser;
let isBehind = false;
const held: (() => void)[] = [];

beforeAll(async () => {
  world = await openWorld();
  const nextTurn = (begin: () => void) => {
    if (isBehind) held.push(begin);
    else setImmediate(begin);
  };
  const admission = { nextTurn, perTurn: PER_TURN, mostWaiting: MOST_WAITING };
  app = await world.start({}, { admission });
  ann = app.browser();
  await ann.signIn(world.simulator.people[0]!.id);
});

afterEach(catchUp);

afterAll(() => world.close());

function catchUp(): void {
  isBehind = false;
  for (const begin of held.splice(0)) begin();
}

function request(path: string, method = 'GET') {
  const cookie = [...ann.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  return ask(app.local, { path, method, headers: { cookie }, agent: false });
}

const refusals = 'fullscript_requests_not_begun_total{reason="server_busy"}';

async function measured(name: string): Promise<number> {
  return (await scrape(app.local)).get(name) ?? 0;
}

/** As many requests as are begun and may wait. */
async function fill(path = '/api/session') {
  isBehind = true;
  const count = PER_TURN + MOST_WAITING;
  const requests = Array.from({ length: count }, () => request(path));
  await until(async () => (await measured('fullscript_requests_waiting')) === MOST_WAITING);
  return requests;
}

describe('more requests than a process gets through', () => {
  it('→ those beyond the bound get 503 at the door, and all others are answered', async () => {
    const before = await measured(refusals);
    const requests = await fill();
    const beyond = await Promise.all([1, 2, 3].map(() => request('/api/session')));
    for (const { status, headers, text } of beyond) {
      expect(status).toBe(503);
      expect(headers).toMatchObject({
        ...{ 'retry-after': '5', 'cache-control': 'no-store' },
        'content-type': 'application/problem+json; charset=utf-8',
      });
      expect(JSON.parse(text)).toEqual({
        ...{ type: 'about:blank', status: 503, code: 'server_busy' },
        ...{ title: expect.any(String), detail: expect.any(String) },
        requestId: headers['x-request-id'],
      });
    }
    expect((await measured(refusals)) - before).toBe(3);
    catchUp();
    const statuses = (await Promise.all(requests)).map(({ status }) => status);
    expect(statuses).toEqual(requests.map(() => 200));
  });

  it('→ probes and metrics answer as if nothing were', async () => {
    const requests = await fill();
    for (const path of ['/livez', '/readyz', '/metrics', '/readyz?x=1']) {
      expect((await request(path)).status).toBe(200);
    }
    catchUp();
    await Promise.all(requests);
  });

  it('→ a page says so, keeps the session, and tries again by itself', async () => {
    const requests = await fill();
    const { status, headers, text } = await request('/portal');
    expect([status, headers['set-cookie']]).toEqual([503, undefined]);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(text).toContain('Too many people are here at once');
    expect(text).toContain('data-retry="5"');
    expect(text).toContain(`<code>${String(headers['x-request-id'])}</code> (server_busy)`);
    // Another one has a reference of its own; what was posted is not asked for again.
    const posted = await request('/oauth/refresh', 'POST');
    expect(posted.text).toContain(`<code>${String(posted.headers['x-request-id'])}</code>`);
    expect(posted.text).not.toContain('data-retry');
    catchUp();
    await Promise.all(requests);
    expect((await request('/portal')).status).toBe(200);
  });

  it('→ an answer of Fullscript is not spent, and its page shows the address to no script', async () => {
    const bob = app.browser();
    const callback = await bob.consent({ person: world.simulator.people[1]!.id });
    const requests = await fill();
    const refused = await bob.send(callback);
    expect([refused.status, refused.headers.get('referrer-policy')]).toEqual([503, 'no-referrer']);
    expect(refused.text).not.toContain('<script');
    catchUp();
    await Promise.all(requests);
    expect((await bob.send(callback)).status).toBe(303);
    expect((await bob.send('/portal')).status).toBe(200);
  });

  it('→ each request has its line, the trouble has one a minute, and the store is not blamed', async () => {
    const requests = await fill();
    await Promise.all([1, 2].map(() => request('/portal')));
    catchUp();
    await Promise.all(requests);
    const said = app.records().filter(({ msg }) => String(msg).startsWith('more requests come'));
    expect(said).toHaveLength(1);
    const lines = app.records().filter(({ msg, status }) => msg === 'request' && status === 503);
    expect(lines).toHaveLength(await measured(refusals));
    expect(app.lines.some((line) => line.includes('store_unavailable'))).toBe(false);
  });
});
