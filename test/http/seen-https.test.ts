import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { scrape } from '../support/scrape.js';
import { type App, PROXIED, type World, behindProxy, openWorld } from '../support/world.js';

/** BASE_URL is https, and a proxy in front says so more or less. */

let world: World;
let person: string;

beforeAll(async () => {
  world = await openWorld();
  person = world.simulator.people[0]!.id;
});

afterAll(() => world.close());

const PROTO = 'x-forwarded-proto';
/** As pino writes it. */
const ERROR = 50;
const errorsOf = (app: App) => app.records().filter(({ level }) => level === ERROR);

describe('a sign-in whose session cookie cannot be set', () => {
  let app: App;

  beforeAll(async () => {
    app = await world.start(behindProxy);
  });

  beforeEach(() => {
    app.lines.length = 0;
  });

  it.each<[string, Record<string, string>, string]>([
    ['no X-Forwarded-Proto', {}, 'the proxy sent no X-Forwarded-Proto. '],
    ['only Forwarded', { forwarded: 'proto=https' }, 'and Forwarded is not read'],
    ['another scheme', { [PROTO]: 'http' }, 'X-Forwarded-Proto is "http"'],
  ])('%s → stops with a page for operators and one line', async (_what, headers, reason) => {
    const browser = app.browser(headers);
    const before = world.simulator.stats.exchanges;
    const callback = await browser.consent({ person });
    const page = await browser.send(callback);
    expect(page).toMatchObject({ status: 500, location: null });
    expect(page.text).toContain('(https_not_seen)');
    expect(world.simulator.stats.exchanges).toBe(before);
    const errors = errorsOf(app);
    expect(errors).toHaveLength(1);
    expect(JSON.stringify(errors)).toContain(JSON.stringify(reason).slice(1, -1));
    // The proxy has been put right meanwhile, and the person reloads.
    const reloaded = await browser.send(callback, { headers: { [PROTO]: 'https' } });
    expect(reloaded).toMatchObject({ status: 303, location: '/portal' });
  });

  it('of a request without the cookie of a sign-in → refused as before', async () => {
    const page = await app.browser().send('/oauth/callback?state=a&code=b');
    expect(page.text).toContain('(state_unknown)');
    expect(errorsOf(app)).toEqual([]);
  });

  it('is counted', async () => {
    const outcome = 'fullscript_sign_ins_total{outcome="https_not_seen"}';
    const before = (await scrape(app.local)).get(outcome);
    const browser = app.browser();
    await browser.send(await browser.consent({ person }));
    expect((await scrape(app.local)).get(outcome)).toBe((before ?? 0) + 1);
  });

  it.each([
    ['TRUST_PROXY is unset', '', 'TRUST_PROXY is unset'],
    ['another proxy is trusted', '10.0.0.1', '127.0.0.1, which is not among the proxies'],
  ])('%s → the same, and the line says so', async (_what, TRUST_PROXY, reason) => {
    const other = await world.start((port) => ({ ...behindProxy(port), TRUST_PROXY }));
    const browser = other.browser(PROXIED);
    const page = await browser.send(await browser.consent({ person }));
    expect(page.text).toContain('(https_not_seen)');
    const errors = errorsOf(other);
    expect(JSON.stringify(errors)).toContain(reason);
  });

  it.each(['HTTPS', 'Https, http'])('the proxy says %s → signed in', async (scheme) => {
    const browser = app.browser({ ...PROXIED, [PROTO]: scheme });
    const page = await browser.send(await browser.consent({ person }));
    expect(page).toMatchObject({ status: 303, location: '/portal' });
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true });
  });
});
