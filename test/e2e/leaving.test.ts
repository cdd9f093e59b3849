import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sessionHash, sessionKey } from '../support/keys.js';
import { decodeSession } from '../../src/redis/session-codec.js';
import { type Browser, copyOf, sessionIdOf, sessionOf } from '../support/browser.js';
import type { TestRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';

/** Leaving works whatever Redis does; at the least the browser gives its cookie back. */

let world: World<TestRedis>;
let app: App;

beforeAll(async () => {
  world = await openWorldWithRedis();
  // High, so that nothing is refused, and on, so that everything is counted.
  app = await world.start({ RATE_LIMIT_OAUTH: '1000' }, { lateEndsMs: 50, writeTrialMs: 50 });
});

afterAll(() => world.close());

interface Trouble {
  readonly name: string;
  readonly begin: () => unknown;
  readonly end: () => unknown;
  /** Of `/readyz`. */
  readonly reason: 'store_read_only' | 'store_unavailable';
  /** Whether Redis still removes records. */
  readonly removes: boolean;
}

const setting = (name: string, bad: string, good: string) => ({
  begin: () => world.stored.config('SET', name, bad),
  end: () => world.stored.config('SET', name, good),
});

const readOnly = { reason: 'store_read_only', removes: false } as const;

const TROUBLES: readonly Trouble[] = [
  { name: 'is full', ...setting('maxmemory', '1', '0'), ...readOnly, removes: true },
  { name: 'lacks its replicas', ...setting('min-replicas-to-write', '1', '0'), ...readOnly },
  {
    name: 'has become a replica',
    begin: () => world.stored.replicaof('127.0.0.1', 1),
    end: () => world.stored.replicaof('NO', 'ONE'),
    ...readOnly,
  },
  {
    name: 'lets this login write nothing',
    begin: () => world.stored.call('ACL', 'SETUSER', 'default', '-@write'),
    end: () => world.stored.call('ACL', 'SETUSER', 'default', '+@all'),
    ...readOnly,
  },
  {
    name: 'is silent',
    begin: () => world.redis.pause(),
    end: () => world.redis.resume(),
    reason: 'store_unavailable',
    removes: false,
  },
];

/** Signs in, has Redis get into trouble, and mends it in the end. */
async function during(
  trouble: Trouble,
  work: (browser: Browser, _csrf: string) => Promise<void>,
): Promise<void> {
  const browser = app.browser();
  await browser.signIn(world.simulator.people[0]!.id);
  const _csrf = await browser.csrfToken();
  await trouble.begin();
  try {
    await work(browser, _csrf);
  } finally {
    await trouble.end();
    await until(async () => (await app.browser().send('/readyz')).status === 200);
  }
}

function leave(browser: Browser, path: string, fields: Record<string, string>) {
  const headers = { origin: app.local };
  return browser.send(path, { method: 'POST', headers, body: new URLSearchParams(fields) });
}

describe('signing out', () => {
  it.each(TROUBLES)(
    'Redis $name → the cookie goes, and the page says what that means',
    async (trouble) => {
      let copy: Browser | undefined;
      await during(trouble, async (browser, _csrf) => {
        copy = copyOf(browser, app.local);
        const { status, location } = await leave(browser, '/sign-out', { _csrf });
        expect({ status, location }).toEqual({
          status: 303,
          location: trouble.removes ? '/' : '/?signedOut=here',
        });
        expect(browser.cookies.has('fc_session')).toBe(false);
        const { text } = await browser.send(location!);
        expect(text.includes('You are signed out in this browser.')).toBe(!trouble.removes);
      });
      // What could not be removed then is removed now.
      await until(async () => !(await sessionOf(copy!)).signedIn);
    },
  );

  it.each(TROUBLES.filter(({ removes }) => !removes))(
    'on all devices, Redis $name → this browser leaves, and is told that the others have not',
    async (trouble) => {
      await during(trouble, async (browser, _csrf) => {
        const { location } = await leave(browser, '/sign-out/everywhere', { _csrf });
        expect(location).toBe('/?signedOut=only-here');
        expect(browser.cookies.has('fc_session')).toBe(false);
        const { text } = await browser.send(location!);
        expect(text).toContain('Your other devices are still signed in.');
      });
    },
  );

  it('a session that is too old, Redis lacks its replicas → nobody is signed in, and no error', async () => {
    const lacking = TROUBLES.find(({ name }) => name === 'lacks its replicas')!;
    const browser = app.browser();
    await browser.signIn(world.simulator.people[0]!.id);
    const key = sessionKey(sessionHash(sessionIdOf(browser)));
    const { signIn, ...session } = decodeSession((await world.stored.get(key))!)!;
    const older = { ...session, signIn: { ...signIn, at: 0 } };
    await world.stored.set(key, JSON.stringify(older), 'KEEPTTL');
    await during(lacking, async () => {
      expect(await browser.send('/')).toMatchObject({ status: 200 });
      expect(await sessionOf(browser)).toEqual({ signedIn: false });
    });
  });

  it('a sign-in is under way, Redis takes no writes → its cookie goes as well', async () => {
    const lacking = TROUBLES.find(({ name }) => name === 'lacks its replicas')!;
    const bindingsOf = ({ cookies }: Browser) =>
      [...cookies.keys()].filter((name) => name.startsWith('fc_auth_'));
    const browser = app.browser();
    await browser.signIn(world.simulator.people[0]!.id);
    const _csrf = await browser.csrfToken();
    await browser.consent({ person: world.simulator.people[0]!.id });
    expect(bindingsOf(browser)).toHaveLength(1);
    await lacking.begin();
    try {
      expect((await leave(browser, '/sign-out', { _csrf })).location).toBe('/?signedOut=here');
    } finally {
      await lacking.end();
      await until(async () => (await app.browser().send('/readyz')).status === 200);
    }
    expect(bindingsOf(browser)).toEqual([]);
  });

  it('Redis is silent, a foreign page asks → refused, and the cookie stays', async () => {
    const silent = TROUBLES.find(({ name }) => name === 'is silent')!;
    await during(silent, async (browser) => {
      const headers = { origin: 'https://elsewhere.example' };
      const answer = await browser.send('/sign-out', { method: 'POST', headers });
      expect(answer.status).toBe(403);
      expect(browser.cookies.has('fc_session')).toBe(true);
    });
  });

  it.each(['/sign-out/others', '/sign-out/session'])(
    'Redis is silent, POST %s for another session → 503, and the cookie stays',
    async (path) => {
      const silent = TROUBLES.find(({ name }) => name === 'is silent')!;
      await during(silent, async (browser, _csrf) => {
        const answer = await leave(browser, path, { _csrf, session: 'another' });
        expect(answer.status).toBe(503);
        expect(browser.cookies.has('fc_session')).toBe(true);
      });
    },
  );
});

describe('/readyz', () => {
  it.each(TROUBLES)('Redis $name → 503, $reason; when it is well again → 200', async (trouble) => {
    await during(trouble, async (browser) => {
      await until(async () => {
        const { reasons } = await browser.json<{ reasons: string[] }>('/readyz');
        return reasons.includes(trouble.reason);
      });
    });
  });
});
