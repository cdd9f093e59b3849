import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type GrantKey, grantId } from '../../src/grants/grant.js';
import { activityKey, userSessionsKey } from '../support/keys.js';
import { createRedisUserActivity } from '../../src/redis/user-activity.js';
import { decodeSession } from '../../src/redis/session-codec.js';
import type { Browser } from '../support/browser.js';
import type { TestRedis } from '../support/redis-server.js';
import { scrape } from '../support/scrape.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';

/** Where somebody is signed in, and what happened lately, as the user meets it. */

const LAPTOP =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36';
const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
const ACCOUNT = '/portal/account';
const CLINIC = '/api/fullscript/clinic';

interface Session {
  readonly id: string;
  readonly device: string | null;
  readonly address: string | null;
  readonly current: boolean;
}

interface Activity {
  readonly activity: readonly { event: string; at: string; reason?: string; device?: string }[];
  readonly next: string | null;
}

let world: World<TestRedis>;
let app: App;
let person: string;
let key: GrantKey;

beforeAll(async () => {
  world = await openWorldWithRedis();
  app = await world.start({ TRUST_PROXY: '1' });
  const { id, type } = world.simulator.people[0]!;
  person = id;
  key = { registration: 'us-sandbox', owner: { id, type } };
});

beforeEach(async () => {
  await world.stored.flushall();
  world.simulator.faults.reset();
});

afterAll(() => world.close());

async function signedIn(userAgent: string, address: string): Promise<Browser> {
  const headers = { 'user-agent': userAgent, 'x-forwarded-for': address };
  const browser = app.browser(headers);
  expect((await browser.signIn(person)).status).toBe(200);
  return browser;
}

const sessionsOf = async (browser: Browser) =>
  (await browser.json<{ sessions: Session[] }>('/api/sessions')).sessions;
const activityOf = (browser: Browser, query = '') =>
  browser.json<Activity>(`/api/activity${query}`);
const eventsOf = async (browser: Browser) =>
  (await activityOf(browser)).activity.map(({ event }) => event);

/** Entries are written behind the requests. */
async function untilLatest(browser: Browser, event: string): Promise<void> {
  await until(async () => (await eventsOf(browser))[0] === event);
}

const rowsOf = (html: string) =>
  [...html.matchAll(/<li data-tone="(\w+)">\s*<span>([^<]*)</g)].map(
    ([, tone, text]) => `${tone}: ${text}`,
  );

describe('sessions', () => {
  it('signed in on two devices → both with name and place; one ended, then the others', async () => {
    const laptop = await signedIn(LAPTOP, '203.0.113.9');
    const phone = await signedIn(PHONE, '::ffff:198.51.100.7');
    const seen = await sessionsOf(laptop);
    expect(seen.map(({ device, address, current }) => ({ device, address, current }))).toEqual([
      { device: 'Safari on iPhone', address: '198.51.100.7', current: false },
      { device: 'Chrome on Windows', address: '203.0.113.9', current: true },
    ]);
    const { text } = await laptop.send(ACCOUNT);
    for (const shown of ['Safari on iPhone', 'Chrome on Windows', 'from 198.51.100.7']) {
      expect(text).toContain(shown);
    }
    expect(text).toMatch(/Chrome on Windows<\/strong>\s*<span class="badge good">this browser/);
    expect(text.match(/this browser/g)).toHaveLength(1);
    expect(text).not.toMatch(/Mozilla|17_5/);
    const ended = await laptop.post('/sign-out/session', { session: seen[0]!.id });
    expect(ended).toMatchObject({ status: 303, location: ACCOUNT });
    expect((await phone.send('/api/sessions')).status).toBe(401);
    const [third, fourth] = [await signedIn(PHONE, '::1'), await signedIn('made-up', 'nonsense')];
    expect(await fourth.post('/sign-out/others')).toMatchObject({ location: ACCOUNT });
    expect((await third.send(ACCOUNT)).location).toContain('/oauth/authorize');
    expect((await laptop.send('/api/sessions')).status).toBe(401);
    const { text: alone } = await fourth.send(ACCOUNT);
    expect(alone).toContain('Unknown browser');
    expect(alone).toContain('You are signed in nowhere else.');
    expect(alone).not.toContain('/sign-out/others');
    expect((await sessionsOf(fourth))[0]).toMatchObject({ address: null });
  });

  it('more than SESSIONS_PER_USER, from before → the next sign-in ends the idlest, and says so', async () => {
    const others = [];
    for (let at = 0; at < 5; at += 1) others.push(await signedIn(LAPTOP, '203.0.113.9'));
    const limited = await world.start({ SESSIONS_PER_USER: '3', TRUST_PROXY: '1' });
    const latest = limited.browser({ 'user-agent': PHONE });
    await latest.signIn(person);
    expect(await sessionsOf(latest)).toMatchObject([
      { device: 'Safari on iPhone', current: true },
      { device: 'Chrome on Windows' },
      { device: 'Chrome on Windows' },
    ]);
    const left = await Promise.all(others.map((one) => one.send('/api/sessions')));
    expect(left.map(({ status }) => status)).toEqual([401, 401, 401, 200, 200]);
    await untilLatest(latest, 'signed_in');
    const [, ended] = (await activityOf(latest)).activity;
    expect(ended).toMatchObject({ event: 'sessions_ended', reason: 'session_limit', sessions: 3 });
    const { text } = await latest.send(ACCOUNT);
    expect(text).toContain('3 sessions that were not used for longest ended');
    const said = limited.records().filter(({ audit }) => audit === 'sessions_ended');
    expect(said).toMatchObject([
      { reason: 'session_limit', sessions: 3, ownerType: key.owner.type },
    ]);
    const name = 'fullscript_sessions_ended_total{how="over_limit"}';
    expect((await scrape(limited.local)).get(name)).toBe(3);
  });

  it('sign-ins at two servers at once, beyond SESSIONS_PER_USER → as many as may be stay', async () => {
    const variables = { SESSIONS_PER_USER: '2' };
    const servers = [await world.start(variables), await world.start(variables)];
    const browsers = [0, 1, 2, 3, 4, 5].map((at) => servers[at % 2]!.browser());
    await Promise.all(browsers.map((one) => one.signIn(person)));
    const seen = await Promise.all(browsers.map((one) => one.send('/api/sessions')));
    expect(seen.filter(({ status }) => status === 200)).toHaveLength(2);
  });

  it('nothing of the header is stored, and the address is not in the log', async () => {
    const from = app.lines.length;
    const browser = await signedIn(`${LAPTOP} Unmistakable/9`, '203.0.113.77');
    await untilLatest(browser, 'signed_in');
    const [session] = await world.stored.keys('fc:1:session:*');
    const stored = (await world.stored.get(session!))!;
    expect(decodeSession(stored)).toMatchObject({
      signIn: { device: 'Chrome on Windows', address: '203.0.113.77' },
    });
    expect(stored).not.toMatch(/Mozilla|Unmistakable/);
    expect(app.lines.slice(from).join('')).not.toMatch(/203\.0\.113\.77|Unmistakable/);
  });

  it('a session from before, without device and place → listed all the same', async () => {
    const browser = await signedIn(LAPTOP, '203.0.113.9');
    const [name] = await world.stored.keys('fc:1:session:*');
    const session = decodeSession((await world.stored.get(name!))!)!;
    const before = { ...session.signIn, device: undefined, address: undefined };
    await world.stored.set(name!, JSON.stringify({ ...session, signIn: before }), 'KEEPTTL');
    expect(await sessionsOf(browser)).toMatchObject([{ device: null, address: null }]);
    const { status, text } = await browser.send(ACCOUNT);
    expect(status).toBe(200);
    expect(text).toContain('<strong>Unknown browser</strong>');
    expect(text).not.toMatch(/UTC<\/time> from/);
  });
});

describe('activity', () => {
  it('sign-in, renewal, failure, disconnect → each told in words, the newest first', async () => {
    const laptop = await signedIn(LAPTOP, '203.0.113.9');
    await untilLatest(laptop, 'signed_in');
    world.simulator.expireAccessTokens();
    expect((await laptop.send(CLINIC)).status).toBe(200);
    await untilLatest(laptop, 'refreshed');
    world.simulator.expireAccessTokens();
    world.simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500 });
    for (let time = 0; time < 5; time += 1) {
      expect((await laptop.send(CLINIC)).status).toBeGreaterThanOrEqual(500);
    }
    await untilLatest(laptop, 'refresh_failed');
    world.simulator.faults.reset();
    await laptop.post('/oauth/disconnect');
    await untilLatest(laptop, 'disconnected');
    const { activity, next } = await activityOf(laptop);
    expect(activity).toMatchObject([
      { event: 'disconnected', outcome: 'revoked' },
      { event: 'refresh_failed', reason: 'server_error' },
      { event: 'refreshed' },
      { event: 'signed_in', device: 'Chrome on Windows', address: '203.0.113.9' },
    ]);
    for (const { at } of activity) expect(at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(next).toBeNull();
    // Nothing is connected any more; the page needs a session only.
    const { status, text } = await laptop.send(ACCOUNT);
    expect(status).toBe(200);
    expect(rowsOf(text)).toEqual([
      'plain: Disconnected; Fullscript confirmed it',
      'bad: Renewal failed: Fullscript had a problem',
      'good: Connection renewed',
      'good: Signed in',
    ]);
    expect(text).toContain('Chrome on Windows, 203.0.113.9');
  });

  it('sessions ended from elsewhere, signed out, in again → told after all sessions went', async () => {
    const phone = await signedIn(PHONE, '198.51.100.7');
    const laptop = await signedIn(LAPTOP, '203.0.113.9');
    await laptop.post('/sign-out/others');
    await laptop.post('/sign-out/others');
    await laptop.post('/sign-out/everywhere');
    const again = await signedIn(LAPTOP, '203.0.113.9');
    await until(async () => (await eventsOf(again)).length === 6);
    expect((await phone.send('/api/activity')).status).toBe(401);
    expect((await eventsOf(again)).sort()).toEqual([
      ...['sessions_ended', 'signed_in', 'signed_in', 'signed_in'],
      ...['signed_out', 'signed_out_everywhere'],
    ]);
    expect((await again.send(ACCOUNT)).text).toContain('From Chrome on Windows, 203.0.113.9');
  });

  it('more than a page → 20 at a time, with links to older ones and back', async () => {
    const browser = await signedIn(LAPTOP, '203.0.113.9');
    await untilLatest(browser, 'signed_in');
    const trail = createRedisUserActivity(world.stored);
    for (let at = 1; at <= 44; at += 1) {
      await trail.record(grantId(key), { event: 'signed_in', at, device: `device ${at}.` });
    }
    const first = await browser.send(ACCOUNT);
    expect(rowsOf(first.text)).toHaveLength(20);
    expect(first.text).toContain('device 44.');
    expect(first.text).not.toContain('>Newest<');
    const older = /href="([^"]*)#activity">Older/;
    const second = await browser.send(older.exec(first.text)![1]!);
    expect(second.text).toContain('device 24.');
    expect(second.text).not.toContain('device 25.');
    expect(second.text).toContain(`href="${ACCOUNT}#activity">Newest`);
    const last = await browser.send(older.exec(second.text)![1]!);
    expect(rowsOf(last.text)).toHaveLength(5);
    expect(last.text).not.toMatch(older);
    const pages = await activityOf(browser);
    const rest = await activityOf(browser, `?before=${pages.next ?? ''}`);
    expect(rest.activity[0]?.device).toBe('device 24.');
    for (const query of ['before=x', 'before=', 'before=1&before=2', 'before[a]=1', 'before=-']) {
      const page = await browser.send(`${ACCOUNT}?${query}`);
      expect(page.status).toBe(200);
      expect(page.text).toContain('device 44.');
      expect((await activityOf(browser, `?${query}`)).activity[0]?.device).toBe('device 44.');
    }
  });

  it('nothing yet → says so; texts of any kind → escaped', async () => {
    const browser = await signedIn(LAPTOP, '203.0.113.9');
    await untilLatest(browser, 'signed_in');
    await world.stored.del(activityKey(grantId(key)));
    expect((await browser.send(ACCOUNT)).text).toContain('Nothing has happened yet.');
    const trail = createRedisUserActivity(world.stored);
    await trail.record(grantId(key), { event: '<b>', at: 1, device: '<i>', reason: '<u>' });
    await trail.record(grantId(key), { event: 'signed_in', at: 2, device: '<i>' });
    const { text } = await browser.send(ACCOUNT);
    expect(text).not.toMatch(/<[biu]>/);
    expect(text).toContain('&lt;i&gt;');
    expect(rowsOf(text)[1]).toBe('plain: Something happened to your connection');
  });
});

describe('storage that fails', () => {
  it('activity cannot be written or read → sign-in works, sessions are shown, one line in the log', async () => {
    const from = app.lines.length;
    await world.stored.set(activityKey(grantId(key)), 'no stream');
    const browser = await signedIn(LAPTOP, '203.0.113.9');
    await signedIn(PHONE, '198.51.100.7');
    const { status, text } = await browser.send(ACCOUNT);
    expect(status).toBe(200);
    expect(text).toContain('Your activity cannot be shown at the moment');
    expect(text).toContain('Safari on iPhone');
    const problem = await browser.send('/api/activity');
    expect(problem.status).toBe(503);
    expect(JSON.parse(problem.text)).toMatchObject({ code: 'store_unavailable' });
    const missing = app.lines
      .slice(from)
      .filter((line) => line.includes('is missing from the activ'));
    expect(missing).toHaveLength(1);
    const audited = app.lines.slice(from).filter((line) => line.includes('"audit":"signed_in"'));
    expect(audited).toHaveLength(2);
  });

  it('sessions cannot be read, or Redis is away → 503 while it is, and all is back with it', async () => {
    const browser = await signedIn(LAPTOP, '203.0.113.9');
    const index = userSessionsKey(grantId(key));
    await world.stored.rename(index, 'aside');
    await world.stored.set(index, 'no set');
    expect((await browser.send(ACCOUNT)).status).toBe(503);
    await world.stored.rename('aside', index);
    world.redis.pause();
    try {
      const paths = [ACCOUNT, '/api/activity', '/api/sessions'];
      const answers = await Promise.all(paths.map((path) => browser.send(path)));
      expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
    } finally {
      world.redis.resume();
    }
    await until(async () => (await browser.send(ACCOUNT)).status === 200);
    expect(await sessionsOf(browser)).toHaveLength(1);
  });

  it('stopped right after a sign-in → the entry is there, written before the end', async () => {
    const other = await world.start();
    const browser = other.browser();
    await browser.send(await browser.consent({ person }));
    await other.close();
    const trail = createRedisUserActivity(world.stored);
    const { entries } = await trail.list(grantId(key), { limit: 20 });
    expect(entries.map(({ event }) => event)).toEqual(['signed_in']);
  });
});
