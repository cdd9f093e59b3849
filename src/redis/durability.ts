/** What a server says about itself. A part is missing when this login may not ask for it. */
export interface ServerFacts {
  /** The answer to INFO. */
  readonly info?: string | undefined;
  /** The answer to CONFIG GET: names and values of settings. */
  readonly settings?: ReadonlyMap<string, string> | undefined;
}

/** Where a write has to be before it counts as safe. */
export interface Wait {
  /** On the server's disk (WAITAOF). */
  readonly disk: boolean;
  /** In the memory of one replica (WAIT). */
  readonly replica: boolean;
}

/** A way in which stored grants can be lost, or a reason for not knowing, with what to do about it. */
export interface DurabilityProblem {
  /** `fatal`: the server cannot be used. `note`: nothing is wrong, but the operator may want to know. */
  readonly severity: 'fatal' | 'warning' | 'note';
  readonly text: string;
}

/** What a server does with a write, as far as it can be known. */
export interface Durability {
  /** What to wait for behind a write; undefined where its own answer says all there is to say. */
  readonly wait: Wait | undefined;
  /** Whether a write may be in memory only, for a second or two, and nothing would tell. */
  readonly mayLag: boolean;
  readonly problems: readonly DurabilityProblem[];
}

interface Server {
  /** "Redis 7.0.15", or the name and version of another one that speaks like it. */
  readonly name: string;
  /** Comparable: 602 is 6.2. Of another one: the release of Redis that it speaks like. */
  readonly release: number;
  readonly isRedis: boolean;
  readonly aof: boolean;
  /** Undefined when CONFIG GET is not allowed. */
  readonly fsync: string | undefined;
  /** Whether a rewrite of the append-only file suspends fsync, even `always`. */
  readonly pausesFsync: boolean;
  readonly replicas: number;
  readonly evicts: string | undefined;
}

/** GETDEL and ZADD GT. */
const OLDEST = 602;
const WITH_WAITAOF = 702;
/** From 7.4 to 8.0, and in Valkey, WAITAOF may answer up to a second before the disk has it (ADR 0028). */
const WAITAOF_TOO_EARLY = { from: 704, until: 800 };

/** Judges a server by what it says about itself. What it does not say is never assumed to be right. */
export function durabilityOf(facts: ServerFacts): Durability {
  const server = parse(facts);
  if (server === undefined) return { wait: undefined, mayLag: true, problems: [UNKNOWN] };
  const { release, name } = server;
  if (release < OLDEST) return { wait: undefined, mayLag: true, problems: [tooOld(name)] };
  const wait = waitOf(server);
  // Without a file, and with "no", there is nothing to wait for: the operator is told of it.
  const lags = server.aof && server.fsync !== 'no' && !syncsAlways(server);
  const found = [aofProblem(server, wait), evictionProblem(server)];
  const problems = found.filter((one) => one !== undefined);
  return { wait, mayLag: lags && wait?.disk !== true, problems };
}

/**
 * `always` is on disk before it is answered: waiting for what has happened costs up to 100 ms. With `no`
 * the server never confirms. A replica's memory is asked for, not its disk, of which replicas speak
 * once a second only.
 */
function waitOf(server: Server): Wait | undefined {
  const { aof, fsync, replicas } = server;
  const disk = aof && tellsOfDisk(server) && fsync !== 'no' && !syncsAlways(server);
  const replica = replicas > 0;
  return disk || replica ? { disk, replica } : undefined;
}

/** Only what is known to wait is believed: of others it would take a power cut to find out. */
function tellsOfDisk({ isRedis, release }: Server): boolean {
  const { from, until } = WAITAOF_TOO_EARLY;
  return isRedis && release >= WITH_WAITAOF && (release < from || release >= until);
}

function syncsAlways({ fsync, pausesFsync }: Server): boolean {
  return fsync === 'always' && !pausesFsync;
}

function aofProblem(server: Server, wait: Wait | undefined): DurabilityProblem | undefined {
  const { aof, fsync, name } = server;
  if (!aof) return NO_AOF;
  if (syncsAlways(server)) return undefined;
  if (wait?.disk) return fsync === 'everysec' ? EVERYSEC_WAITS : undefined;
  if (fsync === undefined) return fsyncUnknown(name);
  if (fsync === 'always') return PAUSES_FSYNC;
  if (fsync === 'no') return neverSyncs(name);
  return warning(
    `${name} has appendfsync ${fsync} and does not tell reliably what is on its disk: ${KEPT_TWICE} ` +
      'Set "appendfsync always"',
  );
}

function evictionProblem({ evicts }: Server): DurabilityProblem | undefined {
  if (evicts === undefined) return undefined;
  const victims = evicts.startsWith('allkeys')
    ? 'grants are evicted when memory runs short, and their users have to connect again'
    : 'sessions and locks are evicted when memory runs short; grants, which never expire, are not';
  return warning(`Redis has maxmemory-policy ${evicts}: ${victims}. Set "noeviction"`);
}

function warning(text: string): DurabilityProblem {
  return { severity: 'warning', text };
}

const UNKNOWN = warning(
  'Redis does not say what it keeps: INFO is not allowed to this login, or names no version. Saves are ' +
    'not confirmed and nothing was checked. Allow INFO and CONFIG GET, or see docs/redis.md',
);

const NO_AOF = warning(
  'Redis keeps no append-only file: a restart loses every grant that is newer than the last snapshot, ' +
    'or all of them. Set "appendonly yes" and "appendfsync always"',
);

const PAUSES_FSYNC = warning(
  'Redis has no-appendfsync-on-rewrite yes: while the append-only file is rewritten, "always" does not ' +
    'hold. Set "no-appendfsync-on-rewrite no"',
);

const EVERYSEC_WAITS: DurabilityProblem = {
  severity: 'note',
  text:
    'Redis has appendfsync everysec: a save waits for the disk, for a moment only, and then counts ' +
    'without its confirmation. With "appendfsync always" every save is on disk and none waits',
};

const KEPT_TWICE =
  'the journal keeps refreshed tokens as well, for some seconds, but when the machine goes down, ' +
  'sign-ins of the last second or two are lost.';

function fsyncUnknown(name: string): DurabilityProblem {
  return warning(
    `${name} does not say whether appendfsync is always: CONFIG GET is not allowed to this login. ` +
      `Nothing is assumed: ${KEPT_TWICE} Allow CONFIG GET`,
  );
}

function neverSyncs(name: string): DurabilityProblem {
  return warning(
    `${name} has appendfsync no: when its machine goes down, what the system has not written yet is ` +
      'lost, grants among it. Set "appendfsync always"',
  );
}

function tooOld(name: string): DurabilityProblem {
  const text = `${name} is too old: GETDEL and ZADD GT are missing. It must be 6.2 or newer`;
  return { severity: 'fatal', text };
}

/** The lines of an answer to INFO, by name. */
export function infoFields(info: string): ReadonlyMap<string, string> {
  return new Map(
    info.split(/\r?\n/).map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)] as const;
    }),
  );
}

function parse({ info = '', settings }: ServerFacts): Server | undefined {
  const fields = infoFields(info);
  // Others name here the release of Redis that they speak like, Valkey 7.2.4.
  const version = fields.get('redis_version') ?? '';
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  const policy = fields.get('maxmemory_policy') ?? 'noeviction';
  const other = otherServer(info);
  const limited = Number(fields.get('maxmemory') ?? 0) > 0;
  return {
    name: other ?? `Redis ${version}`,
    isRedis: other === undefined,
    release: Number(major) * 100 + Number(minor),
    aof: fields.get('aof_enabled') === '1',
    fsync: settings?.get('appendfsync'),
    pausesFsync: settings?.get('no-appendfsync-on-rewrite') === 'yes',
    replicas: Number(fields.get('connected_slaves') ?? 0),
    evicts: limited && policy !== 'noeviction' ? policy : undefined,
  };
}

/** Name and version of a server that is not Redis, from a line like `valkey_version:8.1.1`. */
function otherServer(info: string): string | undefined {
  const [, named = '', version = ''] = /^(?!redis_|gcc_)([a-z]+)_version:(\S+)/m.exec(info) ?? [];
  if (named === '') return undefined;
  return `${named.charAt(0).toUpperCase()}${named.slice(1)} ${version}`;
}
