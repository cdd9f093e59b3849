import { RedisStore } from 'connect-redis';
import type { Request } from 'express';
import type { SessionData, Store } from 'express-session';
import { type SessionUse, type UserSessions, unusedTtl } from '../grants/user-sessions.js';
import { sessionHash, sessionName } from './keys.js';
import { keysOf } from './keys-of.js';
import { encodeSession } from './session-codec.js';
import { type SessionRecords, createSessionRecords } from './session-records.js';
import { storeCall } from './store-call.js';
import { type TouchThrottle, createTouchThrottle } from './touch-throttle.js';
import {
  type UserSessionsDeps,
  createRedisUserSessions,
  endSession,
  endSessions,
} from './user-sessions.js';

/** A store for express-session in which a session that was ended stays ended. */
export type SessionStore = Store & UserSessions & SessionUse;

export interface RedisSessionStoreDeps extends UserSessionsDeps {
  /** How long a session lives on from now; zero or less ends it. */
  readonly ttlMs: (session: SessionData) => number;
  /** Told when a session could not be extended; the request goes on. */
  readonly onTouchError?: (error: unknown) => void;
  readonly now?: () => number;
}

type Done<T = unknown> = (error: unknown, value?: T) => void;
type Generate = (req: Request) => void;

const TOUCH_EVERY_MS = 60_000;
const TOUCHES_REMEMBERED = 10_000;

/**
 * Sessions in Redis. Only a session that was generated here, and not stored yet, may create a record;
 * every other write updates one that exists. So neither a slow request nor a touch brings back a
 * session that was signed out meanwhile; such a write is dropped without an error.
 */
export function createRedisSessionStore(deps: RedisSessionStoreDeps): SessionStore {
  return Object.assign(new OwnedSessionStore(deps), createRedisUserSessions(deps));
}

class OwnedSessionStore extends RedisStore implements SessionUse {
  readonly #deps: RedisSessionStoreDeps;
  readonly #records: SessionRecords;
  readonly #touches: TouchThrottle;
  /** Generated here and not stored yet. */
  readonly #fresh = new WeakSet();
  /** What was written last of a session that is being used. */
  readonly #written = new WeakMap<object, string>();
  #generate: Generate | undefined;

  constructor(deps: RedisSessionStoreDeps) {
    super({ client: deps.client, prefix: keysOf(deps.client).session('') });
    this.#deps = deps;
    this.#records = createSessionRecords(deps.client);
    this.#touches = createTouchThrottle({
      everyMs: TOUCH_EVERY_MS,
      limit: TOUCHES_REMEMBERED,
      now: deps.now ?? (() => performance.now()),
    });
  }

  get generate(): Generate | undefined {
    return this.#generate;
  }

  /** express-session assigns its generator to the store; that is how we learn which sessions are new. */
  set generate(generate: Generate | undefined) {
    this.#generate = (req) => {
      generate?.(req);
      this.#fresh.add(req.session);
    };
  }

  override get(sid: string, done?: Done<SessionData | null>): Promise<unknown> {
    const read = async () => (await this.#records.read(sessionHash(sid))) ?? null;
    return report(storeCall('session read', read), done);
  }

  override set(sid: string, session: SessionData, done?: Done): Promise<unknown> {
    const write = () => this.#write(sessionHash(sid), session);
    return report(storeCall('session write', write), done);
  }

  /** Answers at once: an idle timer is not worth a wait, and at most one command a minute. */
  override touch(sid: string, session: SessionData, done?: Done): Promise<unknown> {
    const hash = sessionHash(sid);
    if (this.#touches.due(hash)) {
      storeCall('session touch', () => this.#extend(hash, session)).catch((error: unknown) => {
        // The next request tries again: a new session would end within minutes.
        this.#touches.forget(hash);
        this.#deps.onTouchError?.(error);
      });
    }
    return report(Promise.resolve(), done);
  }

  useOf(sid: string): ReturnType<SessionUse['useOf']> {
    const hash = sessionHash(sid);
    return storeCall('session read', async () => {
      const [session, leftMs] = await Promise.all([
        this.#records.read(hash),
        this.#records.left(hash),
      ]);
      if (session === undefined || leftMs <= 0) return 'ended';
      return leftMs <= unusedTtl(this.#deps.ttlMs(session)) ? 'unused' : 'used';
    });
  }

  endIdlest(owner: string, keep: { most: number; current: string }): Promise<number> {
    const { onEnded } = this.#deps;
    return storeCall('session limit', async () => {
      const endings = await this.#records.endings(owner);
      if (endings.length <= keep.most) return 0;
      const uses = await Promise.all(endings.map((one) => this.#useOf(one)));
      const known = uses.filter((use) => use !== undefined);
      const hashes = idlest(known, keep);
      return endSessions(this.#records, { owner, hashes, onEnded });
    });
  }

  /**
   * When a session was used last, as far as its end tells. One that no request has shown lives shorter, and began when it was
   * stored. Undefined for an entry without a session.
   */
  async #useOf({ hash, endsAt }: { hash: string; endsAt: number }): Promise<Use | undefined> {
    const session = await this.#records.read(hash);
    if (session === undefined) return undefined;
    const { signedInAt, ttlMs } = this.#deps;
    return { hash, usedAt: Math.max(signedInAt(session), endsAt - ttlMs(session)) };
  }

  /** A session that was never stored has nothing to be removed. */
  override regenerate(req: Request, done: (error?: unknown) => unknown): void {
    if (!this.#fresh.has(req.session)) {
      super.regenerate(req, done);
      return;
    }
    this.generate?.(req);
    done();
  }

  override destroy(sid: string, done?: Done): Promise<unknown> {
    const remove = () => this.#remove(sessionHash(sid));
    return report(storeCall('session removal', remove), done);
  }

  async #write(hash: string, session: SessionData): Promise<void> {
    const ttlMs = Math.floor(this.#deps.ttlMs(session));
    if (ttlMs <= 0) {
      await this.#remove(hash);
      return;
    }
    const text = encodeSession(session);
    // express-session writes a session that was saved in a request once more when the answer goes out.
    if (this.#written.get(session) === text) return;
    const owner = this.#deps.ownerOf(session);
    // Taken out at once: a second write sent before this one is answered must not create anything.
    const fresh = this.#fresh.delete(session);
    try {
      // Its first use lengthens it, so that one whose browser never came back ends soon.
      const firstMs = fresh ? unusedTtl(ttlMs) : ttlMs;
      if (owner !== undefined) await this.#records.enter(owner, hash, firstMs);
      const created = fresh && (await this.#records.create(hash, text, firstMs));
      if (!created) await this.#records.update(hash, text, ttlMs);
      if (!created) this.#touches.done(hash);
    } catch (error) {
      if (fresh) this.#fresh.add(session);
      throw error;
    }
    this.#written.set(session, text);
  }

  async #extend(hash: string, session: SessionData): Promise<void> {
    const ttlMs = Math.floor(this.#deps.ttlMs(session));
    const owner = this.#deps.ownerOf(session);
    if (owner !== undefined) await this.#records.extendEntry(owner, hash, ttlMs);
    await this.#records.extend(hash, ttlMs);
  }

  async #remove(hash: string): Promise<void> {
    await endSession(this.#records, hash, this.#deps);
  }
}

interface Use {
  readonly hash: string;
  readonly usedAt: number;
}

/** In the same order in every process, so that of two that sign in at the same time one stays. */
function idlest(uses: readonly Use[], keep: { most: number; current: string }): string[] {
  const hashes = uses
    .toSorted((one, other) => one.usedAt - other.usedAt || (one.hash < other.hash ? -1 : 1))
    .map(({ hash }) => hash);
  return hashes
    .slice(0, Math.max(0, hashes.length - keep.most))
    .filter((hash) => sessionName(hash) !== keep.current);
}

/** To the callback when there is one, which express-session always gives; else by the promise. */
function report<T>(result: Promise<T>, done?: Done<T>): Promise<unknown> {
  if (!done) return result;
  return result.then(
    (value) => done(null, value),
    (error: unknown) => done(error),
  );
}
