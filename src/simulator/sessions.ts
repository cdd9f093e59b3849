import { randomBytes } from 'node:crypto';
import { type Call, cookie, field } from './call.js';
import type { Person } from './data/records.js';

const COOKIE = '_fullscript_simulator_session';
const MAX_SESSIONS = 10_000;

/** A browser's session with the simulator: nothing to do with the client's own session. */
export interface BrowserSession {
  id: string;
  csrfToken: string;
  person?: Person;
}

/** The simulator's sign-in sessions, kept in memory. */
export interface Sessions {
  find(call: Call): BrowserSession | undefined;
  /**
   * Starts a session with a new id and drops the one the call came with. Its anti-forgery token goes
   * on: forms of the same browser that are open in other tabs stay valid.
   */
  start(call: Call, person?: Person): BrowserSession;
}

/** Builds an empty table; the oldest sessions go when it is full. */
export function createSessions(): Sessions {
  const sessions = new Map<string, BrowserSession>();
  return {
    find: (call) => sessions.get(cookie(call, COOKIE) ?? ''),
    start(call, person) {
      const former = sessions.get(cookie(call, COOKIE) ?? '');
      if (former !== undefined) sessions.delete(former.id);
      const session: BrowserSession = { id: random(), csrfToken: former?.csrfToken ?? random() };
      if (person !== undefined) session.person = person;
      sessions.set(session.id, session);
      const [oldest] = sessions.keys();
      if (sessions.size > MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest);
      return session;
    },
  };
}

/** The header that hands the session to the browser. */
export function sessionCookie(session: BrowserSession): Record<string, string> {
  return { 'set-cookie': `${COOKIE}=${session.id}; Path=/; HttpOnly; SameSite=Lax` };
}

/** The form field that proves that a form came from one of our pages. */
export const CSRF_FIELD = 'authenticity_token';

/** Whether the posted form carries the token of this browser's session. */
export function isOwnForm(session: BrowserSession | undefined, call: Call): boolean {
  return session !== undefined && field(call, CSRF_FIELD) === session.csrfToken;
}

function random(): string {
  return randomBytes(32).toString('base64url');
}
