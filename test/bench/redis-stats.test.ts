import { describe, expect, it } from '@jest/globals';
import { parseRedisUse, usePerRequest } from '../../bench/redis-stats.js';

const INFO = [
  '# Stats',
  'total_connections_received:3',
  'total_reads_processed:1005',
  '# Commandstats',
  'cmdstat_get:calls=1000,usec=900,usec_per_call=0.90,rejected_calls=0,failed_calls=0',
  'cmdstat_hmget:calls=1000,usec=900,usec_per_call=0.90,rejected_calls=0,failed_calls=0',
  'cmdstat_pexpire:calls=10,usec=9,usec_per_call=0.90,rejected_calls=0,failed_calls=0',
  'cmdstat_info:calls=1,usec=9,usec_per_call=9.00,rejected_calls=0,failed_calls=0',
  'cmdstat_config|resetstat:calls=1,usec=9,usec_per_call=9.00,rejected_calls=0,failed_calls=0',
].join('\r\n');

const use = (calls: Record<string, number>, reads: number) => ({
  calls: new Map(Object.entries(calls)),
  reads,
});

describe('parseRedisUse', () => {
  it('reads calls by command and how often was read', () => {
    expect(parseRedisUse(INFO)).toEqual(use({ get: 1000, hmget: 1000, pexpire: 10 }, 1005));
  });

  it('says so when the section is missing', () => {
    expect(() => parseRedisUse('# Commandstats\r\n')).toThrow('how often was read');
  });
});

describe('usePerRequest', () => {
  it('takes away what happens without requests, and divides by them', () => {
    const busy = parseRedisUse(INFO);
    const idle = use({ get: 0, pexpire: 10 }, 5);
    const writing = new Set(['pexpire', 'set']);
    expect(usePerRequest({ busy, idle, writing, requests: 1000 })).toEqual({
      commands: 2,
      writes: 0,
      roundTrips: 1,
      usual: ['get', 'hmget'],
    });
  });

  it('counts what writes by the list of Redis', () => {
    const found = usePerRequest({
      busy: use({ get: 50, set: 50, expire: 50 }, 100),
      idle: use({}, 0),
      writing: new Set(['set', 'expire']),
      requests: 50,
    });
    expect(found).toEqual({
      commands: 3,
      writes: 2,
      roundTrips: 2,
      usual: ['get', 'set', 'expire'],
    });
  });

  it('never falls below nothing', () => {
    const busy = use({}, 1);
    const idle = use({ xadd: 3 }, 9);
    const found = usePerRequest({ busy, idle, writing: new Set(['xadd']), requests: 10 });
    expect(found).toEqual({ commands: 0, writes: 0, roundTrips: 0, usual: [] });
  });
});
