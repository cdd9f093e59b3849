import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { grantId } from '../../src/grants/grant.js';
import { grantKey, pendingKey } from '../support/keys.js';
import type { Fault } from '../../src/simulator/simulator.js';
import { rejection, shown } from '../fixtures/shown.js';
import type { Browser } from '../support/browser.js';
import { openCustody } from '../support/custody.js';
import { type Stage, type Visits, openStage, travel } from '../support/leaks/journey.js';
import { type KnownSecret, type Material, record } from '../support/leaks/recorder.mjs';
import { scan } from '../support/leaks/scan.js';

/**
 * No secret where it must not be. These suites look at one journey, with everything that can go wrong
 * on it; the same scan runs over the whole of `npm run test:all` when it ends (test/jest/teardown-all.mjs).
 */

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const ON_THE_WAY: Visits = {
  'sign-in denied': 403,
  'state altered': 400,
  'state of another browser': 400,
  'code refused': 400,
  'error that quotes': 502,
  'answer cut off': 502,
  'answer without a token': 502,
  'answer lost': 504,
  'answer about nobody': 502,
  'sign-in': 200,
  'callback reloaded': 200,
  session: 200,
  gateway: 200,
  'gateway after a refresh': 200,
  'gateway to an error': 500,
  'gateway to an answer that repeats the bearer': 502,
  'gateway to nothing': 404,
  'gateway to somewhere else': 400,
  'portal while a refresh fails': 502,
  'gateway while a refresh fails': 502,
  'refresh by hand': 502,
  'portal without a grant': 401,
  reconnect: 200,
  disconnect: 303,
  'portal after a disconnect': 200,
  'sign-out': 303,
  'sign-out everywhere': 303,
  'portal, seal broken': 500,
  'gateway, seal broken': 500,
  landing: 200,
  livez: 200,
  readyz: 200,
  'metrics refused': 401,
  metrics: 200,
  'no such page': 404,
  'no such API': 404,
  'not signed in': 401,
};

const KINDS = [
  ...['access token', 'refresh token', 'code', 'state', 'session id', 'binding'],
  ...['code verifier', 'client secret', 'session secret', 'sealing key', 'metrics token'],
];

describe('a journey', () => {
  let visits: Visits;

  beforeAll(async () => {
    visits = await travel(stage);
    await stage.dump();
  });

  const heard = (...channels: string[]) =>
    stage.materials.filter(({ channel }) => channels.includes(channel));
  const textOf = (...channels: string[]) =>
    heard(...channels)
      .map(({ text }) => text)
      .join('\n');

  /** A material of this channel with a token put into the middle of it. */
  function seeded(channel: string, write: (token: string) => string): Material {
    const [material] = heard(channel).sort((a, b) => b.text.length - a.text.length);
    const { text } = material!;
    const middle = Math.floor(text.length / 2);
    const token = write(stage.simulator.issued.accessTokens[0]!);
    return { ...material!, text: `${text.slice(0, middle)}${token}${text.slice(middle)}` };
  }

  it('SR-31 the journey meets everything, and every kind of secret is known', () => {
    expect(visits).toEqual(ON_THE_WAY);
    const kinds = new Set(stage.secrets.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual([...KINDS].sort());
    const { accessTokens, refreshTokens, codes } = stage.simulator.issued;
    const known = new Set(stage.secrets.map(({ value }) => value));
    for (const value of [...accessTokens, ...refreshTokens, ...codes]) {
      expect(known.has(value)).toBe(true);
    }
  });

  it('SR-31 every answer, header and cookie → no token, nor any other secret', () => {
    expect(heard('body').length).toBeGreaterThan(40);
    expect(textOf('header')).toContain('set-cookie: fc_session=');
    expect(scan(stage.secrets, heard('body', 'header', 'metrics'))).toEqual([]);
  });

  it('SR-37 Redis and its append-only file → nothing in clear', () => {
    const written = textOf('redis');
    for (const kind of ['grant', 'pending', 'session', 'user-sessions', 'queue', 'lock']) {
      expect(written).toContain(`fc:1:${kind}:`);
    }
    expect(scan(stage.secrets, heard('redis'))).toEqual([]);
  });

  it('SR-39 log lines down to trace, metrics and labels → no secret', () => {
    for (const line of ['"level":30', '"level":40', '"level":50', 'seal_broken', 'invalid_grant']) {
      expect(textOf('log')).toContain(line);
    }
    expect(textOf('metrics')).toContain('fullscript_sign_ins_total{outcome="success"}');
    expect(scan(stage.secrets, heard('log', 'metrics'))).toEqual([]);
  });

  it.each([
    ['SR-31', 'body'],
    ['SR-31', 'header'],
    ['SR-37', 'redis'],
    ['SR-39', 'log'],
    ['SR-39', 'metrics'],
  ])('%s a token put into a %s → the scan fails, however it is written', (_id, channel) => {
    const ways: [string, (token: string) => string][] = [
      ['as it is', (token) => token],
      ['as it is', (token) => token.replace(/./g, (c) => `%${c.charCodeAt(0).toString(16)}`)],
      ['base64', (token) => Buffer.from(`Bearer ${token}`).toString('base64')],
      ['hex', (token) => Buffer.from(token).toString('hex')],
    ];
    for (const [form, write] of ways) {
      const leaks = scan(stage.secrets, [seeded(channel, write)]);
      expect(leaks).toMatchObject([{ kind: 'access token', form, channel }]);
    }
  });
});

describe('sealed records in the wrong place', () => {
  /** The journey has left these people out: a grant that was replaced before is written to behind the answer. */
  async function signedIn(at: 4 | 5 | 6) {
    const person = stage.simulator.people[at]!;
    const browser = stage.browser();
    await browser.signIn(person.id);
    const owner = { id: person.id, type: person.type } as const;
    const key = grantKey(grantId({ registration: 'us-sandbox', owner }));
    expect(await stage.stored.exists(key)).toBe(1);
    return { browser, key, person };
  }

  /** Neither page nor API works, no call goes out, and nothing of `stranger` is shown. */
  async function expectRefused(browser: Browser, stranger: { name: string; id: string }) {
    const { apiCalls, refreshes } = stage.simulator.stats;
    const api = await browser.send('/api/fullscript/clinic');
    const session = await browser.send('/api/session');
    const page = await browser.send('/portal');
    for (const { status, text } of [api, session, page]) {
      expect(status).toBe(500);
      expect(text).not.toContain(stranger.name);
      expect(text).not.toContain(stranger.id);
    }
    expect(JSON.parse(api.text)).toMatchObject({ code: 'seal_broken' });
    expect(stage.simulator.stats).toMatchObject({ apiCalls, refreshes });
  }

  it('SR-37 the sealed grants of two users swapped → both get 500 seal_broken, nobody the other’s', async () => {
    const [one, two] = [await signedIn(4), await signedIn(5)];
    const [first, second] = [
      await stage.stored.hgetall(one.key),
      await stage.stored.hgetall(two.key),
    ];
    await stage.stored.hset(one.key, 's', second['s']!);
    await stage.stored.hset(two.key, 's', first['s']!);
    await expectRefused(one.browser, two.person);
    await expectRefused(two.browser, one.person);
    // With their versions too: the key alone must be enough.
    await stage.stored.hset(one.key, second);
    await stage.stored.hset(two.key, first);
    await expectRefused(one.browser, two.person);
    await stage.stored.hset(one.key, first);
    await stage.stored.hset(two.key, second);
    for (const { browser } of [one, two]) {
      expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    }
  });

  it('SR-37 an older record of the same user in place of the newer → 500 seal_broken', async () => {
    const { browser, key } = await signedIn(6);
    const before = await stage.stored.hgetall(key);
    stage.simulator.expireAccessTokens();
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    const after = await stage.stored.hgetall(key);
    expect(Number(after['v'])).toBe(Number(before['v']) + 1);
    await stage.stored.hset(key, 's', before['s']!);
    await expectRefused(browser, { name: 'nobody', id: 'nobody' });
    await stage.stored.hset(key, after);
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
  });

  it('SR-37 the records of two sign-ins swapped → neither succeeds, no code is sent', async () => {
    const pendingKeys = async () => new Set(await stage.stored.keys(pendingKey('*')));
    const others = await pendingKeys();
    const browsers = [stage.browser(), stage.browser()];
    const callbacks = await Promise.all(
      browsers.map((browser, at) => browser.consent({ person: stage.simulator.people[at]!.id })),
    );
    const [one, two] = [...(await pendingKeys())].filter((key) => !others.has(key));
    const [first, second] = [await stage.stored.get(one!), await stage.stored.get(two!)];
    await stage.stored.mset(one!, second!, two!, first!);
    const { exchanges } = stage.simulator.stats;
    for (const [at, browser] of browsers.entries()) {
      expect((await browser.send(callbacks[at]!)).status).toBe(500);
    }
    expect(stage.simulator.stats.exchanges).toBe(exchanges);
  });
});

describe('errors', () => {
  it('SR-39 whatever goes wrong between us and Fullscript → an error that shows no secret', async () => {
    const secrets: KnownSecret[] = [];
    const stop = record({ secret: (one) => secrets.push(one), material: () => undefined });
    const world = await openCustody({ tokenTimeoutMs: 200 });
    const { simulator } = world;
    const key = await world.connect();
    const { accessTokens, refreshTokens } = simulator.issued;
    const quoted = { error: 'odd', said: `${accessTokens.join()} ${refreshTokens.join()}` };
    const faults: Partial<Fault>[] = [
      ...[302, 400, 401, 403, 429, 500].map(
        (status) => ({ kind: 'status', status, body: quoted }) as const,
      ),
      ...([{ kind: 'drop' }, { kind: 'lost_answer' }, { kind: 'garbage' }] as const),
      { kind: 'delay', ms: 60_000 },
      { kind: 'missing_field', fields: ['access_token'] },
    ];
    const errors: unknown[] = [];
    for (const fault of faults) {
      simulator.faults.reset();
      simulator.faults.add({ endpoint: 'token', ...fault } as Fault);
      world.clock.advance(7200_000);
      errors.push(await rejection(world.refresher().current(key)));
      errors.push(await rejection(world.connect()));
    }
    await world.close();
    stop();
    const texts = errors.map((error) => ({ channel: 'error', where: '', text: shown(error) }));
    const codes = errors.map((error) => (error as { code?: unknown }).code);
    for (const code of ['invalid_response', 'rate_limited', 'server_error', 'no_answer']) {
      expect(codes).toContain(code);
    }
    expect(secrets.length).toBeGreaterThan(10);
    expect(scan(secrets, texts)).toEqual([]);
  });
});
