import { describe, expect, it } from '@jest/globals';
import { parseStoreUrl } from '../../src/redis/store-url.js';

const single = { kind: 'single', host: 'localhost', port: 6379, tls: false, db: 0 };
const nodes = [
  { host: 'h1', port: 7001 },
  { host: 'h2', port: 6379 },
];
const sentinel = {
  kind: 'sentinel',
  sentinels: [
    { host: 'h1', port: 26380 },
    { host: 'h2', port: 26379 },
  ],
  name: 'mymaster',
  tls: false,
  db: 0,
  sentinelLogin: {},
};

describe('parseStoreUrl', () => {
  it.each([
    ['redis://localhost', single],
    ['  redis://localhost:6379/0 ', single],
    ['REDIS://localhost/', single],
    ['redis://10.0.0.7:6380/3', { ...single, host: '10.0.0.7', port: 6380, db: 3 }],
    ['redis://[::1]:6380', { ...single, host: '::1', port: 6380 }],
    ['rediss://cache.example.com', { ...single, host: 'cache.example.com', tls: true }],
    ['unix:///run/redis/redis.sock', { kind: 'socket', path: '/run/redis/redis.sock', db: 0 }],
    ['redis+unix:///tmp/a%20b.sock?db=2', { kind: 'socket', path: '/tmp/a b.sock', db: 2 }],
    ['redis+sentinel://h1:26380,h2/mymaster', sentinel],
    ['redis+sentinel://h1:26380, h2/mymaster/4', { ...sentinel, db: 4 }],
    ['rediss+sentinel://h1:26380,h2/mymaster', { ...sentinel, tls: true }],
    ['redis+cluster://h1:7001,h2', { kind: 'cluster', nodes, tls: false }],
    ['rediss+cluster://h1:7001,h2/0', { kind: 'cluster', nodes, tls: true }],
  ])('%s → its address', (url, address) => {
    expect(parseStoreUrl(url)).toEqual(address);
  });

  it.each([
    ['redis://:hunter2@localhost', undefined, 'hunter2'],
    ['rediss://ann:p%40ss%2Fw%3Ard@localhost', 'ann', 'p@ss/w:rd'],
    ['redis://ann:a:b@c?d#e@localhost', 'ann', 'a:b@c?d#e'],
    ['redis+cluster://ann:hunter2@h1,h2', 'ann', 'hunter2'],
    ['redis+sentinel://ann:hunter2@h1,h2/mymaster', 'ann', 'hunter2'],
    ['unix://ann:hunter2@/run/redis.sock', 'ann', 'hunter2'],
  ])('%s → user name and password, decoded', (url, username, password) => {
    const address = parseStoreUrl(url);
    expect(address.username).toBe(username);
    expect(address.password?.reveal()).toBe(password);
    expect(JSON.stringify(address)).not.toContain(password);
  });

  it('sentinels with a login of their own → taken from the query', () => {
    const address = parseStoreUrl(
      'redis+sentinel://h1/mymaster?sentinelUsername=sue&sentinelPassword=s%3Dcret',
    );
    const login = address.kind === 'sentinel' ? address.sentinelLogin : {};
    expect(login.username).toBe('sue');
    expect(login.password?.reveal()).toBe('s=cret');
  });

  it.each([
    ['', /^must start with redis:\/\/, rediss:\/\/, /],
    ['localhost:6379', /^must start with/],
    ['http://localhost', /^must start with/],
    ['redis://', /has a host that is not name or name:port/],
    ['redis://h1,h2', /names several hosts, .* redis\+cluster:/],
    ['redis://h1:0', /has a host/],
    ['redis://h1:65536', /has a host/],
    ['redis://h1:port', /has a host/],
    ['redis://h 1', /has a host/],
    ['redis://h1/x', /has a database that is not a number/],
    ['redis://h1?db=1', /has a parameter after "\?"/],
    ['redis://h1?family=0', /not known here: leave out family$/],
    ['redis+sentinel://h1/m?sentinelPassword=x&tls=true', /leave out tls$/],
    ['redis://h1#fragment', /has "\?", "#" or "@"/],
    ['redis://user@h1', /has a user name but no password/],
    ['redis+cluster://h1/1', /only has database 0/],
    ['redis+cluster://h1,,h2', /has a host/],
    ['redis+sentinel://h1', /needs the name of the master group/],
    ['redis+sentinel://h1/a/0/b', /needs the name of the master group/],
    ['unix://run/redis.sock', /needs the absolute path/],
    ['unix:///', /needs the absolute path/],
  ])('%j → an error that reads on after the name of the variable', (url, message) => {
    expect(() => parseStoreUrl(url)).toThrow(message);
    expect(() => parseStoreUrl(url)).toThrow(/^(must|has|names|needs|selects|is) (?!.*example)/);
  });

  it.each([
    'redis://ann:hunter2/x@h1',
    'redis://ann:%hunter2@h1',
    'redis://ann:hunter2@h1:port',
    'redis://ann:hunter2@h1,h2',
    'redis://h1?hunter2',
    'redis://h1?hunter2=1',
    'redis://h1?password=hunter2',
    'hunter2',
    'hunter2://h1',
    'redis+sentinel://ann:hunter2@h1',
    'redis+sentinel://h1/m?sentinelPassword=hunter2%',
    'redis+cluster://ann:hunter2@h1/1',
    'unix://ann:hunter2@nowhere',
  ])('%s → an error without the password', (url) => {
    let message = '';
    try {
      parseStoreUrl(url);
    } catch (error) {
      message = String(error);
    }
    expect(message).toMatch(/^Error: \w+ /);
    expect(message).not.toContain('hunter2');
  });
});
