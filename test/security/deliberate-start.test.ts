import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask } from '../support/requests.js';
import { type App, type World, openWorld } from '../support/world.js';

/** What counts as somebody meaning to sign in. */

let world: World;
let app: App;

beforeAll(async () => {
  world = await openWorld();
  app = await world.start();
});

afterAll(() => world.close());

/** What a start with these headers answered, and how many sign-ins it began. */
async function start(headers: Record<string, string>, method = 'GET') {
  const before = (await world.pending()).length;
  const answer = await ask(`${app.origin}/oauth/authorize?returnTo=/portal`, { method, headers });
  const began = (await world.pending()).length - before;
  const { location = '', 'set-cookie': cookies = [] } = answer.headers;
  return { status: answer.status, location, cookies, began };
}

const NOTHING = { began: 0, cookies: [] };
const SITES = ['cross-site', 'same-site', 'same-origin', 'none'];
const EMBEDDED = [
  ...['image', 'iframe', 'frame', 'object', 'embed', 'script', 'worker', 'empty', 'fencedframe'],
];

describe('SR-06', () => {
  it.each(['same-origin', 'same-site', 'none'])(
    'SR-06 a page opened from %s → one sign-in begins',
    async (from) => {
      const navigation = { 'sec-fetch-site': from, 'sec-fetch-dest': 'document' };
      const answer = await start({ ...navigation, 'sec-fetch-mode': 'navigate' });
      expect(answer).toMatchObject({ status: 303, began: 1 });
      expect(answer.location).toContain(world.simulator.origin);
    },
  );

  it.each([
    ['with metadata', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' }],
    ['with metadata, by a click', { 'sec-fetch-site': 'cross-site', 'sec-fetch-user': '?1' }],
    ['without metadata, by its referer', { referer: 'https://evil.example/page' }],
    ['without metadata, by its bare origin', { referer: 'https://evil.example/' }],
  ])(
    'SR-06 a link on another site, %s → the landing page asks, nothing begins',
    async (_, said) => {
      expect(await start(said as Record<string, string>)).toMatchObject({
        ...NOTHING,
        ...{ status: 303, location: '/?returnTo=%2Fportal' },
      });
    },
  );

  it.each(SITES)('SR-06 anything embedded, from %s → refused, nothing begins', async (from) => {
    for (const dest of EMBEDDED) {
      for (const mode of ['no-cors', 'cors', 'navigate']) {
        const headers = { 'sec-fetch-site': from, 'sec-fetch-dest': dest, 'sec-fetch-mode': mode };
        expect({ dest, ...(await start(headers)) }).toMatchObject({ ...NOTHING, status: 403 });
      }
    }
  });

  it.each([
    ['sec-purpose', 'prefetch'],
    ['sec-purpose', 'prefetch;prerender'],
    ['purpose', 'prefetch'],
  ])('SR-06 fetched ahead of a click (%s: %s) → refused, nothing begins', async (name, value) => {
    for (const from of SITES) {
      const headers = { 'sec-fetch-site': from, 'sec-fetch-dest': 'document', [name]: value };
      expect(await start(headers)).toMatchObject({ ...NOTHING, status: 403 });
    }
  });

  it.each(['HEAD', 'OPTIONS', 'POST', 'PUT'])('SR-06 %s → nothing begins', async (method) => {
    for (const from of SITES) {
      const headers = { 'sec-fetch-site': from, 'sec-fetch-dest': 'document' };
      const answer = await start(headers, method);
      expect(answer).toMatchObject(NOTHING);
      expect(answer.location).toBe('');
    }
  });

  it('SR-06 nothing that did not begin one gave anybody a session', async () => {
    expect(await world.sessions()).toEqual({});
  });
});
