import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Browser, callbackWith } from '../support/browser.js';
import { type App, type World, openWorld } from '../support/world.js';

/** What the authorization server is asked for, and whether it was the one that answered. */

const ISSUER = 'https://auth.fullscript.test';
const ELSEWHERE = 'https://evil.test';

interface SessionAnswer {
  readonly scope: string[];
  readonly missingScope?: string[];
}

let world: World;
let plain: App;
let strict: App;
let browser: Browser;

beforeAll(async () => {
  world = await openWorld();
  plain = await world.start();
  strict = await world.start({
    FULLSCRIPT_ISSUER: ISSUER,
    FULLSCRIPT_SCOPE: 'clinic:read patients:read labs:treatment_plans:create',
  });
});

afterAll(() => world.close());

beforeEach(() => {
  browser = plain.browser();
});

describe('SR-05 the scope of an authorization request', () => {
  it.each(['scope=patients%3Awrite&scope=x', 'scope%5B%5D=x&client_id=other&response_type=token'])(
    'SR-05 the browser brings %s → none of it is asked for',
    async (query) => {
      // Also where the application says what it needs: Fullscript takes it from its dashboard.
      for (const app of [plain, strict]) {
        const asked = new URL((await app.browser().send(`/oauth/authorize?${query}`)).location!);
        const usual = new URL((await app.browser().send('/oauth/authorize')).location!);
        for (const url of [asked, usual]) url.searchParams.delete('state');
        expect(asked.href).toBe(usual.href);
        const names = [...asked.searchParams.keys()];
        expect(names).toEqual(['client_id', 'redirect_uri', 'response_type']);
      }
    },
  );

  it('SR-05 what is granted is what the application has at Fullscript, whatever the browser says', async () => {
    const { simulator } = world;
    await browser.signIn(simulator.people[0]!.id, '/oauth/authorize?scope=patients:write+admin');
    const { scope } = await browser.json<SessionAnswer>('/api/session');
    const other = plain.browser();
    await other.signIn(simulator.people[0]!.id);
    expect(scope).toEqual((await other.json<SessionAnswer>('/api/session')).scope);
    expect(scope).not.toContain('admin');
  });
});

describe('SR-14 the issuer, not configured', () => {
  it('SR-14 no iss, as Fullscript answers → signed in', async () => {
    const answer = await browser.send(await callbackWith(browser, world.simulator));
    expect(answer).toMatchObject({ status: 303, location: '/portal' });
  });

  it('SR-14 an iss of the server that was asked → signed in', async () => {
    const { simulator } = world;
    const path = await callbackWith(browser, simulator, { iss: `${simulator.origin}/` });
    expect((await browser.send(path)).status).toBe(303);
  });

  it.each([[ELSEWHERE], ['http://127.0.0.1'], [''], ['not a URL']])(
    'SR-14 an iss that names another one (%#) → 400, no token call, nothing stored',
    async (iss) => {
      const path = await callbackWith(browser, world.simulator, { iss });
      const before = world.tokenCalls().length;
      const answer = await browser.send(path);
      expect(answer.status).toBe(400);
      expect(answer.text).toContain('issuer_mismatch');
      expect(world.tokenCalls().length).toBe(before);
      expect(await browser.json('/api/session')).toEqual({ signedIn: false });
    },
  );

  it('SR-14 an error of another server → refused as such, not believed', async () => {
    const more = { iss: ELSEWHERE, error: 'access_denied' };
    const answer = await browser.send(await callbackWith(browser, world.simulator, more));
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('issuer_mismatch');
    expect(answer.text).not.toContain('access_denied');
  });

  it('SR-14 refused once → the sign-in is spent, also for a right answer', async () => {
    const path = await callbackWith(browser, world.simulator, { iss: ELSEWHERE });
    await browser.send(path);
    const again = await browser.send(path.replace(encodeURIComponent(ELSEWHERE), ''));
    expect(again.status).toBe(400);
    expect(again.text).toContain('state_unknown');
  });
});

describe('SR-14 the issuer, configured', () => {
  it('SR-14 just that iss → signed in', async () => {
    const own = strict.browser();
    const path = await callbackWith(own, world.simulator, { iss: ISSUER });
    expect((await own.send(path)).status).toBe(303);
  });

  it.each<[string, Record<string, string>]>([
    ['none', {}],
    ['another', { iss: ELSEWHERE }],
    ['almost the same', { iss: `${ISSUER}/` }],
    ['that of the host that was asked', { iss: 'http://127.0.0.1' }],
  ])('SR-14 %s → 400 and no token call; the log says which one came', async (_what, more) => {
    const own = strict.browser();
    const path = await callbackWith(own, world.simulator, more);
    const before = world.tokenCalls().length;
    expect((await own.send(path)).status).toBe(400);
    expect(world.tokenCalls().length).toBe(before);
    const said = more['iss'] === undefined ? 'no iss' : `iss ${more['iss']}`;
    expect(strict.lines.join('')).toContain(`issuer_mismatch (${said})`);
  });
});

describe('SR-36 a scope that is narrower than what is needed', () => {
  const signIn = async () => {
    const own = strict.browser();
    const path = await callbackWith(own, world.simulator, { iss: ISSUER });
    await own.open(path);
    return own;
  };

  it('SR-36 at sign-in → in /api/session, in the portal and in the log', async () => {
    const own = await signIn();
    const { scope, missingScope } = await own.json<SessionAnswer>('/api/session');
    expect(scope).toEqual(expect.arrayContaining(['clinic:read', 'patients:read']));
    expect(missingScope).toEqual(['labs:treatment_plans:create']);
    const { text } = await own.send('/portal');
    expect(text).toContain('<code>labs:treatment_plans:create</code>');
    const line = strict.records().findLast(({ audit }) => audit === 'scope_missing');
    expect(line).toMatchObject({ missing: ['labs:treatment_plans:create'], level: 40 });
  });

  it('SR-36 at a refresh → the log says what went away, and the portal what is missing', async () => {
    const own = await signIn();
    const { simulator } = world;
    const narrower = { endpoint: 'token', kind: 'narrow_scope' } as const;
    simulator.faults.add({ ...narrower, without: ['patients:read'], times: 1 });
    simulator.expireAccessTokens();
    expect((await own.send('/api/fullscript/clinic')).status).toBe(200);
    const { missingScope } = await own.json<SessionAnswer>('/api/session');
    expect(missingScope).toEqual(['patients:read', 'labs:treatment_plans:create']);
    const line = strict.records().findLast(({ audit }) => audit === 'scope_missing');
    expect(line).toMatchObject({ missing: ['patients:read'] });
  });

  it('SR-36 nothing needed, or all of it there → nothing is said', async () => {
    const own = plain.browser();
    await own.signIn(world.simulator.people[0]!.id);
    expect(await own.json('/api/session')).not.toHaveProperty('missingScope');
    expect((await own.send('/portal')).text).not.toContain('has not granted everything');
  });
});
