import { describe, expect, it } from '@jest/globals';
import { LockTimeoutError } from '../../src/grants/errors.js';
import type { GrantEvents } from '../../src/grants/grant-events.js';
import type { GrantKey } from '../../src/grants/grant.js';
import type { Lock } from '../../src/grants/lock.js';
import { FullscriptApiError } from '../../src/fullscript/errors.js';
import { createMemoryLock } from '../../src/memory/lock.js';
import { TokenEndpointError } from '../../src/oauth/errors.js';
import { tracedApiCalls } from '../../src/tracing/traced-api-calls.js';
import { tracedDisconnect } from '../../src/tracing/traced-disconnect.js';
import { tracedEvents } from '../../src/tracing/traced-events.js';
import { refreshLock, tracedLock } from '../../src/tracing/traced-lock.js';
import { noTracer } from '../../src/tracing/tracer.js';
import { createRecordingTracer } from '../support/recording-tracer.js';

const KEY: GrantKey = {
  registration: 'us-sandbox',
  owner: { id: 'a-user-id', type: 'Practitioner' },
};
const OUTCOME = 'fullscript_connect.outcome';

/** Events that nobody hears. */
const EVENTS = new Proxy({} as GrantEvents, { get: () => () => undefined });

describe('the lock with spans', () => {
  it('work under the lock → the wait has ended before, and nothing of the id is in a span', async () => {
    const { tracer, spans } = createRecordingTracer();
    const lock = tracedLock(createMemoryLock(), tracer);
    const seen = await lock.run('an-id', 0, () => Promise.resolve(spans[0]!.ended));
    expect(seen).toBe(true);
    expect(spans).toEqual([
      { name: 'lock wait', kind: 'internal', attributes: {}, failed: undefined, ended: true },
    ]);
  });

  it('a lock that does not come free → the wait has failed, the refresh says so', async () => {
    const { tracer, spans } = createRecordingTracer();
    const taken: Lock = { run: () => Promise.reject(new LockTimeoutError()) };
    const lock = refreshLock(tracedLock(taken, tracer), tracer);
    await expect(lock.run('an-id', 0, () => Promise.resolve(1))).rejects.toThrow(LockTimeoutError);
    expect(spans.map(({ name, failed, ended }) => ({ name, failed, ended }))).toEqual([
      { name: 'refresh', failed: 'LockTimeoutError', ended: true },
      { name: 'lock wait', failed: 'refresh_busy', ended: true },
    ]);
    expect(spans[0]!.attributes[OUTCOME]).toBe('lock_taken');
  });

  it('work that fails → the wait has not', async () => {
    const { tracer, spans } = createRecordingTracer();
    const lock = tracedLock(createMemoryLock(), tracer);
    const failing = lock.run('an-id', 0, () => Promise.reject(new Error('work')));
    await expect(failing).rejects.toThrow('work');
    expect(spans[0]).toMatchObject({ name: 'lock wait', failed: undefined });
  });
});

describe('a refresh with spans', () => {
  const error = new TokenEndpointError('rate_limited');
  it.each<{
    case: string;
    happens: (events: GrantEvents) => void;
    outcome: string;
    failed?: string;
  }>([
    { case: 'another one had done it', happens: () => undefined, outcome: 'already_refreshed' },
    { case: 'it worked', happens: (to) => to.refreshed(KEY, 5), outcome: 'refreshed' },
    {
      case: 'Fullscript refused',
      happens: (to) => to.refreshFailed(KEY, error),
      ...{ outcome: 'failed', failed: 'rate_limited' },
    },
    {
      case: 'only the user can help',
      happens: (to) => to.reconnectNeeded(KEY, 'refresh_token_refused'),
      outcome: 'reconnect_needed',
    },
    {
      case: 'the store did not take it',
      happens: (to) => to.saveFailed(KEY, new Error('away')),
      outcome: 'save_failed',
    },
  ])('$case → the outcome is on the span', async ({ happens, outcome, failed }) => {
    const { tracer, spans } = createRecordingTracer();
    const events = tracedEvents(EVENTS, tracer);
    await refreshLock(createMemoryLock(), tracer).run('an-id', 0, () => {
      happens(events);
      return Promise.resolve();
    });
    expect(spans).toHaveLength(1);
    expect(spans[0]).toMatchObject({ attributes: { [OUTCOME]: outcome }, failed });
  });
});

describe('calls of the API with spans', () => {
  const call = { method: 'GET', hostname: 'api.example', resent: 0 };
  const answer = {
    status: 404,
    contentType: undefined,
    requestId: undefined,
    retryAfter: undefined,
    location: undefined,
    headers: {},
    body: Buffer.from('about a patient'),
  };

  it('an answer → its status; a refusal is a failure; the body is nowhere', async () => {
    const { tracer, spans } = createRecordingTracer();
    expect(await tracedApiCalls(tracer)!(call, () => Promise.resolve(answer))).toBe(answer);
    expect(spans).toEqual([
      {
        name: 'Fullscript GET',
        kind: 'client',
        attributes: {
          'http.request.method': 'GET',
          'server.address': 'api.example',
          'http.response.status_code': 404,
        },
        failed: '404',
        ended: true,
      },
    ]);
  });

  it('no answer, sent for the third time → the code, and how often it was sent before', async () => {
    const { tracer, spans } = createRecordingTracer();
    const error = new FullscriptApiError('fullscript_timeout');
    const again = { ...call, resent: 2 };
    expect(await tracedApiCalls(tracer)!(again, () => Promise.resolve(error))).toBe(error);
    expect(spans[0]).toMatchObject({
      failed: 'fullscript_timeout',
      attributes: { 'http.request.resend_count': 2 },
    });
  });
});

describe('without traces', () => {
  it('every decorator → what it was given', () => {
    const lock = createMemoryLock();
    const disconnect = () => Promise.resolve('revoked' as const);
    expect(tracedLock(lock, noTracer)).toBe(lock);
    expect(refreshLock(lock, noTracer)).toBe(lock);
    expect(tracedEvents(EVENTS, noTracer)).toBe(EVENTS);
    expect(tracedDisconnect(disconnect, noTracer)).toBe(disconnect);
    expect(tracedApiCalls(noTracer)).toBeUndefined();
  });
});
