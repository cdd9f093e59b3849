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

/** Where the store is, in the words of `REDIS_URL`, and what the keys in it begin with. */
export type StoreAddress = Place & {
  /** Of `REDIS_PREFIX`; undefined for the usual one. */
  readonly prefix?: string | undefined;
};

type Place =
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
 * @throws Error whose message reads on after the variable's name ("must start with …"). It quotes
 *   nothing of the URL, because a password that was not percent-encoded can end up in any of its parts.
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
    login: loginFrom(userInfo),
    query: queryOf(query),
  };
  if (kind === 'socket') return socketAddress(pieces);
  if (kind === 'sentinel') return sentinelAddress(pieces, tls);
  if (kind === 'cluster') return clusterAddress(pieces, tls);
  return singleAddress(pieces, tls);
}

function singleAddress({ hosts, path, login, query }: Pieces, tls: boolean): StoreAddress {
  refuseUnknown(query, []);
  const [first, ...others] = hostList(hosts, 6379);
  if (!first || others.length > 0) {
    throw new Error('names several hosts, which needs redis+cluster:// or redis+sentinel://');
  }
  return { kind: 'single', ...first, tls, ...login, db: database(path.slice(1)) };
}

function socketAddress({ hosts, path, login, query }: Pieces): StoreAddress {
  refuseUnknown(query, ['db']);
  if (hosts !== '' || path.length < 2) {
    throw new Error('needs the absolute path of a socket after three slashes');
  }
  const db = database(query.get('db') ?? '');
  return { kind: 'socket', path: decoded(path), ...login, db };
}

function sentinelAddress({ hosts, path, login, query }: Pieces, tls: boolean): StoreAddress {
  refuseUnknown(query, ['sentinelUsername', 'sentinelPassword']);
  const [name = '', db = '', ...rest] = path.slice(1).split('/');
  if (name === '' || rest.length > 0) {
    throw new Error('needs the name of the master group after the hosts');
  }
  return {
    kind: 'sentinel',
    sentinels: hostList(hosts, 26379),
    name: decoded(name),
    tls,
    ...login,
    db: database(db),
    sentinelLogin: asLogin(query.get('sentinelUsername'), query.get('sentinelPassword')),
  };
}

function clusterAddress({ hosts, path, login, query }: Pieces, tls: boolean): StoreAddress {
  refuseUnknown(query, []);
  if (database(path.slice(1)) !== 0) {
    throw new Error('selects a database, but a cluster only has database 0');
  }
  return { kind: 'cluster', nodes: hostList(hosts, 6379), tls, ...login };
}

function hostList(text: string, defaultPort: number): HostAndPort[] {
  return text.split(',').map((entry) => {
    const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(entry.trim());
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3] ?? defaultPort);
    if (host === undefined || port < 1 || port > 65_535) {
      const hint = 'percent-encode /, ?, # and @ in a password';
      throw new Error(`has a host that is not name or name:port (${hint})`);
    }
    return { host, port };
  });
}

function database(text: string): number {
  if (!/^\d{0,5}$/.test(text)) throw new Error('has a database that is not a number');
  return Number(text);
}

function loginFrom(userInfo: string | undefined): Login {
  if (userInfo === undefined) return {};
  const colon = userInfo.indexOf(':');
  if (colon === -1) throw new Error('has a user name but no password');
  const [username, password] = [userInfo.slice(0, colon), userInfo.slice(colon + 1)];
  return asLogin(decoded(username), decoded(password));
}

function asLogin(username: string | undefined, password: string | undefined): Login {
  return { ...(username && { username }), ...(password && { password: secret(password) }) };
}

function queryOf(text: string | undefined): ReadonlyMap<string, string> {
  const pairs = (text ?? '').split('&').filter((pair) => pair !== '');
  return new Map(
    pairs.map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return [name, decoded(value.join('='))];
    }),
  );
}

/** Parameters that other clients and hosting providers put into addresses of Redis. */
const OF_OTHERS = new Set([
  ...['db', 'database', 'family', 'tls', 'ssl', 'sslmode', 'ssl_cert_reqs', 'protocol', 'timeout'],
  ...['username', 'password', 'name', 'client_name', 'clientName', 'keyPrefix', 'max_connections'],
  ...['connectTimeout', 'commandTimeout', 'retry_strategy', 'maxRetriesPerRequest', 'pool_size'],
]);

function refuseUnknown(query: ReadonlyMap<string, string>, known: string[]): void {
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown === undefined) return;
  // Another text may be the rest of a password.
  const name = OF_OTHERS.has(unknown) ? `: leave out ${unknown}` : '';
  throw new Error(`has a parameter after "?" that is not known here${name}`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error('is not percent-encoded correctly (write % as %25)');
  }
}

function notAUrl(url: string): Error {
  const scheme = /^([a-z+]+):\/\//i.exec(url.trim())?.[1]?.toLowerCase() ?? '';
  if (SCHEMES.has(scheme)) return new Error('has "?", "#" or "@" where none may stand');
  return new Error(`must start with ${[...SCHEMES.keys()].map((name) => `${name}://`).join(', ')}`);
}
