import type { Keys } from './keys.js';

/** A command with its arguments. */
export type TrialCommand = readonly [name: string, ...args: string[]];

const SECOND_MS = '1000';

/**
 * One command of every kind that the server and its commands use, on keys that live for a second. In
 * their order none of them fails but for a lack of permission.
 */
export function trialCommands(keys: Keys, id: string): readonly TrialCommand[] {
  const key = (type: string) => keys.trial(id, type);
  return [
    ...strings(key('string')),
    ...collections(key),
    ...others(key('string'), keys.signalChannel(`trial:${id}`)),
  ];
}

function strings(key: string): readonly TrialCommand[] {
  return [
    ['SET', key, '1', 'PX', SECOND_MS],
    ['GET', key],
    ['INCR', key],
    ['DECR', key],
    ['EXISTS', key],
    ['PTTL', key],
    ['PERSIST', key],
    ['PEXPIRE', key, SECOND_MS],
    ['PEXPIREAT', key, String(Date.now() + Number(SECOND_MS))],
    ['EVAL', "return redis.call('GET', KEYS[1])", '1', key],
    ['GETDEL', key],
    ['DEL', key],
  ];
}

function collections(key: (type: string) => string): readonly TrialCommand[] {
  const [hash, list, set, sorted, stream] = ['hash', 'list', 'set', 'sorted', 'stream'].map(key);
  const made: readonly TrialCommand[] = [
    ['HSET', hash ?? '', 'f', '1'],
    ['LPUSH', list ?? '', '1'],
    ['SADD', set ?? '', '1'],
    ['ZADD', sorted ?? '', '1', 'm'],
    ['XADD', stream ?? '', '*', 'f', '1'],
  ];
  const read: readonly TrialCommand[] = [
    ['HGETALL', hash ?? ''],
    ['LRANGE', list ?? '', '0', '-1'],
    ['SMEMBERS', set ?? ''],
    ['ZRANGE', sorted ?? '', '0', '-1'],
    ['XREVRANGE', stream ?? '', '+', '-', 'COUNT', '1'],
  ];
  // Each by its own, so that nothing stays behind even when DEL is refused.
  return [...made.flatMap((one) => [one, ['PEXPIRE', one[1] ?? '', SECOND_MS] as const]), ...read];
}

function others(key: string, channel: string): readonly TrialCommand[] {
  return [
    ['SCAN', '0', 'MATCH', key, 'COUNT', '1'],
    ['TIME'],
    ['WAIT', '0', '0'],
    ['PUBLISH', channel, ''],
  ];
}
