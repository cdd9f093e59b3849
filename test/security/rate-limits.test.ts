import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { COMMAND_TIMEOUT_MS } from '../../src/redis/limit-commands.js';
import type { ServerOptions } from '../../src/server.js';
import type { Browser, Page } from '../support/browser.js';
import type { TestRedis } from '../support/redis-server.js';
import { connectTo } from '../support/contract.js';
import { openDatabase } from '../support/shared-redis.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';

/** Login, callback, refresh, disconnect and API routes are rate-limited per address and user. */

const OAUTH = 3;
const API = 12;
const ADDRESS = 6;
const HOUR = 3_600_000;
const LIMITED = {
  RATE_LIMIT_OAUTH: String(OAUTH),
  RATE_LIMIT_API: String(API),
  RATE_LIMIT_ADDRESS: String(ADDRESS),
  // Requests come from this machine, and say which address they stand for.
  TRUST_PROXY: 'loopback',
};
/** Windows are in step with the clock, and this one began at the epoch: no test sees its end. */
const WINDOW = { rateLimitWindowMs: 2 * Date.now() };

let world: World<TestRedis>;
let app: App;
/** What a test has opened beside them. */
const ends: (() => unknown)[] = [];

/** A server with small limits. */
const start = (
  env: Record<string, string> = {},
  options: ServerOptions = {},
  on: World<TestRedis> = world,
): Promise<App> => on.start({ ...LIMITED, ...env }, { ...WINDOW, ...options });

beforeAll(async () => {
  world = await openWorldWithRedis();
  app = await start();
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

afterAll(() => world.close());

/** A world of a test's own, which goes with the test. */
async function openOwn(): Promise<World<TestRedis>> {
  const own = await openWorldWithRedis();
  ends.push(own.close);
  return own;
}

let addresses = 0;
/** One that nobody has used. */
const newAddress = () => `203.0.113.${(addresses += 1)}`;
const browserAt = (address: string, { browser } = app) => browser({ 'X-Forwarded-For': address });
const statuses = (pages: Page[]) => pages.map(({ status }) => status);
const person = (at = 0) => world.simulator.people[at]!.id;

/** The same request so many times, one after the other. */
async function times(count: number, send: () => Promise<Page>): Promise<Page[]> {
  const pages: Page[] = [];
  for (let i = 0; i < count; i += 1) pages.push(await send());
  return pages;
}

const startAt = (browser: Browser) => () => browser.send('/oauth/authorize');
const session = (browser: Browser) => () => browser.send('/api/session');

/** A server whose counts are its own: in the database of the others some users have used up theirs. */
async function startApart(): Promise<App> {
  return await start({ REDIS_URL: (await openDatabase()).url });
}

/** Counts start at nothing again, as far as they lie in Redis alone. */
async function forgetCounts(): Promise<void> {
  const keys = await world.stored.keys('fc:1:rate:*');
  if (keys.length > 0) await world.stored.del(keys);
}

describe('SR-55 per address', () => {
  it('SR-55 starts beyond the limit → a page with 429 that says when to come back; another address goes on', async () => {
    const hourly = await start({}, { rateLimitWindowMs: HOUR });
    const address = newAddress();
    const pages = await times(OAUTH + 1, startAt(browserAt(address, hourly)));
    expect(statuses(pages)).toEqual([303, 303, 303, 429]);
    const seen = pages.map(({ headers }) => headers.get('RateLimit-Remaining'));
    expect(seen).toEqual(['2', '1', '0', '0']);
    const refused = pages.at(-1)!;
    expect(refused.headers.get('Content-Type')).toContain('text/html');
    expect(refused.text).toContain('too_many_requests');
    expect(refused.text).toMatch(/You can go on <span data-countdown="\d+">in \d+ seconds/);
    const wait = Number(refused.headers.get('Retry-After'));
    expect(wait).toBeGreaterThan(3_500);
    expect(wait).toBeLessThanOrEqual(3_600);
    expect(refused.headers.get('RateLimit-Limit')).toBe('3');
    expect(refused.headers.get('RateLimit-Policy')).toBe('3;w=3600');
    expect(Number(refused.headers.get('RateLimit-Reset'))).toBe(wait);
    expect((await startAt(browserAt(newAddress()))()).status).toBe(303);
  });

  it('SR-55 callbacks nobody started → refused by the limit, without a question to Fullscript', async () => {
    const before = world.simulator.stats.exchanges;
    const browser = browserAt(newAddress());
    const pages = await times(OAUTH + 1, () => browser.send('/oauth/callback?state=s&code=c'));
    expect(statuses(pages)).toEqual([400, 400, 400, 429]);
    expect(world.simulator.stats.exchanges).toBe(before);
  });

  it.each(['/oauth/refresh', '/oauth/disconnect', '/sign-out', '/sign-out/everywhere'])(
    'SR-55 POST %s without a session → limited by address',
    async (path) => {
      const browser = browserAt(newAddress());
      const post = () => browser.send(path, { method: 'POST' });
      const pages = await times(OAUTH + 1, post);
      expect(statuses(pages).slice(0, -1)).not.toContain(429);
      expect(pages.at(-1)!.status).toBe(429);
      expect((await browserAt(newAddress()).send(path, { method: 'POST' })).status).not.toBe(429);
    },
  );

  it('SR-55 calls without a session → problem JSON with 429; the portal counts with them', async () => {
    const browser = browserAt(newAddress());
    const pages = await times(ADDRESS - 1, session(browser));
    expect(new Set(statuses(pages))).toEqual(new Set([200]));
    expect(pages.at(-1)!.headers.get('RateLimit-Remaining')).toBe('1');
    expect((await browser.send('/portal')).status).toBe(303);
    const refused = await session(browser)();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('Content-Type')).toContain('application/problem+json');
    expect(JSON.parse(refused.text)).toMatchObject({ status: 429, code: 'too_many_requests' });
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect((await browser.send('/portal')).status).toBe(429);
    expect((await session(browserAt(newAddress()))()).status).toBe(200);
  });

  it('SR-55 health, metrics and static files → no limit', async () => {
    const browser = browserAt(newAddress());
    for (const path of ['/livez', '/readyz', '/metrics', '/assets/none.css']) {
      const pages = await times(ADDRESS + 2, () => browser.send(path));
      expect(statuses(pages)).not.toContain(429);
      expect(pages[0]!.headers.get('RateLimit-Limit')).toBeNull();
    }
  });

  it('SR-55 X-Forwarded-For of a caller that is no proxy → makes no new address', async () => {
    const open = await start({ TRUST_PROXY: 'false' });
    const pages: Page[] = [];
    for (let i = 0; i <= OAUTH; i += 1) {
      pages.push(await startAt(browserAt(newAddress(), open))());
    }
    expect(statuses(pages)).toEqual([303, 303, 303, 429]);
    await forgetCounts();
  });
});

describe('SR-55 per user', () => {
  it.each([
    ['/oauth/refresh', 0],
    ['/oauth/disconnect', 1],
    ['/sign-out', 2],
  ])('SR-55 POST %s → limited by user, wherever they are; others go on', async (path, at) => {
    await forgetCounts();
    const other = browserAt(newAddress());
    await other.signIn(person(at + 1));
    const seen: number[] = [];
    for (let i = 0; i <= OAUTH; i += 1) {
      const browser = browserAt(newAddress());
      await browser.signIn(person(at));
      seen.push((await browser.post(path)).status);
    }
    expect(seen.slice(0, -1)).not.toContain(429);
    expect(seen.at(-1)).toBe(429);
    expect((await other.post(path)).status).not.toBe(429);
  });

  it('SR-55 calls of one user in two browsers → limited together; another user goes on', async () => {
    const fresh = await startApart();
    const [one, two, other] = [0, 0, 1].map(() => browserAt(newAddress(), fresh));
    await one!.signIn(person(0));
    await two!.signIn(person(0));
    await other!.signIn(person(1));
    const half = API / 2;
    const first = await times(half, session(one!));
    const second = await times(half, () => two!.send('/api/fullscript/clinic'));
    // Each sign-in ended in the portal, which counts too.
    expect(statuses([...first, ...second]).filter((status) => status === 200)).toHaveLength(
      API - 2,
    );
    expect(statuses(second).slice(-2)).toEqual([429, 429]);
    expect((await one!.send('/portal')).status).toBe(429);
    expect((await session(other!)()).status).toBe(200);
  });

  it('SR-55 a session that was ended → its cookie counts all the same, without a question to Redis', async () => {
    const browser = browserAt(newAddress());
    await browser.signIn(person(3));
    const copy = browserAt(newAddress());
    for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
    await browser.post('/sign-out');
    const pages = await times(API, session(copy));
    expect(pages.at(-1)!.status).toBe(429);
    await world.stored.config('RESETSTAT');
    expect((await session(copy)()).status).toBe(429);
    expect(await commandCalls('get', world.stored)).toBe(0);
  });
});

async function commandCalls(name: string, asked: Redis): Promise<number> {
  const stats = await asked.info('commandstats');
  const line = new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats);
  return Number(line?.[1] ?? 0);
}

describe('SR-55 nobody locks out somebody else', () => {
  /** Uses up the limits of an address, for starts, callbacks and calls. */
  async function flood(address: string): Promise<void> {
    const attacker = browserAt(address);
    const started = await times(OAUTH + 3, startAt(attacker));
    const called = await times(OAUTH + 3, () => attacker.send('/oauth/callback?state=s&code=c'));
    const asked = await times(ADDRESS + 3, session(attacker));
    for (const pages of [started, called, asked]) expect(pages.at(-1)!.status).toBe(429);
  }

  it('SR-55 at the same address: a browser that is known starts, calls, signs in as ever', async () => {
    const address = newAddress();
    const known = browserAt(address);
    await known.signIn(person(4));
    await flood(address);
    expect((await session(known)()).status).toBe(200);
    await known.post('/sign-out');
    expect([...known.cookies.keys()].sort()).toEqual(['fc_device', 'fc_signed_out']);
    expect((await known.signIn(person(4))).url).toBe(`${app.origin}/portal`);
    expect(JSON.parse((await session(known)()).text)).toMatchObject({ signedIn: true });
  });

  it('SR-55 at the same address: a browser that is new waits, as long as the page says', async () => {
    await forgetCounts();
    const hourly = await start({}, { rateLimitWindowMs: HOUR });
    const address = newAddress();
    await times(OAUTH, startAt(browserAt(address, hourly)));
    const newcomer = browserAt(address, hourly);
    const refused = await startAt(newcomer)();
    expect(refused.status).toBe(429);
    expect(refused.text).toMatch(/You can go on <span data-countdown="\d+">in \d+ seconds/);
    const [key, ...others] = await world.stored.keys('fc:1:rate:start:*');
    expect(others).toEqual([]);
    const left = await world.stored.pttl(key!);
    expect(left).toBeGreaterThan(HOUR - 60_000);
    expect(left).toBeLessThanOrEqual(HOUR);
    // Redis forgets the count when that time is over.
    await world.stored.del(key!);
    expect((await startAt(newcomer)()).status).toBe(303);
  });

  it('SR-55 at the same address: a sign-in that had started is finished', async () => {
    const address = newAddress();
    const newcomer = browserAt(address);
    const callback = await newcomer.consent({ person: person(5) });
    await flood(address);
    expect(await newcomer.send(callback)).toMatchObject({ status: 303, location: '/portal' });
  });

  it('SR-55 a binding that is shown as a session, or as a device → counts for the address', async () => {
    const address = newAddress();
    const stranger = browserAt(address);
    await startAt(stranger)();
    const [[name, value] = ['', '']] = stranger.cookies;
    await flood(address);
    const text = `${name.slice('fc_auth_'.length)}.${value}`;
    for (const dressed of [text, `binding:${text}`, `device:${text}`]) {
      const forger = browserAt(address);
      forger.cookies.set('fc_session', encodeURIComponent(`s:${dressed}`));
      expect((await session(forger)()).status).toBe(429);
      forger.cookies.set('fc_device', dressed);
      expect((await startAt(forger)()).status).toBe(429);
    }
  });

  it('SR-55 one user, one sign-in after the other → refused when there are too many', async () => {
    const strict = await start({ RATE_LIMIT_OAUTH: '1' });
    const pages: Page[] = [];
    for (let i = 0; i <= 10; i += 1) {
      const browser = browserAt(newAddress(), strict);
      pages.push(await browser.send(await browser.consent({ person: person(6) })));
    }
    expect(statuses(pages)).toEqual([...Array.from({ length: 10 }, () => 303), 429]);
    expect(pages.at(-1)!.headers.getSetCookie().join()).not.toContain('fc_session');
    const other = browserAt(newAddress(), strict);
    expect((await other.send(await other.consent({ person: person(7) }))).status).toBe(303);
  });

  it('SR-55 cookies that somebody made up → count for the address', async () => {
    const address = newAddress();
    const honest = browserAt(newAddress());
    const callback = await honest.consent({ person: person(5) });
    const [[name, value] = ['', '']] = honest.cookies;
    await flood(address);
    const forger = browserAt(address);
    forger.cookies.set('fc_device', `${'D'.repeat(22)}.${'S'.repeat(43)}`);
    forger.cookies.set('fc_session', `s%3A${'D'.repeat(43)}.${'S'.repeat(43)}`);
    expect((await startAt(forger)()).status).toBe(429);
    expect((await session(forger)()).status).toBe(429);
    forger.cookies.set(name, value.replace(/.{43}$/, 'S'.repeat(43)));
    expect((await forger.send(callback)).status).toBe(429);
    // A binding of one sign-in is worth nothing for another one.
    forger.cookies.set('fc_auth_0123456789abcdef', value);
    expect((await forger.send('/oauth/callback?state=s&code=c')).status).toBe(429);
    expect((await honest.send(callback)).status).toBe(303);
  });

  it('SR-55 starts that another site triggers in a browser → do not count', async () => {
    const browser = browserAt(newAddress());
    const image = { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'image' };
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' };
    for (const headers of [image, link]) {
      const pages = await times(OAUTH + 1, () => browser.send('/oauth/authorize', { headers }));
      expect(statuses(pages)).not.toContain(429);
    }
    expect((await startAt(browser)()).headers.get('RateLimit-Remaining')).toBe('2');
  });

  it('SR-55 many people sign in from one address → all of them, since only failures add up', async () => {
    const clinic = await startApart();
    const address = newAddress();
    const at = () => browserAt(address, clinic);
    for (let i = 0; i < 3 * OAUTH; i += 1) {
      const { url, status } = await at().signIn(person(i % 3));
      expect({ url, status }).toEqual({ url: `${clinic.origin}/portal`, status: 200 });
    }
    const unfinished = await times(OAUTH, startAt(at()));
    expect(statuses(unfinished)).toEqual(Array.from({ length: OAUTH }, () => 303));
    expect((await startAt(at())()).status).toBe(429);
  });

  it('SR-55 started at one address, finished at another → the first one gets it back', async () => {
    const [home, train] = [newAddress(), newAddress()];
    const always = { 'X-Forwarded-For': home };
    const browser = app.browser(always);
    const callback = await browser.consent({ person: person(5) });
    always['X-Forwarded-For'] = train;
    expect((await browser.send(callback)).status).toBe(303);
    expect((await startAt(browserAt(home))()).headers.get('RateLimit-Remaining')).toBe('2');
  });
});

describe('SR-55 several processes', () => {
  it('SR-55 starts at two of them → one limit', async () => {
    const other = await start();
    const address = newAddress();
    const pages: Page[] = [];
    for (let i = 0; i <= OAUTH; i += 1) {
      pages.push(await startAt(browserAt(address, i % 2 === 0 ? app : other))());
    }
    expect(statuses(pages)).toEqual([303, 303, 303, 429]);
  });

  it('SR-55 calls at two of them → one limit, once they have told each other', async () => {
    // A database of their own: in the usual one there is what other servers have counted.
    const shared = await openDatabase();
    const asking = (await connectTo(shared)) as Redis;
    ends.push(() => asking.disconnect());
    const open = () => start({ REDIS_URL: shared.url }, { shareMs: 20 });
    const [one, two] = await Promise.all([open(), open()]);
    const address = newAddress();
    await times(ADDRESS, session(browserAt(address, one)));
    await until(async () => (await told(asking)) === ADDRESS);
    expect((await session(browserAt(address, two))()).status).toBe(200);
    await until(async () => (await told(asking)) === ADDRESS + 1);
    let calls = 1;
    await until(async () => {
      calls += 1;
      return (await session(browserAt(address, two))()).status === 429;
    });
    // With no more than the calls of its own it would have let all of them through.
    expect(calls).toBeLessThan(ADDRESS);
  });

  /** How many calls the processes have told each other of. */
  async function told(asking: Redis): Promise<number> {
    const [key = ''] = await asking.keys('fc:1:rate-calls:*');
    const fields = Object.entries(await asking.hgetall(key));
    const calls = fields.filter(([name]) => !name.startsWith('batch:'));
    return calls.reduce((sum, [, count]) => sum + Number(count), 0);
  }

  it('SR-55 hundreds of calls → no command for the limits but one a second', async () => {
    // The servers of other tests tell their Redis what they have counted.
    const { stored: asking, ...quiet } = await openOwn();
    const fast = await quiet.start({ ...LIMITED, RATE_LIMIT_API: '60000' }, WINDOW);
    const browser = browserAt(newAddress(), fast);
    await browser.signIn(quiet.simulator.people[0]!.id);
    await session(browser)();
    // Soon after its start the server begins to wait for revocations, with scripts of its own.
    const clients = async () => String(await asking.client('LIST'));
    await until(async () => (await clients()).includes('cmd=bzpopmin'));
    await asking.config('RESETSTAT');
    const from = performance.now();
    const pages: Page[] = [];
    for (let i = 0; i < 10; i += 1) {
      pages.push(...(await Promise.all(Array.from({ length: 20 }, session(browser)))));
    }
    const [scripts, sessions, grants] = await Promise.all(
      ['eval', 'get', 'hmget'].map((name) => commandCalls(name, asking)),
    );
    const seconds = (performance.now() - from) / 1_000;
    expect(new Set(statuses(pages))).toEqual(new Set([200]));
    expect(scripts).toBeLessThanOrEqual(seconds + 1);
    expect([sessions, grants]).toEqual([200, 200]);
  });

  it('SR-55 what lies in Redis → shows neither address nor user', async () => {
    const address = newAddress();
    const browser = browserAt(address);
    await browser.signIn(person(5));
    await startAt(browser)();
    await until(async () => (await world.stored.keys('fc:1:rate-calls:*')).length > 0);
    const keys = await world.stored.keys('fc:1:rate*');
    const hashes = keys.filter((key) => key.includes('rate-calls'));
    const fields = (await Promise.all(hashes.map((key) => world.stored.hkeys(key)))).flat();
    const strings = keys.filter((key) => !hashes.includes(key));
    expect(strings.length).toBeGreaterThan(0);
    for (const key of strings) expect(key).toMatch(/^fc:1:rate:[a-z-]+:[\w-]{22}$/);
    for (const one of fields) expect(one).toMatch(/^(address|session|user|batch):[\w-]{16,22}$/);
    for (const key of keys) expect(await world.stored.pttl(key)).toBeGreaterThan(0);
  });
});

describe('SR-55 what is said', () => {
  it('SR-55 a limit that is passed many times → one line without the address, each one in the metrics', async () => {
    const own = await start();
    const address = newAddress();
    await times(OAUTH + 4, startAt(browserAt(address, own)));
    const lines = own.lines.filter((line) => line.includes('rate limit reached'));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      limit: 'start',
      caller: expect.stringMatching(/^.{8}$/),
    });
    expect(own.lines.join('')).not.toContain(address);
    expect(own.lines.filter((line) => line.includes('"request refused"'))).toEqual([]);
    const { text } = await browserAt(address, own).send('/metrics');
    expect(text).toContain('fullscript_rate_limited_total{limit="start"} 4');
  });

  it('SR-55 0 → no limit and no headers', async () => {
    const zero = { RATE_LIMIT_OAUTH: '0', RATE_LIMIT_API: '0', RATE_LIMIT_ADDRESS: '0' };
    const open = await start(zero);
    const browser = browserAt(newAddress(), open);
    const pages = [
      ...(await times(OAUTH + 2, startAt(browser))),
      ...(await times(API + 2, session(browser))),
    ];
    expect(new Set(statuses(pages))).toEqual(new Set([303, 200]));
    expect(pages.map(({ headers }) => headers.get('RateLimit-Limit'))).not.toContain('0');
    expect(await browser.signIn(person(0))).toMatchObject({ status: 200 });
  });
});

describe('SR-55 windows', () => {
  it('SR-55 the window is over → calls go on', async () => {
    let time = Date.now();
    const hourly = await start({}, { rateLimitWindowMs: HOUR, limitsNow: () => time });
    const browser = browserAt(newAddress(), hourly);
    const pages = await times(ADDRESS + 1, session(browser));
    expect(statuses(pages).slice(-2)).toEqual([200, 429]);
    const seconds = Number(pages.at(-1)!.headers.get('Retry-After'));
    expect(seconds).toBeLessThanOrEqual(HOUR / 1_000);
    time += 1_000 * (seconds - 1);
    expect((await session(browser)()).status).toBe(429);
    time += 1_000;
    expect((await session(browser)()).status).toBe(200);
  });
});

describe('SR-55 Redis has trouble', () => {
  it('SR-55 frozen → a start is 503 after one time-out, calls without a session are as quick as ever', async () => {
    const stranger = browserAt(newAddress());
    const known = browserAt(newAddress());
    await known.signIn(person(6));
    const order: string[] = [];
    const noting = async <T>(what: string, done: Promise<T>) => {
      const result = await done;
      order.push(what);
      return result;
    };
    world.redis.pause();
    try {
      const [begun, asked, knownStart] = await Promise.all([
        noting('start', startAt(stranger)()),
        noting('call', session(stranger)()),
        noting('start', startAt(known)()),
        noting('two time-outs', delay(2 * COMMAND_TIMEOUT_MS)),
      ]);
      expect([begun.status, asked.status, knownStart.status]).toEqual([503, 200, 503]);
      expect(order).toEqual(['call', 'start', 'start', 'two time-outs']);
    } finally {
      world.redis.resume();
    }
    await until(async () => (await stranger.send('/readyz')).status === 200);
    expect((await startAt(stranger)()).status).toBe(303);
    expect((await session(known)()).status).toBe(200);
  });

  it('SR-55 away when the server starts → 503, and limited as ever when Redis comes', async () => {
    const late = await openOwn();
    await late.redis.kill();
    const early = await start({}, { storeWaitMs: 0 }, late);
    expect((await startAt(browserAt(newAddress(), early))()).status).toBe(503);
    await late.redis.restart();
    await until(async () => (await startAt(browserAt(newAddress(), early))()).status === 303);
    const pages = await times(OAUTH + 1, startAt(browserAt(newAddress(), early)));
    expect(statuses(pages)).toEqual([303, 303, 303, 429]);
  });
});
