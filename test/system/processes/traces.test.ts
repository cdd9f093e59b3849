import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { grantId } from '../../../src/grants/grant.js';
import type { ReceivedSpan } from '../../support/collector.js';
import { type TracedServers, openTracedServers } from '../../support/traced-servers.js';

const OUTCOME = 'fullscript_connect.outcome';
const SERVER = 2;
const CLIENT = 3;

let servers: TracedServers;
let spans: readonly ReceivedSpan[];
/** What must not be in a span. */
let ids: string[];
let answers: { status: number; requestId: string | null }[];

// One journey, looked at from all sides: sign-in, a page, a call with a refresh, disconnect.
beforeAll(async () => {
  servers = await openTracedServers();
  const { simulator, collector } = servers;
  const { browser, stop } = await servers.start(servers.toCollector);
  const person = simulator.people[0]!;
  const callback = await browser.consent({ person: person.id });
  const signedIn = await browser.open(callback);
  const cookies = [...browser.cookies.values()];
  const patients = await browser.send('/portal/patients?q=searched-name');
  const [, patient = 'none'] = /\/portal\/patients\/([\w-]{8,})/.exec(patients.text) ?? [];
  const { resourceOwner: owner } = await browser.json<{
    resourceOwner: { id: string; type: 'Practitioner' };
  }>('/api/session');
  simulator.expireAccessTokens();
  const called = await browser.send(`/api/fullscript/clinic/patients/${patient}?include=all-of-it`);
  const disconnected = await browser.post('/oauth/disconnect');
  answers = [signedIn, patients, called, disconnected].map(({ status, headers }) => ({
    status,
    requestId: headers.get('x-request-id'),
  }));
  await stop();
  spans = collector.spans();
  const { codes, accessTokens, refreshTokens } = simulator.issued;
  const state = new URL(callback, browser.origin).searchParams.get('state') ?? 'none';
  ids = [
    ...[person.id, owner.id, patient, state, 'searched-name', 'all-of-it'],
    grantId({ registration: 'us-sandbox', owner }),
    ...[...codes, ...accessTokens, ...refreshTokens, ...cookies],
  ];
});

afterAll(() => servers.close());

function only(name: string): ReceivedSpan {
  const found = spans.filter((span) => span.name === name);
  expect(found.map((span) => span.name)).toEqual([name]);
  return found[0]!;
}

/** What ran directly inside a span, in order. */
function inside(parent: ReceivedSpan): ReceivedSpan[] {
  const at = ({ startTimeUnixNano }: ReceivedSpan) => BigInt(startTimeUnixNano);
  return spans
    .filter(({ parentSpanId }) => parentSpanId === parent.spanId)
    .sort((a, b) => (at(a) < at(b) ? -1 : 1));
}

const isRedis = ({ attributes }: ReceivedSpan) => attributes['db.system.name'] === 'redis';
const namesIn = (parent: ReceivedSpan) =>
  inside(parent)
    .filter((span) => !isRedis(span))
    .map(({ name }) => name);

describe('the traces of a journey', () => {
  it('each request → one trace that begins with its route, status and request id', () => {
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 303]);
    const roots = spans.filter(({ parentSpanId }) => !parentSpanId);
    expect(roots.map(({ name, kind }) => [name, kind])).toEqual([
      ['GET /oauth/authorize', SERVER],
      ['GET /oauth/callback', SERVER],
      ['GET /portal', SERVER],
      ['GET /portal/patients', SERVER],
      ['GET /api/session', SERVER],
      ['GET /api/fullscript/*', SERVER],
      ['GET /api/session', SERVER],
      ['POST /oauth/disconnect', SERVER],
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(roots.length);
    expect(only('GET /api/fullscript/*').attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/api/fullscript/*',
      'http.response.status_code': 200,
      'fullscript_connect.request_id': answers[2]!.requestId,
    });
    expect(servers.collector.services()).toEqual(new Set(['fullscript-connect']));
  });

  it('sign-in → start, exchange and save are in it', () => {
    expect(namesIn(only('GET /oauth/authorize'))).toEqual(['sign-in start']);
    expect(namesIn(only('GET /oauth/callback'))).toEqual(['sign-in finish', 'sign-in admit']);
    const finish = only('sign-in finish');
    expect(namesIn(finish)).toEqual(['token exchange', 'grant read', 'grant save']);
    expect(only('token exchange')).toMatchObject({
      kind: CLIENT,
      attributes: {
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'server.address': '127.0.0.1',
        'fullscript_connect.registration': 'us-sandbox',
      },
    });
  });

  it('a gateway call with a rejected token → the refused call, the refresh, the call again', () => {
    const call = only('GET /api/fullscript/*');
    const names = ['access token', 'Fullscript GET', 'access token', 'Fullscript GET'];
    expect(namesIn(call)).toEqual(names);
    const [refused, again] = inside(call).filter(({ name }) => name === 'Fullscript GET');
    expect(refused!.attributes).toMatchObject({ 'http.response.status_code': 401 });
    expect(again!.attributes).toMatchObject({
      'http.response.status_code': 200,
      'http.request.resend_count': 1,
    });
    const refresh = only('refresh');
    expect(refresh.traceId).toBe(call.traceId);
    expect(refresh.attributes[OUTCOME]).toBe('refreshed');
    const parts = namesIn(refresh);
    expect(parts.slice(0, 4)).toEqual(['lock wait', 'grant read', 'token refresh', 'grant save']);
  });

  it('disconnect → both revocations are in it', () => {
    const disconnect = only('disconnect');
    expect(disconnect.attributes[OUTCOME]).toBe('revoked');
    const revocations = namesIn(disconnect).filter((name) => name === 'token revocation');
    expect(revocations).toHaveLength(2);
  });

  it('Redis commands → inside what they were sent for, by name alone; none by itself', () => {
    const commands = spans.filter(isRedis);
    expect(commands.length).toBeGreaterThan(20);
    expect(commands.filter(({ parentSpanId }) => !parentSpanId)).toEqual([]);
    const read = inside(spans.find(({ name }) => name === 'grant read')!);
    expect(read.map(({ name, kind }) => [name, kind])).toEqual([['HMGET', CLIENT]]);
    for (const { attributes } of commands) {
      expect(Object.keys(attributes).sort()).toEqual([
        'db.operation.name',
        'db.system.name',
        'server.address',
      ]);
      expect(attributes['db.operation.name']).toMatch(/^[A-Z]+$/);
    }
  });

  it('no token, code, state, cookie, id of a person or query is in what was exported', () => {
    const exported = servers.collector.requests.map(({ body }) => body.toString()).join('\n');
    expect(ids.filter((id) => id.length < 8)).toEqual([]);
    expect(ids.filter((id) => exported.includes(id))).toEqual([]);
    expect(spans.filter(({ events, status }) => events.length > 0 || status.message)).toEqual([]);
  });
});
