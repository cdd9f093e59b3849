import type { SessionData } from 'express-session';
import type { UserSessions, Visitor } from '../grants/user-sessions.js';
import type { RedisClient } from './client.js';
import { sessionHash, sessionName } from './keys.js';
import { keysOf } from './keys-of.js';
import { scanKeys } from './scan-keys.js';
import { type SessionRecords, createSessionRecords } from './session-records.js';
import { storeCall } from './store-call.js';

export interface UserSessionsDeps {
  readonly client: RedisClient;
  /** Who is signed in with a session; undefined for nobody. */
  readonly ownerOf: (session: SessionData) => string | undefined;
  /** When somebody signed in with a session, milliseconds since the epoch. */
  readonly signedInAt: (session: SessionData) => number;
  /** Where somebody signed in with a session, as far as it is known. */
  readonly visitor?: (session: SessionData) => Visitor;
  /** Told whose sessions were ended, whatever ended them. */
  readonly onEnded?: (owner: string) => void;
}

/** The sessions of users in Redis, found by each owner's index. */
export function createRedisUserSessions(deps: UserSessionsDeps): UserSessions {
  const { client, signedInAt, visitor, onEnded } = deps;
  const records = createSessionRecords(client);
  const end = (owner: string, isMeant: (name: string) => boolean) =>
    storeCall('removal of sessions', async () => {
      const hashes = await records.entries(owner);
      const meant = hashes.filter((hash) => isMeant(sessionName(hash)));
      return endSessions(records, { owner, hashes: meant, onEnded });
    });

  return {
    list: (owner) =>
      storeCall('session listing', async () => {
        const hashes = await records.entries(owner);
        const found = await Promise.all(hashes.map((hash) => records.read(hash)));
        // An entry may outlive its session.
        const listed = hashes.flatMap((hash, index) => {
          const session = found[index];
          if (session === undefined) return [];
          const name = sessionName(hash);
          return [{ name, signedInAt: signedInAt(session), ...visitor?.(session) }];
        });
        return listed.sort((one, other) => other.signedInAt - one.signedInAt);
      }),

    nameOf: (sid) => sessionName(sessionHash(sid)),
    endOne: async (owner, name) => (await end(owner, (one) => one === name)) > 0,
    endAll: (owner, except) => end(owner, (one) => one !== except),

    endEverybody: async ({ signal, onProgress } = {}) => {
      const { sessions, hashOfSession } = keysOf(client);
      const wanted = { pattern: sessions, operation: 'listing of every session' };
      let ended = 0;
      for await (const keys of scanKeys(client, wanted)) {
        const hashes = keys.map(hashOfSession);
        const remove = () => Promise.all(hashes.map((hash) => endSession(records, hash, deps)));
        const removed = await storeCall('removal of every session', remove);
        ended += removed.filter(Boolean).length;
        onProgress?.(ended);
        if (signal?.aborted === true) break;
      }
      return ended;
    },
  };
}

interface MeantSessions {
  readonly onEnded: UserSessionsDeps['onEnded'] | undefined;
  readonly owner: string;
  /** From the index of this owner, so that nobody else's session can be meant. */
  readonly hashes: readonly string[];
}

/** Ends sessions of one owner; answers how many there were. */
export async function endSessions(
  records: SessionRecords,
  { owner, hashes, onEnded }: MeantSessions,
): Promise<number> {
  const removed = await Promise.all(hashes.map((hash) => records.remove(hash)));
  // An entry without a session may belong to a sign-in that is just being written. It stays, so
  // that the next call finds the session, or ends by itself.
  const ended = hashes.filter((_, index) => removed[index] !== undefined);
  await records.strike(owner, ended);
  if (ended.length > 0) onEnded?.(owner);
  return ended.length;
}

/** Ends one session, whosever it is; answers whether there was one. */
export async function endSession(
  records: SessionRecords,
  hash: string,
  { ownerOf, onEnded }: Pick<UserSessionsDeps, 'ownerOf' | 'onEnded'>,
): Promise<boolean> {
  const removed = await records.remove(hash);
  const owner = removed && ownerOf(removed);
  if (owner !== undefined) onEnded?.(owner);
  // The session is gone, which is what counts; a stale entry ends by itself.
  if (owner !== undefined) await records.strike(owner, [hash]).catch(() => undefined);
  return removed !== undefined;
}
