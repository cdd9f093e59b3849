import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { composeCustody } from '../../src/custody.js';
import { grantId } from '../../src/grants/grant.js';
import { createLogger } from '../../src/logger.js';
import { createMemoryJournal } from '../../src/memory/journal.js';
import { grantKey } from '../support/keys.js';
import type { ServerOptions } from '../../src/server.js';
import { openStore } from '../../src/store.js';
import type { Fault } from '../../src/simulator/simulator.js';
import { type Browser, sessionOf } from '../support/browser.js';
import { startTokenEditor } from '../support/peer-server.js';
import { recordEvents } from '../support/custody.js';
import { until } from '../support/until.js';
import { type App, type World, openWorld } from '../support/world.js';
import { type Visitor, signIn, storedGrants } from '../../torture/visitor.js';

/** The statements about ending a connection, and about not ending it. */

const CLINIC = '/api/fullscript/clinic';
const RETRY_MS = 50;

let world: World;
let app: App;
let browser: Browser;
let visitor: Visitor;

beforeAll(async () => {
  world = await openWorld();
});

afterEach(async () => {
  await app.close();
  const { simulator } = world;
  simulator.faults.reset();
  simulator.requests.length = 0;
  for (const { id } of simulator.people) simulator.revokeAuthorization(id);
});

afterAll(() => world.close());

async function connected(
  extra: Record<string, string> = {},
  options: ServerOptions = {},
): Promise<void> {
  app = await world.start(extra, { revocationRetryMs: RETRY_MS, ...options });
  browser = app.browser();
  visitor = await signIn(browser, world.simulator.people[0]!.id);
}

async function storedTokens(): Promise<{ access: string; refresh: string }> {
  const { tokens } = (await storedGrants(world.redis, [visitor]))[0]!;
  return { access: tokens.accessToken.reveal(), refresh: tokens.refreshToken!.reveal() };
}

const revokeCalls = () =>
  world.simulator.requests.filter(({ path }) => path.endsWith('/oauth/revoke'));
const revokedTokens = () =>
  revokeCalls().map(({ body }) => (JSON.parse(body) as { token: string }).token);
const sealedGrant = () => world.stored.hget(grantKey(grantId(visitor.key)), 's');
/** The entries, without the locks of those that are being tried. */
async function queued(): Promise<string[]> {
  const keys = await world.stored.keys('fc:1:queue:{revocations}:*-*-*-*-*');
  return keys.filter((key) => !key.endsWith(':lock'));
}
const livePairs = () => world.simulator.stats.livePairs;

describe('SR-41', () => {
  it('SR-41 disconnect → refresh token and access token revoked, as the client, then nothing is kept', async () => {
    await connected();
    const { access, refresh } = await storedTokens();
    expect(await browser.post('/oauth/disconnect')).toMatchObject({
      ...{ status: 303, location: '/portal?disconnected=yes' },
    });
    expect(revokedTokens()).toEqual([refresh, access]);
    for (const { method, search, body, headers } of revokeCalls()) {
      expect({ method, search }).toEqual({ method: 'POST', search: '' });
      expect(headers['content-type']).toBe('application/json');
      expect(Object.keys(JSON.parse(body) as object).sort()).toEqual([
        ...['client_id', 'client_secret', 'token'],
      ]);
    }
    expect(livePairs()).toBe(0);
    expect(await sealedGrant()).toBeNull();
    expect(await queued()).toEqual([]);
    const page = await browser.send('/portal?disconnected=yes');
    expect(page.text).toContain('Fullscript is disconnected');
    expect(page.text).not.toContain('keeps trying');
  });

  it('SR-41 … after several sign-ins → nothing of the earlier ones is left alive either', async () => {
    await connected();
    await app.browser().signIn(world.simulator.people[0]!.id);
    await browser.signIn(world.simulator.people[0]!.id);
    expect(livePairs()).toBe(3);
    await browser.post('/oauth/disconnect');
    await until(() => livePairs() === 0);
  });

  const status = { endpoint: 'revoke', kind: 'status' } as const;
  it.each<[string, Fault]>([
    ['answered with 503', { ...status, status: 503 }],
    ['answered with 429', { ...status, status: 429 }],
    ['answered with 403', { ...status, status: 403, body: { error: 'unauthorized_client' } }],
    ['not answered', { endpoint: 'revoke', kind: 'drop' }],
  ])(
    'SR-41 the revocation is %s → said on the page, retried from the queue, done in the end',
    async (_, fault) => {
      await connected();
      const tokens = Object.values(await storedTokens());
      const heal = world.simulator.faults.add(fault);
      await disconnectUnconfirmed();
      expect(await queued()).toHaveLength(1);
      const tried = revokeCalls().length;
      await until(() => revokeCalls().length > tried);
      expect(livePairs()).toBe(1);
      heal();
      await until(() => livePairs() === 0);
      await until(async () => (await queued()).length === 0);
      await until(() => app.lines.some((line) => line.includes('confirmed at last')));
      expect(new Set(revokedTokens())).toEqual(new Set(tokens));
      const metrics = await browser.send('/metrics');
      expect(metrics.text).toContain('event="revocation_confirmed"} 1');
    },
  );

  /** Here it is over at once, whatever Fullscript says. */
  async function disconnectUnconfirmed(): Promise<void> {
    const answer = await browser.post('/oauth/disconnect');
    expect(answer).toMatchObject({ status: 303, location: '/portal?disconnected=here' });
    const page = await browser.send(answer.location!);
    expect(page.text).toContain('Fullscript is disconnected');
    expect(page.text).toContain('Fullscript has not confirmed it yet');
    expect(page.text).toContain('keeps trying for a day');
    expect(app.lines.join('')).toContain('revocation failed');
    expect(await sealedGrant()).toBeNull();
    expect(await sessionOf(browser)).toMatchObject({ status: 'needs_reconnect', scope: [] });
  }

  it('SR-41 503, and the process ends → another one takes it from the queue', async () => {
    // It ends before it takes anything from the queue.
    await connected({}, { laterMs: 60 * 60_000 });
    const heal = world.simulator.faults.add({ ...status, status: 503 });
    expect((await browser.post('/oauth/disconnect')).location).toBe('/portal?disconnected=here');
    await app.close();
    heal();
    expect(livePairs()).toBe(1);
    app = await world.start({}, { revocationRetryMs: RETRY_MS });
    await until(() => livePairs() === 0);
    await until(async () => (await queued()).length === 0);
  });

  it('SR-41 tokens that Fullscript does not know → its 200 counts as done', async () => {
    const editor = await startTokenEditor(world.simulator);
    editor.edit((oauth) => ({ ...oauth, access_token: 'unknown-a', refresh_token: 'unknown-r' }));
    await connected({ FULLSCRIPT_TOKEN_URL: editor.url });
    expect((await browser.post('/oauth/disconnect')).location).toBe('/portal?disconnected=yes');
    expect(revokedTokens()).toEqual(['unknown-r', 'unknown-a']);
    expect(revokeCalls().map((call) => call.status)).toEqual([200, 200]);
    expect(await sealedGrant()).toBeNull();
    expect(await queued()).toEqual([]);
    expect(app.lines.join('')).not.toContain('revocation failed');
    await editor.close();
  });
});

describe('SR-42', () => {
  /** What a job without a browser does: the same grants, no session. */
  async function inBackground() {
    const config = loadConfig(app.env);
    const log = createLogger({ level: 'silent', production: true });
    const store = await openStore({ config, log, now: Date.now });
    const { events } = recordEvents();
    const registration = () => config.registrations[0]!;
    const parts = { config, log, store, registration, events, journal: createMemoryJournal() };
    const { refresher, settled } = composeCustody(parts);
    const call = (token: string) =>
      fetch(`${world.simulator.apiUrl}/clinic`, { headers: { authorization: `Bearer ${token}` } });
    return {
      work: async () => {
        const { tokens } = await refresher.current(visitor.key);
        const first = await call(tokens.accessToken.reveal());
        if (first.status !== 401) return first.status;
        const renewed = await refresher.current(visitor.key, tokens.accessToken.reveal());
        return (await call(renewed.tokens.accessToken.reveal())).status;
      },
      close: () => settled().then(store.close),
    };
  }

  it.each(['/sign-out', '/sign-out/everywhere'])(
    'SR-42 POST %s → the connection is left to background work, refreshes included',
    async (path) => {
      await connected();
      const before = await sealedGrant();
      expect((await browser.post(path)).status).toBe(303);
      expect(await sessionOf(browser)).toEqual({ signedIn: false });
      expect(await sealedGrant()).toBe(before);
      expect(revokeCalls()).toEqual([]);
      const job = await inBackground();
      try {
        expect(await job.work()).toBe(200);
        world.simulator.expireAccessTokens();
        expect(await job.work()).toBe(200);
      } finally {
        await job.close();
      }
      expect(await sealedGrant()).not.toBe(before);
      expect(livePairs()).toBe(1);
    },
  );

  it('SR-42 disconnect → the session goes on, and can connect again', async () => {
    await connected();
    const cookie = browser.cookies.get('fc_session');
    expect((await browser.send('/portal')).text).toContain('You stay signed in here');
    expect((await browser.post('/oauth/disconnect')).status).toBe(303);
    expect(browser.cookies.get('fc_session')).toBe(cookie);
    expect(await sessionOf(browser)).toMatchObject({
      ...{ signedIn: true, status: 'needs_reconnect', reason: 'disconnected' },
      resourceOwner: visitor.key.owner,
    });
    const answer = await browser.send(CLINIC);
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'grant_not_found' });
    const page = await browser.send('/portal');
    expect(page.status).toBe(200);
    expect(page.text).toContain('Connect my Fullscript account');
    await browser.signIn(visitor.key.owner.id);
    expect((await browser.send(CLINIC)).status).toBe(200);
    expect(await sessionOf(browser)).toMatchObject({ signedIn: true, status: 'active' });
  });
});
