import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LiveStreamsFullError } from '../../src/http/errors.js';
import { createLiveStreams } from '../../src/http/live-streams.js';
import { sealingKeys as keysOf } from '../../src/config/parsers.js';
import { secret } from '../../src/oauth/secret.js';
import { type Browser, copyOf, createBrowser, sessionOf } from '../support/browser.js';
import { type OpenedStream, openEvents } from '../support/event-source.js';
import { startRedisGate } from '../support/redis-gate.js';
import { gate } from '../support/gate.js';
import { SECRETS } from '../support/app.js';
import { runLine } from '../support/command.js';
import type { TestRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';

/** Open pages hear of changes, whichever process made them. */

let world: World<TestRedis>;
/** Two servers with one Redis. They look by themselves so rarely that only signals can be at work. */
let one: App;
let other: App;
let browser: Browser;
let elsewhere: Browser;
let person: string;

const RARELY = { beatMs: 60_000, lifetimeMs: 300_000 };

beforeAll(async () => {
  world = await openWorldWithRedis();
  one = await world.start({}, { streamTiming: RARELY });
  other = await world.start({ BASE_URL: one.origin }, { streamTiming: RARELY });
  person = world.simulator.people[0]!.id;
});

afterAll(() => world.close());

beforeEach(async () => {
  world.simulator.faults.reset();
  browser = createBrowser(one.origin);
  await browser.signIn(person);
  elsewhere = copyOf(browser, one.origin);
});

const streams: OpenedStream[] = [];

afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});

async function open(at: App = other, who = browser): Promise<OpenedStream> {
  const stream = await openEvents(who, at.local);
  streams.push(stream);
  return stream;
}

/** Opened at the other server, and past its first state. */
async function watching(at?: App, who?: Browser): Promise<OpenedStream> {
  const stream = await open(at, who);
  await stream.next({ signedIn: true, status: 'active' });
  return stream;
}

/**
 * Acts at one server until a stream at the other has this state. The stream would look by itself only
 * after a minute, for which nothing here waits: it has been told.
 */
async function told(
  act: () => Promise<unknown>,
  stream: OpenedStream,
  fields: Record<string, unknown>,
): Promise<void> {
  const seen = stream.states().length;
  await Promise.all([act(), stream.next(fields, seen)]);
}

const GONE = { signedIn: false };

describe('GET /portal/events', () => {
  it('signed in → a stream that nothing keeps, with how things stand', async () => {
    const stream = await watching();
    expect(stream).toMatchObject({
      status: 200,
      headers: {
        'content-type': expect.stringContaining('text/event-stream') as unknown,
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      },
    });
    expect(stream.headers['set-cookie']).toBeUndefined();
    expect(stream.text()).toMatch(/^retry: 2000\n\n/);
    const { expiresAt } = await sessionOf(browser);
    const [state] = stream.states();
    expect(state).toEqual({
      ...{ signedIn: true, status: 'active', expiresAt },
      who: expect.stringMatching(/^[\w-]{12}$/) as unknown,
      obtainedAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
    });
  });

  it('nobody is signed in → 204, which tells browsers not to come back', async () => {
    const stream = await open(one, createBrowser(one.origin));
    expect(stream.status).toBe(204);
    expect(stream.text()).toBe('');
  });

  it('HEAD → says whether there would be a stream, and ends', async () => {
    expect(await browser.send('/portal/events', { method: 'HEAD' })).toMatchObject({ status: 200 });
    const nobody = createBrowser(one.origin);
    expect(await nobody.send('/portal/events', { method: 'HEAD' })).toMatchObject({ status: 204 });
  });

  it('disconnected at another server → told', async () => {
    const stream = await watching();
    const act = () => elsewhere.post('/oauth/disconnect');
    const state = { status: 'disconnected', obtainedAt: null, expiresAt: null };
    await told(act, stream, state);
  });

  it('Fullscript is slow to revoke → told all the same, ahead of its answer', async () => {
    const stream = await watching();
    const { opened, open: letGo } = gate();
    world.simulator.faults.add({ endpoint: 'revoke', kind: 'delay', until: opened });
    let isAnswered = false;
    const answer = elsewhere.post('/oauth/disconnect').finally(() => (isAnswered = true));
    try {
      await stream.next({ status: 'disconnected' });
      expect(isAnswered).toBe(false);
    } finally {
      letGo();
    }
    await answer;
  });

  it('connected again → told', async () => {
    await browser.post('/oauth/disconnect');
    const stream = await open();
    await stream.next({ status: 'disconnected' });
    // In another browser: here it would be another session.
    await createBrowser(one.origin).signIn(person);
    await stream.next({ status: 'active' });
  });

  it('refreshed → told of the new times', async () => {
    const stream = await watching();
    const [{ expiresAt } = {}] = stream.states();
    world.simulator.expireAccessTokens();
    await elsewhere.send('/api/fullscript/clinic');
    await until(() => stream.states().length === 2);
    expect(stream.states()[1]).toMatchObject({ signedIn: true, status: 'active' });
    expect(stream.states()[1]!['expiresAt']).not.toBe(expiresAt);
  });

  it('a refresh is refused because the user removed the connection → needs reconnect', async () => {
    const stream = await watching();
    world.simulator.revokeAuthorization(person);
    world.simulator.expireAccessTokens();
    // A refused refresh is looked at twice before it ends a grant.
    await elsewhere.send('/api/fullscript/clinic');
    await stream.next({ status: 'needs_reconnect' });
  });

  it.each<[string, (from: Browser) => Promise<unknown>]>([
    ['signed out', () => elsewhere.post('/sign-out')],
    ['signed out everywhere', (from) => from.post('/sign-out/everywhere')],
    ['all others ended', (from) => from.post('/sign-out/others')],
    ["ended by the administrators' command", () => command('sessions end')],
    ['disabled by the administrators', () => command('users disable')],
  ])('%s → told, and the stream ends', async (_how, act) => {
    const second = createBrowser(one.origin);
    await second.signIn(person);
    const stream = await watching();
    try {
      await told(() => act(second), stream, GONE);
    } finally {
      await command('users enable');
    }
    expect(stream.states().at(-1)).toEqual(GONE);
    await until(stream.hasEnded);
  });

  it("somebody else's session ends → not a word", async () => {
    const stream = await watching();
    const stranger = createBrowser(one.origin);
    await stranger.signIn(world.simulator.people[1]!.id);
    await stranger.post('/sign-out/everywhere');
    await elsewhere.post('/oauth/disconnect');
    await stream.next({ status: 'disconnected' });
    expect(stream.states()).toHaveLength(2);
    expect(stream.hasEnded()).toBe(false);
  });

  it('streams in the metrics → a gauge, and nothing in the durations of requests', async () => {
    const gauge = async () =>
      /^fullscript_live_streams (\d+)$/m.exec(await (await fetch(`${other.local}/metrics`)).text());
    const stream = await watching();
    expect((await gauge())?.[1]).toBe('1');
    const path = /"path":"\/portal\/events"/;
    const before = other.lines.filter((line) => path.test(line)).length;
    stream.close();
    await until(async () => (await gauge())?.[1] === '0');
    await until(() => other.lines.filter((line) => path.test(line)).length === before + 1);
    const line = other.lines.filter((one) => path.test(one)).at(-1)!;
    expect(JSON.parse(line)).toMatchObject({ status: 200, stream: true });
    const metrics = await (await fetch(`${other.local}/metrics`)).text();
    expect(metrics).not.toContain('status="499"');
  });

  /** As an administrator's shell does it. */
  async function command(name: string): Promise<void> {
    const [noun = '', verb = ''] = name.split(' ');
    const user = `us-sandbox/Practitioner/${person}`;
    const store = { kind: 'socket', path: world.redis.socketPath, db: 0 } as const;
    const session = { secrets: [secret(SECRETS.SESSION_SECRET)] } as never;
    const sealingKeys = keysOf.parse(SECRETS.TOKEN_ENCRYPTION_KEYS) as never;
    expect(await runLine([noun, verb, user], { store, session, sealingKeys })).toMatchObject({
      ended: 'done',
    });
  }
});

describe('a stream that looks by itself', () => {
  const often = { beatMs: 50, lifetimeMs: 300_000 };

  it('nothing has changed → beats, and no second state', async () => {
    const app = await world.start({ BASE_URL: one.origin }, { streamTiming: often });
    const stream = await watching(app);
    await until(() => stream.beats() > 2);
    expect(stream.states()).toHaveLength(1);
  });

  it('a session that ends by itself → told, and being watched does not extend it', async () => {
    // Its own app, which has extended nothing within the last minute, and would.
    const timing = { streamTiming: { ...often, lifetimeMs: 200 } };
    const app = await world.start({ BASE_URL: one.origin }, timing);
    const keys = await world.stored.keys('fc:1:session:*');
    await Promise.all(keys.map((key) => world.stored.pexpire(key, 700)));
    // Streams end by their age and are opened again, as browsers do it; each end might extend it.
    let stream = await open(app);
    while (stream.status === 200) {
      await until(stream.hasEnded);
      stream = await open(app);
    }
    expect(stream.status).toBe(204);
    expect(keys.length).toBeGreaterThan(0);
    expect(await world.stored.exists(...keys)).toBe(0);
  });

  it('Redis is away → keeps the stream and says nothing new; back again → catches up', async () => {
    const app = await world.start({ BASE_URL: one.origin }, { streamTiming: often });
    const stream = await watching(app);
    world.redis.pause();
    const { length } = stream.text();
    await until(() => stream.text().length > length + 4);
    world.redis.resume();
    expect(stream.hasEnded()).toBe(false);
    await until(async () => (await fetch(`${one.local}/readyz`)).ok);
    await elsewhere.post('/oauth/disconnect');
    await stream.next({ status: 'disconnected' });
    expect(stream.states()).toHaveLength(2);
  });
});

describe('a browser that is gone again', () => {
  it('before its session was found → no stream is left behind', async () => {
    const redisGate = await startRedisGate(world.redis.socketPath);
    const app = await world.start({ REDIS_URL: redisGate.url }, { streamTiming: RARELY });
    const hold = redisGate.hold((command) => command.includes('fc:1:session:'));
    const gone = new AbortController();
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const { signal } = gone;
    const asked = fetch(`${app.local}/portal/events`, { signal, headers: { cookie } });
    await hold.reached;
    gone.abort();
    await expect(asked).rejects.toThrow('aborted');
    await until(() => app.lines.some((line) => line.includes('/portal/events')));
    hold.release();
    // Redis answers in order: by now the first request has had its session, too.
    expect(
      (await copyOf(browser, app.local).json<{ signedIn: boolean }>('/api/session')).signedIn,
    ).toBe(true);
    const metrics = await (await fetch(`${app.local}/metrics`)).text();
    expect(metrics).toContain('fullscript_live_streams 0');
    await app.close();
    await redisGate.close();
  });
});

describe('Redis restarts', () => {
  it('what changed meanwhile → told as soon as it is back, by no look of its own', async () => {
    const own = await openWorldWithRedis();
    const app = await own.start({}, { streamTiming: RARELY });
    const visitor = createBrowser(app.origin);
    await visitor.signIn(own.simulator.people[0]!.id);
    const stream = await watching(app, visitor);
    // It comes back empty: the session is gone, and nobody tells.
    await own.redis.restart();
    await stream.next(GONE);
    await until(stream.hasEnded);
    await own.close();
  });
});

describe('LiveStreams', () => {
  const counts: number[] = [];
  const bounded = () =>
    createLiveStreams({ onCount: (count) => counts.push(count), ofOneUser: 2, ofTheProcess: 3 });

  it('one more than a user may have → the oldest of that user ends', () => {
    const live = bounded();
    const ended: string[] = [];
    const enter = (owner: string, name: string) => live.enter(owner, () => ended.push(name));
    enter('you', 'a');
    enter('me', 'b');
    const strike = enter('me', 'c');
    enter('me', 'd');
    expect(ended).toEqual(['b']);
    strike();
    strike();
    enter('me', 'e');
    expect(ended).toEqual(['b']);
    expect(counts).toEqual([1, 2, 3, 2, 3, 2, 3]);
  });

  it('one more than the process may have, or about to stop → refused', () => {
    const live = bounded();
    const ended: string[] = [];
    for (const owner of ['a', 'b', 'c']) live.enter(owner, () => ended.push(owner));
    expect(() => live.enter('d', () => undefined)).toThrow(LiveStreamsFullError);
    expect(ended).toEqual([]);
    live.close();
    expect(ended).toEqual(['a', 'b', 'c']);
    expect(() => bounded().enter('d', () => undefined)).not.toThrow();
    expect(() => live.enter('d', () => undefined)).toThrow(LiveStreamsFullError);
  });
});

describe('shutting down', () => {
  it('streams are open → they end at once, and nothing else is waited for', async () => {
    // A server that waited for streams would cut them off after twenty seconds.
    const app = await world.start({ BASE_URL: one.origin });
    const opened = await Promise.all([watching(app), watching(app), watching(app)]);
    const closed = app.close();
    await until(() => opened.every((stream) => stream.hasEnded()));
    await closed;
  });
});
