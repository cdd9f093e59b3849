import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Grant } from '../../src/grants/grant.js';
import { type Browser, sessionOf } from '../support/browser.js';
import { startTokenEditor, without } from '../support/peer-server.js';
import { type App, type World, openWorld } from '../support/world.js';
import { type Visitor, signIn, storedGrants } from '../../torture/visitor.js';

/** The statements about what token answers mean, and where tokens are sent. */

const CLINIC = '/api/fullscript/clinic';
const HOUR = 3_600_000;

let world: World;
let app: App;
let answers: Awaited<ReturnType<typeof startTokenEditor>>;
let browser: Browser;
let person: string;

beforeAll(async () => {
  world = await openWorld();
  answers = await startTokenEditor(world.simulator);
  app = await world.start({ FULLSCRIPT_TOKEN_URL: answers.url });
  person = world.simulator.people[0]!.id;
});

beforeEach(async () => {
  await world.stored.flushdb();
  world.simulator.faults.reset();
  world.simulator.requests.length = 0;
  answers.edit((oauth) => oauth);
  browser = app.browser();
});

afterAll(async () => {
  await world.close();
  await answers.close();
});

const refreshes = () => world.simulator.stats.refreshes;
const grantKeys = () => world.stored.keys('fc:1:grant:*');
const code = (text: string) => (JSON.parse(text) as { code?: string }).code;

describe('SR-32', () => {
  const TOKEN_CALL = /\/oauth\/(token|revoke)$/;

  /** Sign-in, calls, a refresh, a disconnect; the browser sends what it should not. */
  async function journey(): Promise<void> {
    const plain = await world.start();
    const own = plain.browser();
    await own.signIn(person);
    const authorization = 'Bearer of-the-browser';
    const json = { 'content-type': 'application/json', 'x-csrf-token': await own.csrfToken() };
    expect((await own.send(CLINIC, { headers: { authorization } })).status).toBe(200);
    const body = JSON.stringify({ first_name: 'A', last_name: 'B', email: 'a@example.test' });
    const post = { method: 'POST', headers: { ...json, authorization }, body };
    expect((await own.send('/api/fullscript/clinic/patients', post)).status).toBe(201);
    world.simulator.expireAccessTokens();
    expect((await own.send(CLINIC)).status).toBe(200);
    expect((await own.send('/portal')).status).toBe(200);
    expect((await own.post('/oauth/refresh')).status).toBe(303);
    expect((await own.post('/oauth/disconnect')).status).toBe(303);
    await plain.close();
  }

  it('SR-32 a journey with refresh and disconnect → tokens in the Authorization header and in token calls only', async () => {
    await journey();
    const { accessTokens, refreshTokens } = world.simulator.issued;
    const tokens = [...accessTokens, ...refreshTokens, 'of-the-browser'];
    const holds = (text: string) => tokens.some((token) => text.includes(token));
    const { requests } = world.simulator;
    const bearers = requests.flatMap(({ path, search, headers, body }) => {
      const { authorization, ...others } = headers;
      expect({ path, search, inUrl: holds(path + search) }).toMatchObject({ inUrl: false });
      expect({ path, inHeaders: holds(JSON.stringify(others)) }).toMatchObject({
        inHeaders: false,
      });
      if (TOKEN_CALL.test(path)) expect(authorization).toBeUndefined();
      else expect({ path, inBody: holds(body) }).toMatchObject({ inBody: false });
      return authorization === undefined ? [] : [authorization];
    });
    expect(bearers.length).toBeGreaterThanOrEqual(5);
    const ours = new Set(accessTokens.map((token) => `Bearer ${token}`));
    expect(bearers.filter((bearer) => !ours.has(bearer))).toEqual([]);
    const bodies = requests.filter(({ path }) => TOKEN_CALL.test(path));
    expect(bodies.filter(({ body }) => holds(body)).length).toBeGreaterThanOrEqual(3);
    expect(bodies.filter(({ headers }) => headers['content-type'] !== 'application/json')).toEqual(
      [],
    );
  });

  it.each([
    ...['access_token=x', 'page%5Bsize%5D=1&access_token=x', 'Access_Token=x', 'bearer_token=x'],
    ...['access%5Ftoken=x', 'access_token[]=x', 'access_token%5Ba%5D=x', '[access_token]=x'],
    ...['a=1;access_token=x', '%20access_token=x', 'access_token'],
  ])('SR-32 the browser asks with ?%s → refused, and not sent', async (query) => {
    await browser.signIn(person);
    const before = world.simulator.requests.length;
    const answer = await browser.sendRaw(`${CLINIC}?${query}`);
    expect([answer.status, code(answer.text)]).toEqual([400, 'path_refused']);
    expect(world.simulator.requests).toHaveLength(before);
  });
});

describe('SR-34', () => {
  it.each(['bearer', 'BEARER'])(
    'SR-34 token_type %s → signed in, and the token works',
    async (type) => {
      answers.edit((oauth) => ({ ...oauth, token_type: type }));
      expect((await browser.signIn(person)).url).toBe(`${app.origin}/portal`);
      world.simulator.expireAccessTokens();
      expect((await browser.send(CLINIC)).status).toBe(200);
    },
  );

  it.each(['mac', 'Bearer2', 'Bearer mac', ' ', ''])(
    'SR-34 token_type "%s" → refused, nothing stored, nothing used',
    async (type) => {
      answers.edit((oauth) => ({ ...oauth, token_type: type }));
      const { apiCalls } = world.simulator.stats;
      const page = await browser.send(await browser.consent({ person }));
      expect(page.status).toBe(502);
      expect(page.text).toContain('unsupported_token_type');
      expect(await grantKeys()).toEqual([]);
      expect(await world.stored.keys('fc:1:session:*')).toEqual([]);
      expect(await sessionOf(browser)).toEqual({ signedIn: false });
      expect(world.simulator.stats.apiCalls).toBe(apiCalls);
    },
  );

  it('SR-34 a refresh answered with an unknown type → refused, and the stored pair is as it was', async () => {
    await browser.signIn(person);
    const [key] = await grantKeys();
    const before = await world.stored.hgetall(key!);
    world.simulator.expireAccessTokens();
    answers.edit((oauth) => ({ ...oauth, token_type: 'mac' }));
    const refused = await browser.send(CLINIC);
    expect([refused.status, code(refused.text)]).toEqual([502, 'unsupported_token_type']);
    expect(await world.stored.hgetall(key!)).toEqual(before);
    answers.edit((oauth) => oauth);
    expect((await browser.send(CLINIC)).status).toBe(200);
  });

  it.each([
    ['no expires_in', without('expires_in')],
    ['expires_in null', (oauth: object) => ({ ...oauth, expires_in: null })],
    ['expires_in 0', (oauth: object) => ({ ...oauth, expires_in: 0 })],
    ['expires_in "soon"', (oauth: object) => ({ ...oauth, expires_in: 'soon' })],
  ])('SR-34 %s → two hours, and a 401 refreshes, once', async (_what, edit) => {
    answers.edit(edit);
    await browser.signIn(person);
    const left = async () => Date.parse((await sessionOf(browser)).expiresAt!) - Date.now();
    expect(await left()).toBeGreaterThan(2 * HOUR - 60_000);
    expect(await left()).toBeLessThanOrEqual(2 * HOUR);
    let before = refreshes();
    expect((await browser.send(CLINIC)).status).toBe(200);
    expect(refreshes()).toBe(before);
    for (let round = 1; round <= 2; round += 1) {
      world.simulator.expireAccessTokens();
      before = refreshes();
      expect((await browser.send(CLINIC)).status).toBe(200);
      expect((await browser.send(CLINIC)).status).toBe(200);
      expect(refreshes()).toBe(before + 1);
      expect(await left()).toBeGreaterThan(2 * HOUR - 60_000);
    }
  });
});

describe('SR-35', () => {
  let visitor: Visitor;

  beforeEach(async () => {
    visitor = await signIn(browser, person);
  });

  const stored = async () => (await storedGrants(world.redis, [visitor]))[0]!;
  const pairOf = ({ tokens }: Grant) => ({
    access: tokens.accessToken.reveal(),
    refresh: tokens.refreshToken!.reveal(),
  });

  /** Has the token expire and be refreshed; answers the pair before and after. */
  async function refreshed() {
    const before = pairOf(await stored());
    world.simulator.expireAccessTokens();
    expect((await browser.send(CLINIC)).status).toBe(200);
    return { before, after: pairOf(await stored()) };
  }

  /** Refresh tokens in the order they were sent. */
  const sent = () =>
    world.simulator.requests
      .filter(({ grantType }) => grantType === 'refresh_token')
      .map(({ body }) => (JSON.parse(body) as { refresh_token: string }).refresh_token);

  it('SR-35 an answer with a refresh token → replaces the stored one, which is never sent again', async () => {
    const { before, after } = await refreshed();
    expect(after.access).not.toBe(before.access);
    expect(after.refresh).not.toBe(before.refresh);
    await refreshed();
    expect(sent()).toEqual([before.refresh, after.refresh]);
  });

  it('SR-35 answers without one, also when asked once more → the stored one is kept, and sent next time', async () => {
    answers.edit(without('refresh_token'));
    const { before, after } = await refreshed();
    expect(after.access).not.toBe(before.access);
    expect(after.refresh).toBe(before.refresh);
    expect(sent()).toEqual([before.refresh, before.refresh]);
    expect(await sessionOf(browser)).toMatchObject({ status: 'active' });
    world.simulator.expireAccessTokens();
    await browser.send(CLINIC);
    expect(sent().slice(2)).toContain(before.refresh);
  });

  it('SR-35 an answer without one, and one with it when asked once more → that one is stored', async () => {
    answers.edit(without('refresh_token'), (oauth) => oauth);
    const { before, after } = await refreshed();
    expect(after.refresh).not.toBe(before.refresh);
    expect(sent()).toEqual([before.refresh, before.refresh]);
    await refreshed();
    expect(sent().at(-1)).toBe(after.refresh);
  });
});
