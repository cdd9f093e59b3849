import { tracingChannel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { watchRedis } from '../../src/tracing/redis-spans.js';
import type { Tracer } from '../../src/tracing/tracer.js';
import { type RecordedSpan, createRecordingTracer } from '../support/recording-tracer.js';

let spans: RecordedSpan[];
let tracer: Tracer;
let stop: () => void;

beforeEach(() => {
  ({ tracer, spans } = createRecordingTracer());
  stop = watchRedis(tracer);
});

afterEach(() => {
  stop();
});

/** A command as ioredis tells of it. */
function send(command: string, answer = () => Promise.resolve('stored')): Promise<unknown> {
  const message = {
    command,
    args: ['a-key', 'a-value'],
    database: 0,
    serverAddress: 'redis.example',
  };
  return tracingChannel('ioredis:command').tracePromise(answer, message);
}

const inSpan = (work: () => Promise<unknown>) => tracer.span({ name: 'work' }, work);

describe('watchRedis', () => {
  it('a command inside a span → a span with its name, and nothing of its arguments', async () => {
    await inSpan(() => send('hset'));
    expect(spans[1]).toEqual({
      ...{ name: 'HSET', kind: 'client', failed: undefined, ended: true },
      attributes: {
        'db.system.name': 'redis',
        'db.operation.name': 'HSET',
        'server.address': 'redis.example',
      },
    });
  });

  it('a command that nobody waits for → none', async () => {
    await send('bzpopmin');
    expect(spans).toEqual([]);
  });

  it('a command that fails → the kind of error, not what it says', async () => {
    class ReplyError extends Error {}
    const refused = () => Promise.reject(new ReplyError('WRONGTYPE at a-key'));
    await expect(inSpan(() => send('get', refused))).rejects.toThrow(ReplyError);
    expect(spans[1]).toMatchObject({ name: 'GET', failed: 'ReplyError', ended: true });
    expect(JSON.stringify(spans)).not.toContain('a-key');
  });

  it('a name that is none → the same for all of them', async () => {
    await inSpan(() => send('get a-key'));
    expect(spans[1]).toMatchObject({ name: '_OTHER' });
  });

  it('after the end → none', async () => {
    stop();
    await inSpan(() => send('get'));
    expect(spans.map(({ name }) => name)).toEqual(['work']);
  });
});
