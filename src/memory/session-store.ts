import type { Request } from 'express';
import session, { type SessionData } from 'express-session';
import { type ExpiringMap, createExpiringMap } from './expiring-map.js';

/** A store for express-session in which a session that was ended stays ended. */
export type SessionStore = session.Store & {
  /** Ends all sessions of `owner`; returns how many there were. */
  endAll(owner: string): Promise<number>;
};

export interface MemorySessionStoreDeps {
  /** How long a session lives on from now; zero or less ends it. */
  readonly ttlMs: (session: SessionData) => number;
  /** Who is signed in with a session; undefined for nobody. */
  readonly ownerOf: (session: SessionData) => string | undefined;
  readonly now?: () => number;
}

type Generate = (req: Request) => void;
type Done = (error?: unknown) => void;

interface Stored {
  readonly json: string;
  readonly owner: string | undefined;
}

/**
 * Sessions in this process, gone with it. Only a session that was generated here and not stored yet
 * may create a record; every other write updates one that exists, or is dropped.
 */
export function createMemorySessionStore(deps: MemorySessionStoreDeps): SessionStore {
  return new MemorySessionStore(deps);
}

class MemorySessionStore extends session.Store {
  readonly #deps: MemorySessionStoreDeps;
  readonly #now: () => number;
  readonly #stored: ExpiringMap<Stored>;
  /** Generated here and not stored yet. */
  readonly #fresh = new WeakSet();
  #generate: Generate | undefined;

  constructor(deps: MemorySessionStoreDeps) {
    super();
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    this.#stored = createExpiringMap(this.#now);
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

  override get(sid: string, done: (error: unknown, session?: SessionData | null) => void): void {
    const json = this.#stored.get(sid)?.json;
    // Parsed for each reader: nobody can change what is stored but by `set`.
    const found = json === undefined ? null : (JSON.parse(json) as SessionData);
    setImmediate(done, null, found);
  }

  override set(sid: string, data: SessionData, done?: Done): void {
    const fresh = this.#fresh.delete(data);
    if (fresh || this.#stored.get(sid)) {
      const owner = this.#deps.ownerOf(data);
      this.#keep(sid, { json: JSON.stringify(data), owner }, data);
    }
    if (done) setImmediate(done);
  }

  override touch(sid: string, data: SessionData, done?: () => void): void {
    const stored = this.#stored.get(sid);
    if (stored) this.#keep(sid, stored, data);
    if (done) setImmediate(done);
  }

  override destroy(sid: string, done?: Done): void {
    this.#stored.delete(sid);
    if (done) setImmediate(done);
  }

  endAll(owner: string): Promise<number> {
    const sids = [...this.#stored.entries()].flatMap(([sid, stored]) =>
      stored.owner === owner ? [sid] : [],
    );
    for (const sid of sids) this.#stored.delete(sid);
    return Promise.resolve(sids.length);
  }

  #keep(sid: string, stored: Stored, data: SessionData): void {
    const ttlMs = this.#deps.ttlMs(data);
    if (ttlMs > 0) this.#stored.set(sid, stored, this.#now() + ttlMs);
    else this.#stored.delete(sid);
  }
}
