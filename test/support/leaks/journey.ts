import { dirname } from 'node:path';
import type { Redis } from 'ioredis';
import { grantId } from '../../../src/grants/grant.js';
import { grantKey } from '../keys.js';
import type { Simulator } from '../../../src/simulator/simulator.js';
import type { Browser } from '../browser.js';
import { saveDump } from '../redis-dump.js';
import { DURABLE } from '../redis-server.js';
import { until } from '../until.js';
import { openWorldWithRedis } from '../world.js';
import { recordFolder } from './material.js';
import { type KnownSecret, type Material, record } from './recorder.mjs';

/** A server, and all that is heard of it. */
export interface Stage {
  readonly simulator: Simulator;
  readonly stored: Redis;
  readonly secrets: KnownSecret[];
  readonly materials: Material[];
  readonly browser: () => Browser;
  /** Has Redis written down, and hands it in. */
  readonly dump: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function openStage(extra: Record<string, string> = {}): Promise<Stage> {
  const secrets: KnownSecret[] = [];
  const materials: Material[] = [];
  const stop = record({
    secret: (secret) => secrets.push(secret),
    material: (material) => materials.push(material),
  });
  // The append-only file holds everything that was ever written, not only what is left.
  const { redis, ...world } = await openWorldWithRedis({ args: DURABLE });
  const app = await world.start(
    { FULLSCRIPT_PKCE: 'on', METRICS_TOKEN, ...extra },
    { revocationRetryMs: 50 },
  );
  return {
    simulator: world.simulator,
    stored: world.stored,
    secrets,
    materials,
    browser: app.browser,
    dump: async () => {
      await saveDump(redis.socketPath, []);
      recordFolder('redis', dirname(redis.socketPath));
    },
    close: async () => {
      await world.close();
      stop();
    },
  };
}

const METRICS_TOKEN = 'a-metrics-token-that-is-long-enough';
const EXCHANGE = { endpoint: 'token', grantType: 'authorization_code', times: 1 } as const;
const REFRESH = { endpoint: 'token', grantType: 'refresh_token' } as const;

/** What a visit led to, to be compared with what it had to. */
export type Visits = Record<string, number | string | null>;

/** Everything that can happen to somebody's sign-in, one after the other. */
export async function travel(stage: Stage): Promise<Visits> {
  return {
    ...(await failToSignIn(stage)),
    ...(await useTheGrant(stage)),
    ...(await loseTheGrant(stage)),
    ...(await leave(stage)),
    ...(await findBrokenRecord(stage)),
    ...(await lookAround(stage)),
  };
}

/** A body that repeats secrets, as a careless server or proxy may do. */
function quoting({ issued }: Simulator): string {
  const quoted = [issued.codes, issued.accessTokens, issued.refreshTokens].map((all) => all.at(-1));
  return `<p>The request was ${quoted.join(' ')}</p>`;
}

/** Never the character that is there: a state may begin with any. */
const anotherFirst = (_: string, first: string) => `state=${first === '_' ? '-' : '_'}`;

async function failToSignIn({ simulator, browser }: Stage): Promise<Visits> {
  const person = simulator.people[0]!.id;
  const first = browser();
  const denied = await first.open(await first.consent({ person, decision: 'deny' }));
  const callback = await first.consent({ person });
  const altered = await first.send(callback.replace(/state=(.)/, anotherFirst));
  const elsewhere = await browser().send(callback);
  const failing = async (fault: Partial<Parameters<Simulator['faults']['add']>[0]>) => {
    const next = await first.consent({ person });
    simulator.faults.add({ ...EXCHANGE, ...fault } as Parameters<Simulator['faults']['add']>[0]);
    return (await first.send(next)).status;
  };
  const body = { error: 'invalid_grant', error_description: quoting(simulator) };
  return {
    'sign-in denied': denied.status,
    'state altered': altered.status,
    'state of another browser': elsewhere.status,
    'code refused': await failing({ kind: 'status', status: 400, body }),
    'error that quotes': await failing({ kind: 'status', status: 500, body: quoting(simulator) }),
    'answer cut off': await failing({ kind: 'garbage' }),
    'answer without a token': await failing({ kind: 'missing_field', fields: ['access_token'] }),
    'answer lost': await failing({ kind: 'lost_answer' }),
    'answer about nobody': await failing({ kind: 'missing_field', fields: ['resource_owner'] }),
  };
}

async function useTheGrant({ simulator, browser }: Stage): Promise<Visits> {
  const person = simulator.people[0]!.id;
  const one = browser();
  const callback = await one.consent({ person });
  const signedIn = await one.open(callback);
  const reloaded = await one.open(callback);
  const session = await one.send('/api/session');
  const called = await one.send('/api/fullscript/clinic');
  simulator.expireAccessTokens();
  const refreshed = await one.send('/api/fullscript/clinic');
  simulator.faults.add({ endpoint: 'api', kind: 'status', status: 500, body: 'broken', times: 9 });
  const broken = await one.send('/api/fullscript/clinic');
  simulator.faults.reset();
  const body = quoting(simulator);
  simulator.faults.add({ endpoint: 'api', kind: 'status', status: 404, body, times: 1 });
  const quoted = await one.send('/api/fullscript/clinic');
  const missing = await one.send('/api/fullscript/nowhere');
  const outside = await one.sendRaw('/api/fullscript/../oauth/token');
  return {
    'sign-in': signedIn.status,
    'callback reloaded': reloaded.status,
    session: session.status,
    gateway: called.status,
    'gateway after a refresh': refreshed.status,
    'gateway to an error': broken.status,
    'gateway to an answer that repeats the bearer': quoted.status,
    'gateway to nothing': missing.status,
    'gateway to somewhere else': outside.status,
  };
}

async function loseTheGrant({ simulator, browser }: Stage): Promise<Visits> {
  const person = simulator.people[1]!.id;
  const one = browser();
  await one.signIn(person);
  simulator.expireAccessTokens();
  const body = { error: 'invalid_client', error_description: quoting(simulator) };
  simulator.faults.add({ ...REFRESH, kind: 'status', status: 401, body });
  const failed = [await one.send('/portal'), await one.send('/api/fullscript/clinic')];
  const byHand = await one.post('/oauth/refresh', { returnTo: '/portal' });
  simulator.faults.reset();
  simulator.faults.add({ ...REFRESH, kind: 'status', status: 500, body: quoting(simulator) });
  await one.send('/api/fullscript/clinic');
  simulator.faults.reset();
  simulator.revokeAuthorization(person);
  await until(async () => (await one.send('/api/fullscript/clinic')).status === 401);
  const lost = await one.send('/portal');
  const again = await one.signIn(person);
  return {
    'portal while a refresh fails': failed[0]!.status,
    'gateway while a refresh fails': failed[1]!.status,
    'refresh by hand': byHand.status,
    'portal without a grant': lost.status,
    reconnect: again.status,
  };
}

/** The revocation fails once, so that it lies in the queue meanwhile. */
async function leave({ simulator, browser }: Stage): Promise<Visits> {
  const [one, two] = [browser(), browser()];
  await one.signIn(simulator.people[2]!.id);
  await two.signIn(simulator.people[2]!.id);
  const body = quoting(simulator);
  simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503, body, times: 2 });
  const disconnected = await one.post('/oauth/disconnect');
  const afterwards = await one.open('/portal');
  await one.signIn(simulator.people[2]!.id);
  const signedOut = await one.post('/sign-out');
  const everywhere = await two.post('/sign-out/everywhere');
  return {
    disconnect: disconnected.status,
    'portal after a disconnect': afterwards.status,
    'sign-out': signedOut.status,
    'sign-out everywhere': everywhere.status,
  };
}

async function findBrokenRecord({ simulator, browser, stored }: Stage): Promise<Visits> {
  const one = browser();
  const person = simulator.people[3]!;
  await one.signIn(person.id);
  const { registration, resourceOwner } = await one.json<{
    registration: 'us-sandbox';
    resourceOwner: { id: string; type: 'Practitioner' };
  }>('/api/session');
  const key = grantKey(grantId({ registration, owner: resourceOwner }));
  const sealed = (await stored.hget(key, 's')) ?? '';
  await stored.hset(key, 's', `${sealed.slice(0, -4)}AAAA`);
  const page = await one.send('/portal');
  const api = await one.send('/api/fullscript/clinic');
  return { 'portal, seal broken': page.status, 'gateway, seal broken': api.status };
}

async function lookAround({ browser }: Stage): Promise<Visits> {
  const one = browser();
  const authorization = `Bearer ${METRICS_TOKEN}`;
  const get = async (path: string, headers = {}) => (await one.send(path, { headers })).status;
  return {
    landing: await get('/'),
    livez: await get('/livez'),
    readyz: await get('/readyz'),
    'metrics refused': await get('/metrics'),
    metrics: await get('/metrics', { authorization }),
    'no such page': await get('/nowhere'),
    'no such API': await get('/api/nowhere'),
    'not signed in': await get('/api/fullscript/clinic'),
  };
}
