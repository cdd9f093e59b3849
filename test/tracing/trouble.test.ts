import { Writable } from 'node:stream';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '../../src/logger.js';
import { sayTracingTrouble } from '../../src/tracing/trouble.js';

let lines: { reason: string }[];
let at: number;
let say: (complaint: unknown) => void;

beforeEach(() => {
  [lines, at] = [[], 0];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as { reason: string });
      done();
    },
  });
  say = sayTracingTrouble(
    createLogger({ level: 'trace', production: true, destination }),
    () => at,
  );
});

describe('sayTracingTrouble', () => {
  it('complaints for a minute → one line; one more after it → another', () => {
    for (at = 0; at < 60_000; at += 5_000) say('a collector is away');
    expect(lines).toHaveLength(1);
    say('a collector is away');
    expect(lines).toHaveLength(2);
  });

  it('an error as the SDK writes it → code and message, without stack and answer', () => {
    say(JSON.stringify({ code: '503', message: 'no', stack: 'Error: at', data: 'the answer' }));
    expect(lines.map(({ reason }) => reason)).toEqual(['503: no']);
  });

  it.each([
    [
      'an error',
      Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
      'ECONNREFUSED: connect',
    ],
    [
      'a value in quotes',
      `Could not parse 'http://me:pass@host', falling back`,
      'Could not parse …, falling back',
    ],
    ['damaged JSON', '{"message":', 'an error that cannot be read'],
  ])('%s → words for people', (_, complaint, expected) => {
    say(complaint);
    expect(lines.map(({ reason }) => reason)).toEqual([expected]);
  });

  it('a long complaint → its beginning', () => {
    say('x'.repeat(5_000));
    expect(lines[0]!.reason).toHaveLength(200);
  });
});
