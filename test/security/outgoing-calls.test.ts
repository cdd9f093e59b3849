import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Browser, createBrowser } from '../support/browser.js';
import { startPeerServer } from '../support/peer-server.js';
import { type App, type World, openWorld } from '../support/world.js';

/** The statement about where a bearer may go: the API we were told of, and nowhere else. */

const GATEWAY = '/api/fullscript';

let world: World;
let app: App;
let browser: Browser;
/** A server that must never hear from us. */
let evil: Awaited<ReturnType<typeof startPeerServer>>;
let person: string;

beforeAll(async () => {
  world = await openWorld();
  evil = await startPeerServer((_req, res) => res.end('mine now'));
  app = await world.start();
  person = world.simulator.people[0]!.id;
  // Once: signing in again would revoke the pair before it behind the scenes.
  browser = app.browser();
  await browser.signIn(person);
});

beforeEach(() => {
  world.simulator.faults.reset();
  world.simulator.requests.length = 0;
});

afterAll(async () => {
  await world.close();
  await evil.close();
});

const code = (text: string) => (JSON.parse(text) as { code?: string }).code;

describe('SR-33', () => {
  it('SR-33 a plain path → sent to the API, with the bearer', async () => {
    expect((await browser.sendRaw(`${GATEWAY}/clinic`)).status).toBe(200);
    const [call] = world.simulator.requests;
    expect(call?.path).toBe('/api/clinic');
    expect(call?.headers.authorization).toMatch(/^Bearer [\w-]{43}$/);
  });

  // Every reading of these has properties of its own; here is one of each kind, over HTTP.
  it.each([
    ...['//{evil}/clinic', '/clinic//', '/../oauth/token', '/clinic/../../oauth/token', '/.'],
    ...['/%2e%2e/oauth/token', '/%252e%252e/oauth/token', '/..%2foauth%2ftoken', '/%2f%2f{evil}'],
    ...['/x@{evil}/clinic', '/http://{evil}/clinic', '/\\{evil}', '/%5c%5c{evil}', '/%255c{evil}'],
    ...['/oauth/token', '/OAUTH/token', '/oauth', '/%6fauth/token', '/%256fauth/token'],
    ...['/oauth;x=1/token', '/oauth./token', '/oauth%3Bx/token', '/clinic/..;/..;/oauth/token'],
    ...['', '/', '/%00', '/clinic%0d%0aHost:%20{evil}', '/%ff', '/clinic;/../oauth'],
  ])('SR-33 the gateway is asked for %s → refused, nobody is called', async (template) => {
    const path = `${GATEWAY}${template.replace('{evil}', `127.0.0.1:${evil.port}`)}`;
    const answer = await browser.sendRaw(path);
    expect({ path, status: answer.status }).toEqual({ path, status: 400 });
    expect(['path_refused', 'bad_request']).toContain(code(answer.text));
    expect(world.simulator.requests).toEqual([]);
    expect(evil.calls()).toBe(0);
  });

  it.each([
    ...['@{evil}/clinic', ':80@{evil}/clinic', '%2f{evil}/clinic', '\\\\{evil}/clinic'],
    ...['/clinic', '//{evil}/clinic'].map((path) => `absolute ${path}`),
  ])(
    'SR-33 an address that only looks like the gateway: %s → nobody is called',
    async (template) => {
      const host = `127.0.0.1:${evil.port}`;
      const path = template.startsWith('absolute ')
        ? `http://${host}${GATEWAY}${template.slice('absolute '.length).replace('{evil}', host)}`
        : `${GATEWAY}${template.replace('{evil}', host)}`;
      const { status } = await browser.sendRaw(path);
      expect([400, 404]).toContain(status);
      expect(world.simulator.requests).toEqual([]);
      expect(evil.calls()).toBe(0);
    },
  );

  it('SR-33 whatever Host and X-Forwarded-* say → the call goes to the API', async () => {
    const host = `127.0.0.1:${evil.port}`;
    const headers = {
      ...{ host, 'x-forwarded-host': host, 'x-original-url': `http://${host}/clinic` },
      ...{ 'x-rewrite-url': `//${host}/`, forwarded: `host=${host}` },
    };
    expect((await browser.sendRaw(`${GATEWAY}/clinic`, headers)).status).toBe(200);
    expect(world.simulator.requests.map(({ path }) => path)).toEqual(['/api/clinic']);
    const sent = JSON.stringify(world.simulator.requests[0]!.headers);
    expect(sent).not.toContain(host);
    expect(evil.calls()).toBe(0);
  });

  /** The API leads to each of these once. */
  async function answersToRedirects(status: number, method: 'GET' | 'POST') {
    const headers = { 'x-csrf-token': await browser.csrfToken() };
    const { port } = evil;
    const answers = [];
    for (const location of [evil.origin, `//127.0.0.1:${port}/clinic`, '/api/oauth/token/info']) {
      world.simulator.requests.length = 0;
      const fault = { endpoint: 'api', kind: 'status', status, headers: { location } } as const;
      world.simulator.faults.add({ ...fault, times: 1 });
      const answer = await browser.send(`${GATEWAY}/clinic/patients`, { method, headers });
      answers.push([answer.status, answer.location]);
      expect(world.simulator.requests).toHaveLength(1);
      expect(evil.calls()).toBe(0);
    }
    return answers;
  }

  it.each([302, 307])(
    'SR-33 GET answered with %i to another host → not followed, the browser goes there itself, without the bearer',
    async (status) => {
      expect(await answersToRedirects(status, 'GET')).toEqual([
        [303, `${evil.origin}/`],
        [303, `${evil.origin}/clinic`],
        [502, null],
      ]);
    },
  );

  it.each([302, 303, 307])(
    'SR-33 POST answered with %i to another place → not followed, not handed on',
    async (status) => {
      expect(await answersToRedirects(status, 'POST')).toEqual(Array(3).fill([502, null]));
    },
  );

  it('SR-33 pages of ours when the API redirects → a gap, nobody else is called', async () => {
    const headers = { location: `${evil.origin}/clinic` };
    world.simulator.faults.add({ endpoint: 'api', kind: 'status', status: 302, headers });
    const page = await browser.send('/portal');
    expect(page.status).toBe(200);
    expect(page.text).toContain('Fullscript answered in an unknown form');
    expect(page.text).not.toContain(evil.origin);
    expect(evil.calls()).toBe(0);
  });

  it('SR-33 another name of this machine, and a path with two slashes → stays here', async () => {
    const { port } = new URL(app.origin);
    const other = createBrowser(`http://localhost:${port}`);
    const headers = { 'sec-fetch-dest': 'document' };
    for (const path of [`//127.0.0.1:${evil.port}/x`, `/\\127.0.0.1:${evil.port}/x`]) {
      const { location } = await other.sendRaw(path, headers);
      expect(new URL(location!).origin).toBe(app.origin);
    }
    const absolute = await other.sendRaw(`${evil.origin}/x`, headers);
    expect([absolute.status, absolute.location]).toEqual([404, null]);
  });

  it('SR-33 token and revocation calls that are redirected → not followed either', async () => {
    const other = app.browser();
    await other.signIn(world.simulator.people[1]!.id);
    const headers = { location: `${evil.origin}/oauth/token` };
    const redirect = { kind: 'status', status: 307, headers } as const;
    world.simulator.expireAccessTokens();
    world.simulator.faults.add({ ...redirect, endpoint: 'token' });
    world.simulator.faults.add({ ...redirect, endpoint: 'revoke' });
    expect((await other.send(`${GATEWAY}/clinic`)).status).toBe(502);
    expect((await other.post('/oauth/disconnect')).location).toBe('/portal?disconnected=here');
    expect(evil.calls()).toBe(0);
  });
});
