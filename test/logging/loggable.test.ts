import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createLogger } from '../../src/logger.js';
import { withoutSecrets } from '../../src/logging/without-secrets.js';
import { secret } from '../../src/oauth/secret.js';

const TOKEN = 'fs-token-7f3a9c51e8d04b26';

function recordingLogger(requestId?: () => string | undefined) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const options = { level: 'trace', production: true, destination };
  const log = createLogger(requestId === undefined ? options : { ...options, requestId });
  return { log, lines };
}

/** What clients hang things on: objects with a class of their own. */
class Request {
  constructor(readonly options: unknown) {}
}

/** Anything that holds the token somewhere: under names of all kinds, in lists, classes, maps and errors. */
const { loaded } = fc.letrec<{ loaded: unknown; inner: unknown }>((tie) => ({
  inner: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant({ access_token: TOKEN }),
    fc.constant({ headers: { Authorization: `Bearer ${TOKEN}`, 'set-cookie': [TOKEN] } }),
    fc.constant({ refreshToken: TOKEN, deep: { client_secret: TOKEN } }),
    fc.constant(secret(TOKEN)),
    fc.constant({ url: `https://api.test/cb?code=${TOKEN}&state=${TOKEN}` }),
    fc.constant({ redis: `redis://user:${TOKEN}@host:1/0` }),
    tie('loaded'),
  ),
  loaded: fc.oneof(
    { depthSize: 'small' },
    tie('inner').map((one) => Object.assign(new Error('broke'), { options: one, request: one })),
    tie('inner').map((one) => new Error('broke', { cause: one })),
    tie('inner').map((one) => new AggregateError([one], 'broke')),
    tie('inner').map((one) => new Request(one)),
    tie('inner').map((one) => new Map([['x', one]])),
    tie('inner').map((one) => Buffer.from(JSON.stringify(one))),
    tie('inner').map((one) => ({ a: { b: [one] } })),
    fc.constant(new SyntaxError(`Unexpected token, "${TOKEN}" is not valid JSON`)),
    fc.constant(new Error(`GET https://api.test/x?access_token=${TOKEN} failed`)),
    fc.constant(new Error(`sent authorization: Bearer ${TOKEN}`)),
  ),
}));

describe('createLogger', () => {
  it('whatever holds a token, logged in whatever way → one JSON line without it', () => {
    fc.assert(
      fc.property(loaded, fc.constantFrom('err', 'request', 'answer', 'x'), (thing, name) => {
        const { log, lines } = recordingLogger();
        log.error({ [name]: thing }, 'failed');
        log.error({ [name]: thing });
        log.child({ [name]: thing }).info('x');
        if (thing instanceof Error) log.error(thing);
        if (thing instanceof Error) log.error(thing, 'failed');
        expect(lines.length).toBeGreaterThanOrEqual(3);
        for (const line of lines) {
          expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number) });
          expect(line).not.toContain(TOKEN);
          expect(line).not.toContain(Buffer.from(TOKEN).toString('hex'));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('a line that is written for a request → has its id; one that says another → has that', () => {
    const { log, lines } = recordingLogger(() => 'request-1');
    log.info('x');
    log.info({ requestId: 'request-2' }, 'x');
    log.info({ requestId: undefined }, 'x');
    const ids = lines.map((line) => (JSON.parse(line) as { requestId?: string }).requestId);
    expect(ids).toEqual(['request-1', 'request-2', undefined]);
  });

  it('causes that go in a circle, or have no end → the first four', () => {
    const { log, lines } = recordingLogger();
    const [a, b] = [new Error('a'), new TypeError('b')];
    Object.assign(a, { cause: b });
    Object.assign(b, { cause: a });
    log.error({ err: a }, 'x');
    const { err } = JSON.parse(lines[0]!) as { err: { cause: string } };
    expect(err.cause).toBe('TypeError: b < Error: a < TypeError: b < Error: a');
  });

  it('the stack → the message as it is shown, and places in the code', () => {
    const { log, lines } = recordingLogger();
    log.error({ err: new Error('GET /x?code=abc\nsecond line') }, 'x');
    const { err } = JSON.parse(lines[0]!) as { err: { stack: string } };
    expect(err.stack).toMatch(/^Error: GET \/x\?\[left out\]\nsecond line(\n\s+at [^\n]+)+$/);
    expect(err.stack).toContain('loggable.test.ts');
  });

  // For as long as the frames were looked for behind line breaks, too, this took minutes.
  it.each([
    ['line breaks', '\n'],
    ['line breaks and blanks', '\n \t'],
    ['blanks', ' '],
    ['carriage returns', '\r'],
    ['what only begins like a place', '\n at '],
  ])('a stack with a megabyte of %s → the places in the code all the same', (_what, text) => {
    const { log, lines } = recordingLogger();
    const err = new Error('broke');
    err.stack = `Error: ${text.repeat(1_000_000 / text.length)}x\n    at one (a.js:1:2)\n\tat two`;
    log.error({ err }, 'x');
    const { err: shown } = JSON.parse(lines[0]!) as { err: { stack: string } };
    const places = shown.stack.split('\n').map((line) => line.trim());
    expect(places[0]).toBe('Error: broke');
    expect(places.at(-2)).toBe('at one (a.js:1:2)');
    expect(places.at(-1)).toBe('at two');
  });

  it('a text of any length → cut', () => {
    const { log, lines } = recordingLogger();
    log.info({ reason: 'x'.repeat(100_000), list: Array(10_000).fill('y') }, 'z'.repeat(100_000));
    expect(lines[0]!.length).toBeLessThan(3_000);
  });
});

describe('withoutSecrets', () => {
  it.each([
    ['GET https://a.test/cb?code=abc&state=def failed', 'GET https://a.test/cb?[left out] failed'],
    ['connect redis://me:pw@host:6379', 'connect redis://[left out]@host:6379'],
    ['Bearer abcdefghijkl1234', 'Bearer [left out]'],
    ['{"refresh_token":"abc","x":1}', '{"refresh_token":"[left out]","x":1}'],
    ['client_secret=abc&x=1', 'client_secret=[left out]&x=1'],
  ])('%s → %s', (text, left) => {
    expect(withoutSecrets(text)).toBe(left);
  });

  it.each([
    'which TOKEN_ENCRYPTION_KEYS no longer lists: put it back',
    'early refresh failed; going on with the valid token',
    'ready: open http://127.0.0.1:3000',
    'connect ECONNREFUSED 127.0.0.1:6379',
    'Is that so? No = yes',
  ])('%s → as it is', (text) => {
    expect(withoutSecrets(text)).toBe(text);
  });
});
