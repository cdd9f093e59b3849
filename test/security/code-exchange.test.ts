import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Fault,
  SIMULATOR_CLIENT_ID,
  SIMULATOR_CLIENT_SECRET,
} from '../../src/simulator/simulator.js';
import { type Answer, type Peer, closePeers, startPeer } from '../fixtures/peer.js';
import { freePort } from '../support/app.js';
import { gate } from '../support/gate.js';
import type { TestRedis } from '../support/redis-server.js';
import { authorizationOf } from '../support/requests.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';

/** What the code is sent with, and how often. */

let world: World<TestRedis>;
let app: App;
let person: string;

beforeAll(async () => {
  world = await openWorldWithRedis();
  app = await world.start({}, { exchangeWaitMs: 1 });
  person = world.simulator.people[0]!.id;
});

beforeEach(() => {
  world.simulator.requests.length = 0;
});
afterEach(() => world.simulator.faults.reset());
afterAll(() => world.close());

const codeIn = (callback: string) => /code=([^&]*)/.exec(callback)![1]!;

/** How often this code was sent anywhere at the simulator. */
function timesSent(code: string): number {
  const said = world.simulator.requests.map(({ body, search, headers }) => {
    return `${body} ${search} ${JSON.stringify(headers)}`;
  });
  return said.filter((text) => text.includes(code)).length;
}

describe('SR-18', () => {
  it('SR-18 the exchange → POST of JSON with client authentication and the same redirect_uri', async () => {
    const browser = app.browser();
    const started = await browser.send('/oauth/authorize');
    const callback = await browser.consent({ person });
    await browser.send(callback);
    const calls = world.tokenCalls();
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ method: 'POST', search: '', status: 200 });
    expect(calls[0]!.headers['content-type']).toContain('application/json');
    expect(JSON.parse(calls[0]!.body)).toEqual({
      grant_type: 'authorization_code',
      client_id: SIMULATOR_CLIENT_ID,
      client_secret: SIMULATOR_CLIENT_SECRET,
      code: codeIn(callback),
      redirect_uri: authorizationOf(started.location).get('redirect_uri'),
    });
  });

  const token = { endpoint: 'token' } as const;
  const status = (code: number, more: object = {}) =>
    ({ ...token, kind: 'status', status: code, ...more }) as Fault;

  it.each<[string, Fault, number]>([
    ['500', status(500), 502],
    ['504 after it was spent', status(504, { when: 'after' }), 502],
    ['400', status(400, { body: { error: 'invalid_request' } }), 502],
    ['invalid_grant', status(400, { body: { error: 'invalid_grant' } }), 400],
    ['invalid_client', status(401, { body: { error: 'invalid_client' } }), 502],
    ['a redirect to itself', status(307, { headers: { location: '/api/oauth/token' } }), 502],
    ['garbage', { ...token, kind: 'garbage' }, 502],
    [
      'an answer without a token',
      { ...token, kind: 'missing_field', fields: ['access_token'] },
      502,
    ],
    ['an answer that is lost', { ...token, kind: 'lost_answer' }, 504],
    ['a connection that is cut', { ...token, kind: 'drop' }, 504],
  ])('SR-18 %s → the code has been sent once, by reloads neither', async (_name, fault, shown) => {
    const browser = app.browser();
    const callback = await browser.consent({ person });
    world.simulator.faults.add({ ...fault, times: 1 });
    const page = await browser.send(callback);
    expect(page.status).toBe(shown);
    expect(page.text).not.toContain('Try again');
    // Nothing would stand in the way of a second try.
    for (let i = 0; i < 3; i += 1) expect((await browser.send(callback)).status).toBe(400);
    expect(timesSent(codeIn(callback))).toBe(1);
    expect((await browser.signIn(person)).url).toBe(`${app.origin}/portal`);
  });

  // See docs/adr/0013.
  it.each([429, 503])(
    'SR-18 %i, which says that the code was not tried → asked again, and spent once',
    async (busy) => {
      const browser = app.browser();
      const callback = await browser.consent({ person });
      world.simulator.faults.add(status(busy, { headers: { 'retry-after': '0' }, times: 1 }));
      expect(await browser.send(callback)).toMatchObject({ status: 303, location: '/portal' });
      expect(timesSent(codeIn(callback))).toBe(2);
    },
  );

  it('SR-18 silence until the time-out → the code has been sent once', async () => {
    const brief = await world.start({}, { tokenTimeoutMs: 500 });
    const browser = brief.browser();
    const callback = await browser.consent({ person });
    const { opened, open } = gate();
    world.simulator.faults.add({ ...token, kind: 'delay', until: opened });
    expect((await browser.send(callback)).status).toBe(504);
    expect((await browser.send(callback)).status).toBe(400);
    open();
    expect(timesSent(codeIn(callback))).toBe(1);
  });

  it('SR-18 the save of the grant fails for a moment → the code has been sent once', async () => {
    const browser = app.browser();
    const callback = await browser.consent({ person });
    const { opened, open } = gate();
    world.simulator.faults.add({ ...token, kind: 'delay', when: 'after', until: opened });
    const page = browser.send(callback);
    await until(() => timesSent(codeIn(callback)) === 1);
    world.redis.pause();
    open();
    expect((await page).status).toBe(503);
    world.redis.resume();
    await until(async () => (await browser.send('/readyz')).status === 200);
    expect((await browser.send(callback)).status).toBe(400);
    expect(timesSent(codeIn(callback))).toBe(1);
  });
});

describe('SR-18 at a token endpoint of its own', () => {
  afterEach(closePeers);

  /** A server whose token endpoint is at `tokenUrl`; answers what the callback said. */
  async function finishAt(tokenUrl: string, meanwhile: () => Promise<unknown>) {
    const own = await world.start({ FULLSCRIPT_TOKEN_URL: tokenUrl }, { exchangeWaitMs: 20 });
    const browser = own.browser();
    const callback = await browser.consent({ person });
    const [page] = await Promise.all([browser.send(callback), meanwhile()]);
    return { page, code: codeIn(callback) };
  }

  /** Hands the exchange on to the simulator, as a proxy does. */
  const passedOn: Answer = (res, { body, headers }) => {
    const url = `${world.simulator.apiUrl}/oauth/token`;
    const type = headers['content-type'] ?? '';
    void fetch(url, { method: 'POST', body, headers: { 'content-type': type } }).then(
      async (answer) => {
        res.writeHead(answer.status, { 'content-type': 'application/json' });
        res.end(await answer.text());
      },
    );
  };

  it('SR-18 nobody listens at first → asked again, and the code has left once', async () => {
    const port = await freePort();
    const paths: string[] = [];
    const note = (message: unknown) => {
      paths.push((message as { request: ClientRequest }).request.path);
    };
    subscribe('http.client.request.start', note);
    let proxy: Peer | undefined;
    const { page, code } = await finishAt(`http://127.0.0.1:${port}/token`, async () => {
      await until(() => paths.includes('/token'));
      proxy = await startPeer(passedOn, port);
    }).finally(() => unsubscribe('http.client.request.start', note));
    expect(paths.filter((path) => path === '/token').length).toBeGreaterThan(1);
    expect(page).toMatchObject({ status: 303, location: '/portal' });
    expect(proxy!.received.filter(({ body }) => body.includes(code))).toHaveLength(1);
    expect(timesSent(code)).toBe(1);
  });
});
