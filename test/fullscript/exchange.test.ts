import { validateHeaderValue } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { UnknownCodingError, decoded } from '../../src/fullscript/content-coding.js';
import { exchange } from '../../src/fullscript/exchange.js';
import { type Answer, answering, closePeers, startPeer, thenHeldUp } from '../fixtures/peer.js';
import { rejection, shown } from '../fixtures/shown.js';
import { until } from '../support/until.js';
import { clientAt } from './client.js';

const TOKEN = 'access-token-77d0c1';
const TEXT = '{"name":"Zoë 李"}'.repeat(100);
const MEBIBYTE = 1024 * 1024;
const LARGEST = 32 * MEBIBYTE;
/** Of brotli, which at its best takes seconds for this much. */
const QUICKEST = { [constants.BROTLI_PARAM_QUALITY]: 0 };
const get = { method: 'GET', path: '/clinic' };

afterEach(closePeers);

/** Answers with bytes as they are. */
function sending(
  body: Uint8Array,
  headers: Record<string, string | string[]>,
  status = 200,
): Answer {
  return (res) => {
    res.writeHead(status, { 'content-length': body.length, ...headers }).end(body);
  };
}

const packed = (coding: string, body: Uint8Array) => sending(body, { 'content-encoding': coding });

async function clientOf(answer: Answer) {
  const peer = await startPeer(answer);
  return { peer, api: clientAt(`${peer.origin}/api`, TOKEN) };
}

/** One exchange with a peer, without a client around it. */
function exchangeWith(origin: string, timeoutMs: number, path = '/') {
  const url = new URL(path, origin);
  return exchange({ method: 'GET', url, headers: {}, body: undefined, timeoutMs });
}

describe('decoded', () => {
  const bytes = Buffer.from(TEXT);

  it.each<[string, Buffer]>([
    ['gzip', gzipSync(TEXT)],
    ['x-gzip', gzipSync(TEXT)],
    ['deflate', deflateSync(TEXT)],
    ['deflate', deflateRawSync(TEXT)],
    ['br', brotliCompressSync(TEXT)],
    ['identity', bytes],
    [' GZip ', gzipSync(TEXT)],
  ])('%s → as it was', async (coding, body) => {
    expect(await decoded(body, { coding, most: bytes.length })).toEqual(bytes);
  });

  it.each(['gzip', 'deflate', 'br'])('%s, a byte too large → RangeError', async (coding) => {
    const pack = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync }[coding]!;
    const error = await rejection(decoded(pack(bytes), { coding, most: bytes.length - 1 }));
    expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_BUFFER_TOO_LARGE' });
  });

  it.each(['zstd', 'compress', 'gzip, br', '', 'constructor'])('%j → unknown', async (coding) => {
    const error = await rejection(decoded(bytes, { coding, most: LARGEST }));
    expect(error).toBeInstanceOf(UnknownCodingError);
  });

  it('damaged → an error', async () => {
    const error = await rejection(decoded(bytes, { coding: 'gzip', most: LARGEST }));
    expect(error).toMatchObject({ code: 'Z_DATA_ERROR' });
  });
});

describe('a packed answer', () => {
  it.each<[string, Answer]>([
    ['gzip', packed('gzip', gzipSync(TEXT))],
    ['deflate', packed('deflate', deflateSync(TEXT))],
    ['br', packed('br', brotliCompressSync(TEXT))],
    ['not at all', sending(Buffer.from(TEXT), {})],
    ['identity', packed('identity', Buffer.from(TEXT))],
  ])('%s → unpacked, and what we understand was said', async (_coding, answer) => {
    const { peer, api } = await clientOf(answer);
    expect((await api.request(get)).body.toString()).toBe(TEXT);
    expect(peer.received).toHaveLength(1);
    expect(peer.received[0]?.headers['accept-encoding']).toBe('gzip, deflate, br');
  });

  it('in many pieces → put together first', async () => {
    const body = gzipSync(TEXT);
    const { api } = await clientOf((res) => {
      res.writeHead(200, { 'content-encoding': 'gzip' });
      const send = (at: number): void => {
        if (at >= body.length) res.end();
        else res.write(body.subarray(at, at + 16), () => setImmediate(send, at + 16));
      };
      send(0);
    });
    expect((await api.request(get)).body.toString()).toBe(TEXT);
  });

  it.each([
    ['HEAD', 'HEAD', 200],
    ['304', 'GET', 304],
    ['204', 'GET', 204],
  ])('%s, which has no body → nothing to unpack', async (_what, method, status) => {
    const { api } = await clientOf((res) => {
      res.writeHead(status, { 'content-encoding': 'gzip' }).end();
    });
    const answer = await api.request({ ...get, method });
    expect([answer.status, answer.body.length]).toEqual([status, 0]);
  });

  it.each(['zstd', 'gzip, br', 'compress'])(
    'in a coding that nobody asked for (%s) → fullscript_unexpected, once',
    async (coding) => {
      const { peer, api } = await clientOf(packed(coding, Buffer.from(TEXT)));
      expect(await rejection(api.request(get))).toMatchObject({ code: 'fullscript_unexpected' });
      expect(peer.received).toHaveLength(1);
    },
  );

  it('with its coding said twice → fullscript_unexpected, once', async () => {
    const { peer, api } = await clientOf(
      sending(gzipSync(TEXT), { 'content-encoding': ['gzip', 'gzip'] }),
    );
    expect(await rejection(api.request(get))).toMatchObject({ code: 'fullscript_unexpected' });
    expect(peer.received).toHaveLength(1);
  });

  it('as large as may be → whole', async () => {
    const { api } = await clientOf(packed('gzip', gzipSync(Buffer.alloc(LARGEST), { level: 1 })));
    expect((await api.request(get)).body.length).toBe(LARGEST);
  });

  it.each<[string, (body: Buffer) => Buffer]>([
    ['gzip', (body) => gzipSync(body, { level: 1 })],
    ['br', (body) => brotliCompressSync(body, { params: QUICKEST })],
  ])(
    '%s, small here and too large unpacked → fullscript_unexpected, once',
    async (coding, pack) => {
      const bomb = pack(Buffer.alloc(LARGEST + 1));
      expect(bomb.length).toBeLessThan(MEBIBYTE);
      const { peer, api } = await clientOf(packed(coding, bomb));
      expect(await rejection(api.request(get))).toMatchObject({ code: 'fullscript_unexpected' });
      expect(peer.received).toHaveLength(1);
    },
  );

  it('that repeats the bearer → goes no further', async () => {
    const { api } = await clientOf(packed('gzip', gzipSync(`Authorization: Bearer ${TOKEN}`)));
    const error = await rejection(api.request(get));
    expect(error).toMatchObject({ code: 'fullscript_unexpected' });
    expect(shown(error)).not.toContain(TOKEN);
  });

  it.each<[string, Buffer]>([
    ['is none', Buffer.from(TEXT)],
    ['ends early', gzipSync(TEXT).subarray(0, 40)],
  ])(
    'gzip that %s → unreachable, after a second try as for a broken connection',
    async (_how, body) => {
      const { peer, api } = await clientOf(packed('gzip', body));
      const error = await rejection(api.request(get));
      expect(error).toMatchObject({ code: 'fullscript_unreachable' });
      expect(shown(error)).not.toContain('Zoë');
      expect(peer.received).toHaveLength(2);
    },
  );
});

describe('headers of an answer', () => {
  it('hints ahead of it → the answer counts', async () => {
    const { api } = await clientOf((res) => {
      res.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => {
        res.writeHead(201, { 'content-type': 'text/plain' }).end('made');
      });
    });
    expect(await api.request(get)).toMatchObject({ status: 201, body: Buffer.from('made') });
  });

  it.each(['content-type', 'retry-after', 'x-request-id'])(
    '%s twice, with the bearer in it → goes no further',
    async (name) => {
      const { api } = await clientOf(
        sending(Buffer.from('x'), { [name]: [`1 ${TOKEN}`, `2 ${TOKEN}`] }),
      );
      const error = await rejection(api.request(get));
      expect(error).toMatchObject({ code: 'fullscript_unexpected' });
      expect(shown(error)).not.toContain(TOKEN);
    },
  );

  it('the same one twice → one text', async () => {
    const { api } = await clientOf(
      sending(Buffer.from('x'), {
        'content-type': ['text/plain', 'text/html'],
        'retry-after': ['1', '2'],
        'x-request-id': ['a', 'b'],
      }),
    );
    const { contentType, retryAfter, requestId } = await api.request(get);
    for (const text of [contentType, retryAfter, requestId]) expect(typeof text).toBe('string');
  });

  it('bytes beyond ASCII → can be handed on', async () => {
    const { api } = await clientOf(sending(Buffer.from('x'), { 'x-request-id': 'caf\u00e9-1' }));
    const { requestId = '' } = await api.request(get);
    expect(() => {
      validateHeaderValue('x-fullscript-request-id', requestId);
    }).not.toThrow();
  });
});

describe('the deadline', () => {
  it('no headers → fullscript_timeout, and the connection is given up', async () => {
    let gone = false;
    const peer = await startPeer((res) => {
      res.once('close', () => {
        gone = true;
      });
    });
    const error = await rejection(exchangeWith(peer.origin, 100));
    expect(error).toMatchObject({ name: 'FullscriptApiError', code: 'fullscript_timeout' });
    await until(() => gone);
  });

  it('this process is held up for longer than that while the answer comes → it counts', async () => {
    const peer = await startPeer(thenHeldUp(answering(200, TEXT), 400));
    const { status, body } = await exchangeWith(peer.origin, 200);
    expect({ status, text: body.toString() }).toEqual({ status: 200, text: TEXT });
  });

  it('a body that trickles → fullscript_timeout: it is for everything', async () => {
    let gone = false;
    const peer = await startPeer((res) => {
      res.writeHead(200);
      const drip = setInterval(() => res.write('x'), 10);
      res.once('close', () => {
        clearInterval(drip);
        gone = true;
      });
    });
    const error = await rejection(exchangeWith(peer.origin, 200));
    expect(error).toMatchObject({ code: 'fullscript_timeout' });
    await until(() => gone);
  });

  it('an answer in time → nothing comes later', async () => {
    const peer = await startPeer(answering(200, 'x'));
    expect((await exchangeWith(peer.origin, 150)).status).toBe(200);
    await delay(200);
    expect((await exchangeWith(peer.origin, 5_000)).status).toBe(200);
    expect(peer.received).toHaveLength(2);
  });

  it('a request that waited for a connection until then → is never sent', async () => {
    const held: (() => void)[] = [];
    const peer = await startPeer((res, { url }) => {
      if (url === '/held') held.push(() => void res.end('x'));
      else res.end('x');
    });
    const all = Array.from({ length: 256 }, () => exchangeWith(peer.origin, 15_000, '/held'));
    await until(() => held.length === 256);
    const late = [1, 2, 3].map((at) => exchangeWith(peer.origin, 100, `/late-${at}`));
    for (const one of late) {
      expect(await rejection(one)).toMatchObject({ code: 'fullscript_timeout' });
    }
    const patient = exchangeWith(peer.origin, 15_000, '/patient');
    for (const answer of held) answer();
    expect(new Set((await Promise.all(all)).map(({ status }) => status))).toEqual(new Set([200]));
    expect((await patient).status).toBe(200);
    // All of them are free again.
    expect((await exchangeWith(peer.origin, 5_000, '/after')).status).toBe(200);
    const urls = new Set(peer.received.map(({ url }) => url));
    expect(urls).toEqual(new Set(['/held', '/patient', '/after']));
  });
});
