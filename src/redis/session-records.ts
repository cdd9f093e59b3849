import type { SessionData } from 'express-session';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { decodeSession } from './session-codec.js';
import { isWrongType, overWrongType } from './wrong-type.js';

/** Sessions and the index of each owner's sessions, as they lie in Redis. Errors are ioredis's. */
export interface SessionRecords {
  readonly read: (hash: string) => Promise<SessionData | undefined>;
  /**
   * @param text of `encodeSession`.
   * @returns whether there was no such record and now there is.
   */
  readonly create: (hash: string, text: string, ttlMs: number) => Promise<boolean>;
  /** Overwrites a record that exists; does nothing otherwise. */
  readonly update: (hash: string, text: string, ttlMs: number) => Promise<void>;
  /** How long a record lives from now, in milliseconds; negative when there is none. */
  readonly left: (hash: string) => Promise<number>;
  readonly extend: (hash: string, ttlMs: number) => Promise<void>;
  /** @returns what was removed; undefined when that was nothing, or no session. */
  readonly remove: (hash: string) => Promise<SessionData | undefined>;
  /** Enters a session in its owner's index. Comes before writing it, so that no session is missed. */
  readonly enter: (owner: string, hash: string, ttlMs: number) => Promise<void>;
  /** Lengthens an entry of the index, if it is there. */
  readonly extendEntry: (owner: string, hash: string, ttlMs: number) => Promise<void>;
  readonly strike: (owner: string, hashes: readonly string[]) => Promise<void>;
  readonly entries: (owner: string) => Promise<string[]>;
  /** The same, with the end of each session's life by the clock of Redis, in milliseconds since the epoch. */
  readonly endings: (owner: string) => Promise<{ hash: string; endsAt: number }[]>;
}

/** The session is written after its entry, and must not be the one to live longer. */
const ENTRY_SLACK_MS = 60_000;

// Time is the server's: entries come from several processes. GT: an entry's life only ever grows,
// because too long is harmless and too short would hide a session.
const ENTER = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
${overWrongType("'ZREMRANGEBYSCORE', KEYS[1], '-inf', now")}
if ARGV[3] == 'new' then
  redis.call('ZADD', KEYS[1], 'GT', now + ARGV[2], ARGV[1])
else
  redis.call('ZADD', KEYS[1], 'XX', 'GT', now + ARGV[2], ARGV[1])
end
local longest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if longest[2] then redis.call('PEXPIREAT', KEYS[1], longest[2]) end
return 1`;

export function createSessionRecords(client: RedisClient): SessionRecords {
  const keys = keysOf(client);
  const enter = async (which: 'new' | 'old', owner: string, entry: [string, number]) => {
    const [hash, ttlMs] = entry;
    await client.eval(ENTER, 1, keys.userSessions(owner), hash, ttlMs + ENTRY_SLACK_MS, which);
  };

  return {
    read: async (hash) => parse(await client.get(keys.session(hash)).catch(nothingOfWrongType)),
    create: async (hash, text, ttlMs) =>
      (await client.set(keys.session(hash), text, 'PX', ttlMs, 'NX')) === 'OK',
    update: async (hash, text, ttlMs) => {
      await client.set(keys.session(hash), text, 'PX', ttlMs, 'XX');
    },
    left: (hash) => client.pttl(keys.session(hash)),
    extend: async (hash, ttlMs) => {
      await client.pexpire(keys.session(hash), ttlMs);
    },
    remove: async (hash) => {
      try {
        return parse(await client.getdel(keys.session(hash)));
      } catch (error) {
        if (!isWrongType(error)) throw error;
        await client.del(keys.session(hash));
        return undefined;
      }
    },
    enter: (owner, hash, ttlMs) => enter('new', owner, [hash, ttlMs]),
    extendEntry: (owner, hash, ttlMs) => enter('old', owner, [hash, ttlMs]),
    strike: async (owner, hashes) => {
      if (hashes.length > 0) await client.zrem(keys.userSessions(owner), ...hashes);
    },
    entries: (owner) => client.zrange(keys.userSessions(owner), '0', '-1'),
    endings: async (owner) => {
      const flat = await client.zrange(keys.userSessions(owner), '0', '-1', 'WITHSCORES');
      return flat.flatMap((hash, at) => {
        const score = flat[at + 1];
        return at % 2 === 1 || score === undefined
          ? []
          : [{ hash, endsAt: Number(score) - ENTRY_SLACK_MS }];
      });
    },
  };
}

/** What is no text is no session. */
function nothingOfWrongType(error: unknown): null {
  if (isWrongType(error)) return null;
  throw error;
}

function parse(text: string | null): SessionData | undefined {
  return text === null ? undefined : decodeSession(text);
}
