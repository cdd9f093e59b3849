import { describe, expect, it } from '@jest/globals';
import { durabilityOf } from '../../src/redis/durability.js';

interface Told {
  version?: string;
  aof?: 0 | 1;
  replicas?: number;
  maxmemory?: number;
  policy?: string;
  more?: string;
}

/** INFO as a server writes it, shortened to what matters and what could be mistaken for it. */
function info(told: Told = {}): string {
  const { version = '7.2.6', aof = 1, replicas = 0, maxmemory = 0, policy = 'noeviction' } = told;
  return [
    '# Server',
    `redis_version:${version}`,
    'redis_mode:standalone',
    'executable:/usr/bin/redis-server:odd',
    ...(told.more === undefined ? [] : [told.more]),
    '',
    '# Memory',
    `maxmemory:${maxmemory}`,
    'maxmemory_human:0B',
    `maxmemory_policy:${policy}`,
    '# Persistence',
    'loading:0',
    `aof_enabled:${aof}`,
    'aof_rewrite_in_progress:0',
    '# Replication',
    'role:master',
    `connected_slaves:${replicas}`,
    '',
  ].join('\r\n');
}

const settings = (fsync: string, onRewrite = 'no') =>
  new Map([
    ['appendonly', 'yes'],
    ['appendfsync', fsync],
    ['no-appendfsync-on-rewrite', onRewrite],
  ]);

const ALWAYS = settings('always');
const EVERYSEC = settings('everysec');

/** What it calls itself, and the release of Redis that it speaks like. */
const VALKEY = { version: '7.2.4', more: 'server_name:valkey\r\nvalkey_version:8.1.1' };
const OTHER = { version: '8.0.2', more: 'other_version:1.0.0' };

describe('durabilityOf: what a save waits for', () => {
  it.each([
    ['7.2.6', EVERYSEC],
    ['8.0.2', EVERYSEC],
    ['10.0.0', EVERYSEC],
    ['7.2.6', undefined],
    ['7.2.6', settings('always', 'yes')],
  ])('%s with %p → the disk', (version, known) => {
    const { wait, mayLag } = durabilityOf({ info: info({ version }), settings: known });
    expect({ wait, mayLag }).toEqual({ wait: { disk: true, replica: false }, mayLag: false });
  });

  it.each([
    ['Valkey 8', info(VALKEY), EVERYSEC],
    ['Valkey 8, fsync unknown', info(VALKEY), undefined],
    ['Valkey 8, always with gaps', info(VALKEY), settings('always', 'yes')],
    ['another one that speaks like Redis 8', info(OTHER), EVERYSEC],
    ['7.4', info({ version: '7.4.1' }), EVERYSEC],
    ['a milestone of 8.0', info({ version: '7.9.224' }), EVERYSEC],
    ['7.0, which has no WAITAOF', info({ version: '7.0.15' }), EVERYSEC],
    ['7.0, fsync unknown', info({ version: '7.0.15' }), undefined],
    ['INFO not allowed', undefined, EVERYSEC],
  ])('%s → nothing that it says of its disk, and no save is sure', (_name, told, known) => {
    const { wait, mayLag } = durabilityOf({ info: told, settings: known });
    expect({ wait, mayLag }).toEqual({ wait: undefined, mayLag: true });
  });

  it('Valkey 8 with a replica → the replica, and the disk may be behind all the same', () => {
    const { wait, mayLag } = durabilityOf({
      info: info({ ...VALKEY, replicas: 1 }),
      settings: EVERYSEC,
    });
    expect({ wait, mayLag }).toEqual({ wait: { disk: false, replica: true }, mayLag: true });
  });

  it('Valkey 8, always → nothing, the answer says it', () => {
    const told = { info: info(VALKEY), settings: ALWAYS };
    expect(durabilityOf(told)).toEqual({ wait: undefined, mayLag: false, problems: [] });
  });

  it.each(['6.2.14', '7.0.15', '7.2.6'])('%s, always → nothing, the answer says it', (version) => {
    const told = { info: info({ version }), settings: ALWAYS };
    expect(durabilityOf(told)).toEqual({ wait: undefined, mayLag: false, problems: [] });
  });

  it.each([
    ['7.2.6', EVERYSEC, { disk: true, replica: true }],
    ['7.2.6', ALWAYS, { disk: false, replica: true }],
    ['7.2.6', settings('no'), { disk: false, replica: true }],
    ['7.0.15', ALWAYS, { disk: false, replica: true }],
    ['6.2.0', undefined, { disk: false, replica: true }],
  ])('%s with %p and two replicas → %p', (version, known, wait) => {
    const told = info({ version, replicas: 2 });
    expect(durabilityOf({ info: told, settings: known }).wait).toEqual(wait);
  });

  it.each([
    ['no append-only file', { info: info({ aof: 0 }), settings: EVERYSEC }],
    ['7.0, everysec', { info: info({ version: '7.0.15' }), settings: EVERYSEC }],
    ['appendfsync no, for which WAITAOF never answers', { info: info(), settings: settings('no') }],
    ['INFO not allowed', { settings: EVERYSEC }],
    ['5.0', { info: info({ version: '5.0.14' }), settings: EVERYSEC }],
  ])('%s → nothing', (_name, facts) => {
    expect(durabilityOf(facts).wait).toBeUndefined();
  });
});

describe('durabilityOf: problems', () => {
  const OLD = { version: '7.0.15' };
  const SMALL = { maxmemory: 1 };

  it.each([
    ['no AOF', info({ aof: 0 }), ALWAYS, /no append-only file.*appendonly yes/],
    [
      '7.0, everysec',
      info(OLD),
      EVERYSEC,
      /Redis 7.0.15 has appendfsync everysec.*journal.*always/,
    ],
    ['Valkey, everysec', info(VALKEY), EVERYSEC, /Valkey 8.1.1 has .*everysec.*sign-ins.*always/],
    ['7.0, fsync no', info(OLD), settings('no'), /appendfsync no.*always/],
    ['7.2, fsync no', info(), settings('no'), /appendfsync no.*always/],
    ['7.0, fsync unknown', info(OLD), undefined, /CONFIG GET is not allowed/],
    ['7.0, always with gaps', info(OLD), settings('always', 'yes'), /no-appendfsync-on-rewrite no/],
    ['evicts grants', info({ ...SMALL, policy: 'allkeys-lru' }), ALWAYS, /allkeys-lru: grants/],
    ['evicts others', info({ ...SMALL, policy: 'volatile-ttl' }), ALWAYS, /volatile-ttl: sessions/],
    ['INFO not allowed', undefined, ALWAYS, /INFO/],
    ['INFO of something else', '# Server\r\nname:other\r\n', ALWAYS, /INFO/],
  ])('%s → a warning', (...[, told, known, text]) => {
    const { problems } = durabilityOf({ info: told, settings: known });
    expect(problems).toEqual([{ severity: 'warning', text: expect.stringMatching(text) }]);
  });

  it('6.0 → fatal, whatever else there is', () => {
    const told = info({ version: '6.0.16', aof: 0 });
    const text: unknown = expect.stringMatching(/6\.0\.16 .*GETDEL.* 6\.2/);
    const { problems } = durabilityOf({ info: told, settings: ALWAYS });
    expect(problems).toEqual([{ severity: 'fatal', text }]);
  });

  it('7.2, everysec → a note', () => {
    const text: unknown = expect.stringMatching(/waits for the disk/);
    const { problems } = durabilityOf({ info: info(), settings: EVERYSEC });
    expect(problems).toEqual([{ severity: 'note', text }]);
  });

  it.each([
    ['evicting policy without a limit', info({ policy: 'allkeys-lru' }), ALWAYS],
    ['a limit without eviction', info({ maxmemory: 1 }), ALWAYS],
    ['7.2, fsync unknown: the wait will tell', info(), undefined],
  ])('%s → none', (_name, told, known) => {
    expect(durabilityOf({ info: told, settings: known }).problems).toEqual([]);
  });

  it('several → all of them', () => {
    const told = info({ aof: 0, maxmemory: 1, policy: 'allkeys-lfu' });
    expect(durabilityOf({ info: told, settings: ALWAYS }).problems).toHaveLength(2);
  });
});
