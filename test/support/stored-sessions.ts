import type { Request } from 'express';
import session, { type Session, type SessionData } from 'express-session';
import type { Visitor } from '../../src/grants/user-sessions.js';
import type { SessionStore } from '../../src/redis/session-store.js';

declare module 'express-session' {
  interface SessionData {
    owner: string;
    note: string;
    ttlMs: number;
    since: number;
    visitor: Visitor;
  }
}

export type Loaded = Session & SessionData;
type Fields = Partial<Pick<SessionData, 'owner' | 'note' | 'ttlMs' | 'since' | 'visitor'>>;

/** No session is stored without one. */
export const SIGN_IN = {
  key: { registration: 'us-sandbox', owner: { id: '1', type: 'Staff' } },
  at: 1,
} as const;

let sids = 0;
const prepared = new WeakSet<SessionStore>();

/** A session as express-session generates it for a new visitor: with its own generator. */
export function generated(store: SessionStore, fields: Fields = {}): Loaded {
  if (!prepared.has(store)) {
    const genid = () => `sid-${(sids += 1)}`;
    session({ store, secret: 's', resave: false, saveUninitialized: false, genid });
    prepared.add(store);
  }
  const req = { sessionStore: store } as unknown as Request;
  (store as unknown as { generate: (req: Request) => void }).generate(req);
  return Object.assign(req.session, { signIn: SIGN_IN }, fields) as Loaded;
}

/** A session as express-session loads it for a cookie. */
export function load(store: SessionStore, sid: string): Promise<Loaded | undefined> {
  return new Promise((resolve, reject) =>
    store.load(sid, (error: unknown, found) =>
      error instanceof Error ? reject(error) : resolve(found as Loaded | undefined),
    ),
  );
}

type Act = (done: (error?: unknown) => void) => unknown;

export function finished(act: Act): Promise<void> {
  return new Promise((resolve, reject) =>
    act((error) => (error instanceof Error ? reject(error) : resolve())),
  );
}

export const save = (one: Loaded) => finished((done) => one.save(done));
export const touch = (store: SessionStore, one: Loaded) =>
  finished((done) => store.touch?.(one.id, one, done));
export const destroy = (store: SessionStore, sid: string) =>
  finished((done) => store.destroy(sid, done));

export async function stored(store: SessionStore, fields: Fields = {}): Promise<Loaded> {
  const made = generated(store, fields);
  await save(made);
  return (await load(store, made.id))!;
}
