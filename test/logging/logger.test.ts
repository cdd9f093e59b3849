import { describe, expect, it } from '@jest/globals';
import { createLogger } from '../../src/logger.js';
import { secret } from '../../src/oauth/secret.js';
import { recordingLogger } from '../fixtures/recording-logger.js';

describe('createLogger', () => {
  /** An error as HTTP and Redis clients make them: with everything hung on it. */
  function loaded(message: string): Error {
    return Object.assign(new Error(message), {
      code: 'ECONNRESET',
      options: { headers: { authorization: 'Bearer access-token-1' } },
      response: { body: '{"access_token":"access-token-2"}' },
      command: { name: 'set', args: ['key', 'sealed-record-1'] },
    });
  }

  const SECRETS = /access-token-1|access-token-2|sealed-record-1|client-secret-1/;

  it.each<[string, (log: ReturnType<typeof createLogger>) => void]>([
    ['as err', (log) => log.error({ err: loaded('broke') }, 'failed')],
    ['alone', (log) => log.error(loaded('broke'))],
    ['alone with a message', (log) => log.error(loaded('broke'), 'failed')],
    ['in a child', (log) => log.child({ a: 1 }).error({ err: loaded('broke') })],
    ['as a cause', (log) => log.error({ err: new Error('broke', { cause: loaded('inner') }) })],
    [
      'as one of several',
      (log) => log.error({ err: new AggregateError([loaded('inner')], 'broke') }),
    ],
  ])('an error with secrets hung on it, logged %s → shows none', (_how, act) => {
    const { log, lines, records } = recordingLogger();
    act(log);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(SECRETS);
    expect(records()[0]).toMatchObject({ level: 50, err: { message: 'broke' } });
  });

  it('an error → name, message, code, stack and the cause in one line', () => {
    const { log, records } = recordingLogger();
    const err = Object.assign(new RangeError('outer', { cause: new TypeError('inner') }), {
      code: 'some_code',
    });
    log.warn({ err }, 'failed');
    const shownError = records()[0]?.['err'] as Record<string, unknown>;
    expect(Object.keys(shownError).sort()).toEqual(['cause', 'code', 'message', 'name', 'stack']);
    expect(shownError).toMatchObject({
      name: 'RangeError',
      message: 'outer',
      code: 'some_code',
      cause: 'TypeError: inner',
    });
    expect(shownError['stack']).toContain('logger.test.ts');
  });

  it.each<[unknown, string]>([
    ['text', 'text'],
    [{ token: 'access-token-1' }, '[object Object]'],
    [7, '7'],
  ])('%j as err → a message, nothing of its fields', (err, message) => {
    const { log, records } = recordingLogger();
    log.error({ err });
    expect(records()[0]?.['err']).toEqual({ message });
  });

  it('a secret among the fields → the placeholder', () => {
    const { log, lines } = recordingLogger();
    log.info({ token: secret('access-token-1') }, 'x');
    expect(lines[0]).toContain('"token":"[secret]"');
    expect(lines[0]).not.toMatch(SECRETS);
  });

  it('line breaks in what others sent → stay inside one line', () => {
    const { log, lines } = recordingLogger();
    log.info({ reason: 'x\r\n{"level":60}' }, 'a\nb');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.trimEnd()).not.toMatch(/[\r\n]/);
  });

  it('level → lower ones are left out, silent says nothing', () => {
    const [warn, silent] = [recordingLogger('warn'), recordingLogger('silent')];
    for (const { log } of [warn, silent]) {
      log.info('a');
      log.warn('b');
      log.fatal('c');
    }
    expect(warn.records().map(({ msg }) => msg)).toEqual(['b', 'c']);
    expect(silent.lines).toEqual([]);
  });

  it('a line → level, time and message, no host name and no process id', () => {
    const { log, records } = recordingLogger();
    log.info('x');
    expect(Object.keys(records()[0] ?? {}).sort()).toEqual(['level', 'msg', 'time']);
  });
});
