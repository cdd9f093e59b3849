import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { errorType } from '../../src/tracing/error-type.js';
import { httpMethod } from '../../src/tracing/http-method.js';
import { noTracer } from '../../src/tracing/tracer.js';

describe('noTracer', () => {
  it('whatever work answers or rejects with → the same comes back, and no promise is added', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), fc.boolean(), async (value, fails) => {
        const work = new Promise<unknown>((resolve, reject) => {
          (fails ? reject : resolve)(value);
        });
        const traced = noTracer.span({ name: 'anything' }, (span) => {
          span.set({ 'http.route': '/' });
          span.fail('nothing');
          return work;
        });
        expect(traced).toBe(work);
        const [outcome] = await Promise.allSettled([traced]);
        const came = outcome.status === 'fulfilled' ? outcome.value : (outcome.reason as unknown);
        expect(outcome.status).toBe(fails ? 'rejected' : 'fulfilled');
        expect(Object.is(came, value)).toBe(true);
      }),
    );
  });

  it('is off, and knows no current span inside one', async () => {
    expect(noTracer.on).toBe(false);
    await noTracer.span({ name: 'anything' }, () => {
      expect(noTracer.current()).toBeUndefined();
      return Promise.resolve();
    });
  });
});

describe('errorType', () => {
  it.each([
    [
      'an error of ours',
      new StoreUnavailableError('read', new Error('quoted')),
      'store_unavailable',
    ],
    ["Node's code", Object.assign(new Error('host'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    ['an error without a code', new TypeError('quoted'), 'TypeError'],
    ['a code that is text', Object.assign(new Error('x'), { code: 'a b?c=d' }), 'Error'],
    ['no error', 'quoted', '_OTHER'],
  ])('%s → a fixed word', (_, error, expected) => {
    expect(errorType(error)).toBe(expected);
  });

  it('no message ever', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 9 }), (message) => {
        expect(errorType(new Error(message))).toBe('Error');
      }),
    );
  });
});

describe('httpMethod', () => {
  it.each([
    ['GET', 'GET'],
    ['PROPFIND', '_OTHER'],
    ['get', '_OTHER'],
  ])('%s → %s', (method, expected) => {
    expect(httpMethod(method)).toBe(expected);
  });
});
