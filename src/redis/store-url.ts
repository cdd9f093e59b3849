import { type Secret, secret } from '../oauth/secret.js';

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export interface Login {
  readonly username?: string;
  readonly password?: Secret;
}

export interface NetworkLogin extends Login {
  readonly tls: boolean;
}

/** Where the store is, in the words of `REDIS_URL`. */
export type StoreAddress =
  | (NetworkLogin & HostAndPort & { readonly kind: 'single'; readonly db: number })
  | (Login & { readonly kind: 'socket'; readonly path: string; readonly db: number })
  | (NetworkLogin & {
      readonly kind: 'sentinel';
      readonly sentinels: readonly HostAndPort[];
      readonly name: string;
      readonly db: number;
      /** The login of the sentinels themselves, which may differ from the master's. */
      readonly sentinelLogin: Login;
    })
  | (NetworkLogin & { readonly kind: 'cluster'; readonly nodes: readonly HostAndPort[] });

const EXAMPLES = {
  single: 'redis://user:password@localhost:6379/0',
  socket: 'unix:///run/redis/redis.sock',
  sentinel: 'redis+sentinel://host1:26379,host2:26379/mymaster',
  cluster: 'redis+cluster://host1:6379,host2:6379',
};

type Kind = StoreAddress['kind'];

const SCHEMES = new Map<string, { kind: Kind; tls: boolean }>([
  ['redis', { kind: 'single', tls: false }],
  ['rediss', { kind: 'single', tls: true }],
  ['redis+sentinel', { kind: 'sentinel', tls: false }],
  ['rediss+sentinel', { kind: 'sentinel', tls: true }],
  ['redis+cluster', { kind: 'cluster', tls: false }],
  ['rediss+cluster', { kind: 'cluster', tls: true }],
  ['unix', { kind: 'socket', tls: false }],
  ['redis+unix', { kind: 'socket', tls: false }],
]);

/** The raw pieces. WHATWG `URL` is no help: it refuses a list of hosts. */
interface Pieces {
  readonly kind: Kind;
  readonly hosts: string;
  readonly path: string;
  readonly login: Login;
  readonly query: ReadonlyMap<string, string>;
}

/**
 * Reads `REDIS_URL`.
 *
 * @throws Error saying what is wrong, with an example. It quotes nothing of the URL, because a
 *   password that was not percent-encoded can end up in any of its parts.
 */
export function parseStoreUrl(url: string): StoreAddress {
  const match = /^([a-z+]+):\/\/(?:([^/]*)@)?([^/@?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(
    url.trim(),
  );
  const scheme = SCHEMES.get(match?.[1]?.toLowerCase() ?? '');
  if (!match || !scheme) throw notAUrl(url);
  const { kind, tls } = scheme;
  const [, , userInfo, hosts = '', path = '', query] = match;
  const pieces = {
    kind,
    hosts,
    path,
    login: loginFrom(userInfo, kind),
    query: queryOf(query, kind),
  };
  if (kind === 'socket') return socketAddress(pieces);
  if (kind === 'sentinel') return sentinelAddress(pieces, tls);
  if (kind === 'cluster') return clusterAddress(pieces, tls);
  return singleAddress(pieces, tls);
}

function singleAddress({ hosts, path, login, query }: Pieces, tls: boolean): StoreAddress {
  refuseUnknown(query, 'single', []);
  const [first, ...others] = hostList(hosts, 'single', 6379);
  if (!first || others.length > 0) {
    throw wrong('names several hosts but is neither a cluster nor a sentinel URL', 'cluster');
  }
  return { kind: 'single', ...first, tls, ...login, db: database(path.slice(1), 'single') };
}

function socketAddress({ hosts, path, login, query }: Pieces): StoreAddress {
  refuseUnknown(query, 'socket', ['db']);
  if (hosts !== '' || path.length < 2) {
    throw wrong('needs the absolute path of a socket after three slashes', 'socket');
  }
  const db = database(query.get('db') ?? '', 'socket');
  return { kind: 'socket', path: decoded(path, 'socket'), ...login, db };
}

function sentinelAddress({ hosts, path, login, query }: Pieces, tls: boolean): StoreAddress {
  refuseUnknown(query, 'sentinel', ['sentinelUsername', 'sentinelPassword']);
  const [name = '', db = '', ...rest] = path.slice(1).split('/');
  if (name === '' || rest.length > 0) {
    throw wrong('needs the name of the master group after the hosts', 'sentinel');
  }
  return {
    kind: 'sentinel',
    sentinels: hostList(hosts, 'sentinel', 26379),
    name: decoded(name, 'sentinel'),
    tls,
    ...login,
    db: database(db, 'sentinel'),
    sentinelLogin: asLogin(query.get('sentinelUsername'), query.get('sentinelPassword')),
  };
}

function clusterAddress({ hosts, path, login, query }: Pieces, tls: boolean): StoreAddress {
  refuseUnknown(query, 'cluster', []);
  if (database(path.slice(1), 'cluster') !== 0) {
    throw wrong('selects a database, but a cluster only has database 0', 'cluster');
  }
  return { kind: 'cluster', nodes: hostList(hosts, 'cluster', 6379), tls, ...login };
}

function hostList(text: string, kind: Kind, defaultPort: number): HostAndPort[] {
  return text.split(',').map((entry) => {
    const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(entry.trim());
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3] ?? defaultPort);
    if (host === undefined || port < 1 || port > 65_535) {
      const hint = 'percent-encode /, ?, # and @ in a password';
      throw wrong(`has a host that is not name or name:port (${hint})`, kind);
    }
    return { host, port };
  });
}

function database(text: string, kind: Kind): number {
  if (!/^\d{0,5}$/.test(text)) throw wrong('has a database that is not a number', kind);
  return Number(text);
}

function loginFrom(userInfo: string | undefined, kind: Kind): Login {
  if (userInfo === undefined) return {};
  const colon = userInfo.indexOf(':');
  if (colon === -1) throw wrong('has a user name but no password', kind);
  const [username, password] = [userInfo.slice(0, colon), userInfo.slice(colon + 1)];
  return asLogin(decoded(username, kind), decoded(password, kind));
}

function asLogin(username: string | undefined, password: string | undefined): Login {
  return { ...(username && { username }), ...(password && { password: secret(password) }) };
}

function queryOf(text: string | undefined, kind: Kind): ReadonlyMap<string, string> {
  const pairs = (text ?? '').split('&').filter((pair) => pair !== '');
  return new Map(
    pairs.map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return [name, decoded(value.join('='), kind)];
    }),
  );
}

function refuseUnknown(query: ReadonlyMap<string, string>, kind: Kind, known: string[]): void {
  if ([...query.keys()].every((name) => known.includes(name))) return;
  throw wrong('has a parameter after "?" that is not known here', kind);
}

function decoded(text: string, kind: Kind): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong('is not percent-encoded correctly (write % as %25)', kind);
  }
}

function notAUrl(url: string): Error {
  const scheme = /^([a-z+]+):\/\//i.exec(url.trim())?.[1]?.toLowerCase() ?? '';
  if (SCHEMES.has(scheme)) return wrong('has "?", "#" or "@" where none may stand', 'single');
  return wrong(`must start with one of ${[...SCHEMES.keys()].join(', ')} and ://`, 'single');
}

function wrong(problem: string, kind: Kind): Error {
  return new Error(`the store URL ${problem}; example: ${EXAMPLES[kind]}`);
}
