/** What a Redis was asked in a stretch of time. */
export interface RedisUse {
  /** Calls by command; what scripts call counts too, as Redis counts it. */
  readonly calls: ReadonlyMap<string, number>;
  /** How often something was read from a connection: one for everything that was sent together. */
  readonly reads: number;
}

/** Of a request, on average. */
export interface UsePerRequest {
  readonly commands: number;
  readonly writes: number;
  readonly roundTrips: number;
  /** The commands that belong to every request, or to most of them. */
  readonly usual: readonly string[];
}

/** What the harness asks itself, and what counts nothing but the connection. */
const NOT_COUNTED = /^(info|command(\|.*)?|config(\|.*)?|ping|hello|client(\|.*)?|memory(\|.*)?)$/;

/** A command is of every request when there is one for more than every second of them. */
const USUAL = 0.5;

/** Reads the answer of INFO, whichever sections it has. */
export function parseRedisUse(info: string): RedisUse {
  const found = info.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm);
  const calls = [...found]
    .map(([, name = '', count]): [string, number] => [name.toLowerCase(), Number(count)])
    .filter(([name]) => !NOT_COUNTED.test(name));
  const reads = /^total_reads_processed:(\d+)/m.exec(info)?.[1];
  if (reads === undefined) throw new Error('INFO does not say how often was read');
  return { calls: new Map(calls), reads: Number(reads) };
}

/**
 * What one request costs: what happened while there were requests, without what happens in as long a time
 * without any, which takes the reads of the harness away too.
 *
 * @param options.writing the commands that Redis lists as writing.
 */
export function usePerRequest(options: {
  busy: RedisUse;
  idle: RedisUse;
  writing: ReadonlySet<string>;
  requests: number;
}): UsePerRequest {
  const { busy, idle, writing, requests } = options;
  const sum = ({ calls }: RedisUse, counts: (name: string) => boolean) =>
    [...calls].reduce((total, [name, count]) => total + (counts(name) ? count : 0), 0);
  const each = (count: (use: RedisUse) => number) =>
    Math.max(0, count(busy) - count(idle)) / requests;
  return {
    commands: each((use) => sum(use, () => true)),
    writes: each((use) => sum(use, (name) => writing.has(name))),
    roundTrips: each((use) => use.reads),
    usual: [...busy.calls.keys()].filter(
      (name) => each(({ calls }) => calls.get(name) ?? 0) > USUAL,
    ),
  };
}
