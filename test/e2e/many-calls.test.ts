import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from '../support/browser.js';
import { gate } from '../support/gate.js';
import { ask } from '../support/requests.js';
import { scrape } from '../support/scrape.js';
import { until } from '../support/until.js';
import { type App, type World, openWorld } from '../support/world.js';

/** One user whose calls Fullscript takes its time for, and another one beside. */

const SLOW = '/api/fullscript/clinic/patients';
const QUICK = '/api/fullscript/clinic';
const OF_ONE_USER = 2;
/** All that a user may have open: under way, and waiting. */
const MOST = OF_ONE_USER + 10 * OF_ONE_USER;
/** What leaves a request to Express, and means nothing to it. */
const LEFT_TO_EXPRESS = { 'content-length': '0' };

let world: World;
let app: App;
let ann: Browser;
let bob: Browser;

beforeAll(async () => {
  world = await openWorld();
  app = await world.start({ CALLS_PER_USER: String(OF_ONE_USER) });
  [ann, bob] = [app.browser(), app.browser()];
  for (const [at, who] of [ann, bob].entries()) await who.signIn(world.simulator.people[at]!.id);
});

afterEach(() => {
  world.simulator.faults.reset();
});

afterAll(() => world.close());

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

function call(who: Browser, path: string, { headers, ...more }: Asked = {}) {
  const cookie = [...who.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  return ask(app.local, { path, headers: { cookie, ...headers }, agent: false, ...more });
}

const codeIn = ({ text }: { text: string }) => (JSON.parse(text) as { code?: string }).code;
const sent = () => world.simulator.requests.filter(({ path }) => path.endsWith('/clinic/patients'));

async function callsThat(state: 'under_way' | 'waiting_for_user' | 'waiting_for_connection') {
  return (await scrape(app.local)).get(`fullscript_api_calls{state="${state}"}`);
}

/** Has ann open so many calls that are not answered before `open`. */
async function hold(count: number, more: (at: number) => Asked = () => ({})) {
  const { opened, open } = gate();
  const path = '/api/clinic/patients';
  world.simulator.faults.add({ endpoint: 'api', kind: 'delay', until: opened, path });
  const calls = Array.from({ length: count }, (_, at) => call(ann, SLOW, more(at)));
  await until(async () => (await callsThat('waiting_for_user')) === count - OF_ONE_USER);
  return { calls, open };
}

describe('a user with more calls than may be under way', () => {
  it('SR-55 → they wait and are sent in turn; one too many is 429, whichever way it takes', async () => {
    const before = sent().length;
    const lines = app.lines.length;
    const { calls, open } = await hold(MOST);
    expect(sent().length - before).toBe(OF_ONE_USER);
    for (const headers of [{}, LEFT_TO_EXPRESS]) {
      const refused = await call(ann, SLOW, { headers });
      expect([refused.status, codeIn(refused)]).toEqual([429, 'too_many_open_calls']);
      expect(refused.headers).toMatchObject({
        ...{ 'retry-after': '2', 'content-type': 'application/problem+json; charset=utf-8' },
      });
    }
    // Said once a minute for each user, and counted each time.
    const said = app.lines.slice(lines).filter((line) => line.includes('too many open calls'));
    expect(said).toHaveLength(1);
    const name = 'fullscript_api_calls_not_sent_total{reason="too_many_open_calls"}';
    expect((await scrape(app.local)).get(name)).toBe(2);
    open();
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect([statuses.length, new Set(statuses)]).toEqual([MOST, new Set([200])]);
    expect(sent().length - before).toBe(MOST);
    expect(await callsThat('under_way')).toBe(0);
  });

  it('SR-55 → another user is answered meanwhile', async () => {
    const { calls, open } = await hold(MOST);
    const answers = await Promise.all(Array.from({ length: 5 }, () => call(bob, QUICK)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await callsThat('waiting_for_user')).toBe(MOST - OF_ONE_USER);
    open();
    await Promise.all(calls);
  });

  it('→ who is signed in is said meanwhile, since that asks nothing of Fullscript', async () => {
    const { calls, open } = await hold(MOST);
    expect((await call(ann, '/api/session')).status).toBe(200);
    open();
    await Promise.all(calls);
  });

  it('→ a page says that this part had no turn, and when to try again', async () => {
    const { calls, open } = await hold(MOST);
    const page = await call(ann, '/portal/patients', { headers: { accept: 'text/html' } });
    expect([page.status, page.headers['retry-after']]).toEqual([429, '2']);
    expect(page.text).toContain('Too many things are loading at once');
    open();
    await Promise.all(calls);
  });
});

describe('a client that goes away while its call waits', () => {
  it.each([
    ['ahead of Express', () => ({})],
    ['behind Express', () => ({ headers: LEFT_TO_EXPRESS })],
  ])('%s → the call is never sent, and is no failure', async (_way, how) => {
    const before = sent().length;
    const lines = app.lines.length;
    const impatient = new AbortController();
    const { calls, open } = await hold(8, (at) => ({
      ...how(),
      ...(at >= 4 && { signal: impatient.signal }),
    }));
    const gone = Promise.allSettled(calls.slice(4));
    impatient.abort();
    await until(async () => (await callsThat('waiting_for_user')) === 4 - OF_ONE_USER);
    open();
    const answers = await Promise.all(calls.slice(0, 4));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await gone).map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
    expect(sent().length - before).toBe(4);
    const written = () => app.records().slice(lines);
    await until(() => written().filter(({ status }) => status === 499).length === 4);
    expect(written().filter(({ msg }) => String(msg).startsWith('request failed'))).toEqual([]);
    expect(written().filter(({ msg }) => msg === 'request refused')).toEqual([]);
  });
});
