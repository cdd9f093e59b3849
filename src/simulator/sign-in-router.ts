import { Router } from 'express';
import { answerPlainly } from './answering.js';
import { type Answer, emptyAnswer, pageAnswer, redirectAnswer } from './answer.js';
import { errorPage, signInPage } from './authorize-pages.js';
import { type Call, field } from './call.js';
import type { Person } from './data/records.js';
import { redirectBody } from './page.js';
import { type BrowserSession, isOwnForm, sessionCookie, type Sessions } from './sessions.js';

const HOME = '/simulator';

interface Deps {
  sessions: Sessions;
  people: Person[];
}

/** Signing in to the simulator, and out of it. */
export function createSignInRouter(deps: Deps): Router {
  const router = Router();
  router.get(
    '/login',
    answerPlainly((call) => showSignIn(deps, call)),
  );
  router.post(
    '/login',
    answerPlainly((call) => signIn(deps, call)),
  );
  router.post(
    '/logout',
    answerPlainly((call) => signOut(deps, call)),
  );
  return router;
}

/** Sends a visitor to the sign-in page and later back to the page they asked for. */
export function toSignIn(returnTo: string): Answer {
  return redirectTo(`/login?${new URLSearchParams({ return_to: returnTo }).toString()}`);
}

function showSignIn({ sessions, people }: Deps, call: Call): Answer {
  const session = sessions.find(call) ?? sessions.start(call);
  const view = {
    people,
    csrfToken: session.csrfToken,
    returnTo: localPath(call.query.get('return_to')),
    current: session.person,
  };
  return withSession(pageAnswer(200, signInPage(view)), session);
}

function signIn({ sessions, people }: Deps, call: Call): Answer {
  if (!isOwnForm(sessions.find(call), call)) return emptyAnswer(422);
  const person = people.find((one) => one.id === field(call, 'person'));
  if (person === undefined) {
    return pageAnswer(422, errorPage('Sign in', 'There is nobody of that name here.'));
  }
  const session = sessions.start(call, person);
  return withSession(redirectTo(localPath(field(call, 'return_to'))), session);
}

function signOut({ sessions }: Deps, call: Call): Answer {
  if (!isOwnForm(sessions.find(call), call)) return emptyAnswer(422);
  const session = sessions.start(call);
  return withSession(toSignIn(localPath(field(call, 'return_to'))), session);
}

function redirectTo(location: string): Answer {
  return redirectAnswer(location, redirectBody(location));
}

function withSession(answer: Answer, session: BrowserSession): Answer {
  return { ...answer, headers: { ...answer.headers, ...sessionCookie(session) } };
}

/** Only paths of our own: the sign-in page must not send anybody elsewhere. */
function localPath(path: string | null | undefined): string {
  return typeof path === 'string' && /^\/(api\/oauth|oauth|simulator)\b[\x21-\x7e]*$/.test(path)
    ? path
    : HOME;
}
