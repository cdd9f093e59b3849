import { createHash } from 'node:crypto';
import type { Request } from 'express';
import session, { type SessionData } from 'express-session';
import {
  type ListedSession,
  type SessionUse,
  type UserSessions,
  type Visitor,
  unusedTtl,
} from '../grants/user-sessions.js';
import { type ExpiringMap, createExpiringMap } from './expiring-map.js';

/** A store for express-session in which a session that was ended stays ended. */
export type SessionStore = session.Store & UserSessions & SessionUse;

export interface MemorySessionStoreDeps {
  /** How long a session lives on from now; zero or less ends it. */
  readonly ttlMs: (session: SessionData) => number;
  /** Who is signed in with a session; undefined for nobody. */
  readonly ownerOf: (session: SessionData) => string | undefined;
  /** When somebody signed in with a session, milliseconds since the epoch. */
  readonly signedInAt: (session: SessionData) => number;
  /** Where somebody signed in with a session, as far as it is known. */
  readonly visitor?: (session: SessionData) => Visitor;
  /** Told whose sessions were ended, whatever ended them. */
  readonly onEnded?: (owner: string) => void;
  readonly now?: () => number;
}

type Generate = (req: Request) => void;
type Done = (error?: unknown) => void;

interface Written {
  readonly json: string;
  readonly owner: string | undefined;
  /** The object that it was created from, until a request shows it. */
  readonly unusedSince?: object | undefined;
}

interface Stored extends Written {
  /** Which of all uses of sessions was its last. */
  readonly lastUse: number;
}

/**
 * Sessions in this process, gone with it. Only a session that was generated here and not stored yet
 * may create a record; every other write updates one that exists, or is dropped.
 */
export function createMemorySessionStore(deps: MemorySessionStoreDeps): SessionStore {
  return new MemorySessionStore(deps);
}

class MemorySessionStore extends session.Store implements UserSessions, SessionUse {
  readonly #deps: MemorySessionStoreDeps;
  readonly #now: () => number;
  readonly #stored: ExpiringMap<Stored>;
  /** Generated here and not stored yet. */
  readonly #fresh = new WeakSet();
  #generate: Generate | undefined;
  #uses = 0;

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
    const stored = this.#stored.get(sid);
    // express-session writes a session that was saved in a request once more when the answer goes out.
    const isUnused = fresh || (stored !== undefined && stored.unusedSince === data);
    if (fresh || stored) {
      const owner = this.#deps.ownerOf(data);
      const unusedSince = isUnused ? data : undefined;
      this.#keep(sid, { json: JSON.stringify(data), owner, unusedSince }, data);
    }
    if (done) setImmediate(done);
  }

  override touch(sid: string, data: SessionData, done?: () => void): void {
    const stored = this.#stored.get(sid);
    if (stored) this.#keep(sid, { ...stored, unusedSince: undefined }, data);
    if (done) setImmediate(done);
  }

  useOf(sid: string): ReturnType<SessionUse['useOf']> {
    const stored = this.#stored.get(sid);
    if (stored === undefined) return Promise.resolve('ended');
    return Promise.resolve(stored.unusedSince === undefined ? 'used' : 'unused');
  }

  override destroy(sid: string, done?: Done): void {
    this.#remove(sid);
    if (done) setImmediate(done);
  }

  list(owner: string): Promise<ListedSession[]> {
    const { signedInAt, visitor } = this.#deps;
    const listed = this.#ofOwner(owner).map(([sid, { json }]) => {
      const data = JSON.parse(json) as SessionData;
      return { name: this.nameOf(sid), signedInAt: signedInAt(data), ...visitor?.(data) };
    });
    return Promise.resolve(listed.sort((one, other) => other.signedInAt - one.signedInAt));
  }

  nameOf(sid: string): string {
    return createHash('sha256').update(sid).digest('base64url').slice(0, 12);
  }

  endOne(owner: string, name: string): Promise<boolean> {
    return Promise.resolve(this.#end(owner, (one) => one === name) > 0);
  }

  endAll(owner: string, except?: string): Promise<number> {
    return Promise.resolve(this.#end(owner, (one) => one !== except));
  }

  endIdlest(
    owner: string,
    { most, current }: { readonly most: number; readonly current: string },
  ): Promise<number> {
    const all = this.#ofOwner(owner).sort(([, one], [, other]) => one.lastUse - other.lastUse);
    const beyond = all
      .slice(0, Math.max(0, all.length - most))
      .filter(([sid]) => this.nameOf(sid) !== current);
    for (const [sid] of beyond) this.#remove(sid);
    return Promise.resolve(beyond.length);
  }

  endEverybody(): Promise<number> {
    const sids = [...this.#stored.entries()].map(([sid]) => sid);
    for (const sid of sids) this.#remove(sid);
    return Promise.resolve(sids.length);
  }

  #ofOwner(owner: string): [string, Stored][] {
    return [...this.#stored.entries()].filter(([, stored]) => stored.owner === owner);
  }

  #end(owner: string, isMeant: (name: string) => boolean): number {
    const sids = this.#ofOwner(owner).flatMap(([sid]) => (isMeant(this.nameOf(sid)) ? [sid] : []));
    for (const sid of sids) this.#remove(sid);
    return sids.length;
  }

  #remove(sid: string): void {
    const owner = this.#stored.get(sid)?.owner;
    this.#stored.delete(sid);
    if (owner !== undefined) this.#deps.onEnded?.(owner);
  }

  #keep(sid: string, written: Written, data: SessionData): void {
    const ttlMs = this.#deps.ttlMs(data);
    const lifetimeMs = written.unusedSince === undefined ? ttlMs : unusedTtl(ttlMs);
    const lastUse = (this.#uses += 1);
    if (ttlMs > 0) this.#stored.set(sid, { ...written, lastUse }, this.#now() + lifetimeMs);
    else this.#stored.delete(sid);
  }
}
