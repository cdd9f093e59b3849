import { Router } from 'express';
import type { Answering } from './answering.js';
import { type Answer, emptyAnswer, pageAnswer, redirectAnswer } from './answer.js';
import { consentPage, errorPage } from './authorize-pages.js';
import {
  type AuthorizeRequest,
  clientRedirect,
  parseAuthorizeRequest,
} from './authorize-request.js';
import { type Call, field } from './call.js';
import type { Clients } from './clients.js';
import type { Person } from './data/records.js';
import { redirectBody } from './page.js';
import type { CodeRequest } from './pair.js';
import { hasStandingConsent, issueCode, type Provider } from './provider.js';
import { scopesLeft } from './settings.js';
import { isOwnForm, type Sessions } from './sessions.js';
import { toSignIn } from './sign-in-router.js';

interface Deps {
  provider: Provider;
  clients: Clients;
  sessions: Sessions;
  answering: Answering;
  /** Tokens that speak for the clinic, as those of applications from before 26 August 2021. */
  legacyClinicTokens: boolean;
}

const DENIED = 'The resource owner or authorization server denied the request.';

/** The authorize page, under both of the spellings in Fullscript's documentation. */
export function createAuthorizeRouter(deps: Deps): Router {
  const router = Router();
  const paths = ['/api/oauth/authorize', '/oauth/authorize'];
  router.get(
    paths,
    deps.answering('authorize', (call) => ask(deps, call)),
  );
  router.post(
    paths,
    deps.answering('authorize', (call) => decide(deps, call)),
  );
  return router;
}

function ask(deps: Deps, call: Call): Answer {
  const { provider, clients, sessions } = deps;
  const here = call.path + call.search;
  const session = sessions.find(call);
  // Ahead of every other check, so that a stranger learns nothing about the clients.
  if (session?.person === undefined) return toSignIn(here);
  const request = parseAuthorizeRequest(clients, call);
  if ('reason' in request) return refusal(request.status, request.reason);
  const wanted = codeRequest(deps, session.person, request);
  if (hasStandingConsent(provider, wanted)) return sendCode(provider, request, wanted);
  const { person, csrfToken } = session;
  const { client } = request;
  const clientName = client.name ?? client.clientId;
  const view = { person, clientName, scopes: wanted.scopes, csrfToken };
  return pageAnswer(200, consentPage({ ...view, action: here, returnTo: here }));
}

function decide(deps: Deps, call: Call): Answer {
  const session = deps.sessions.find(call);
  if (!isOwnForm(session, call)) return emptyAnswer(422);
  if (session?.person === undefined) return toSignIn(call.path + call.search);
  const request = parseAuthorizeRequest(deps.clients, call);
  if ('reason' in request) return refusal(request.status, request.reason);
  if (field(call, 'decision') !== 'approve') {
    const denial = { error: 'access_denied', error_description: DENIED };
    return redirectTo(clientRedirect(request, denial));
  }
  // Somebody else has signed in in another tab since: nobody consents in another one's name.
  if (field(call, 'person') !== session.person.id) return redirectTo(call.path + call.search);
  return sendCode(deps.provider, request, codeRequest(deps, session.person, request));
}

function sendCode(provider: Provider, request: AuthorizeRequest, wanted: CodeRequest): Answer {
  return redirectTo(clientRedirect(request, { code: issueCode(provider, wanted) }));
}

function codeRequest(deps: Deps, person: Person, request: AuthorizeRequest): CodeRequest {
  const { client, redirectUri, codeChallenge, codeChallengeMethod } = request;
  const owner: CodeRequest['owner'] = deps.legacyClinicTokens
    ? { id: person.clinicId, type: 'Clinic' }
    : { id: person.id, type: person.type };
  return {
    clientId: client.clientId,
    personId: person.id,
    clinicId: person.clinicId,
    owner,
    scopes: scopesLeft(deps.provider.settings, client.scopes),
    redirectUri,
    ...(codeChallenge === undefined ? {} : { codeChallenge }),
    ...(codeChallengeMethod === undefined ? {} : { codeChallengeMethod }),
  };
}

function refusal(status: number, reason: string): Answer {
  const title = status === 404 ? 'Page not found' : 'An error has occurred';
  return pageAnswer(status, errorPage(title, reason));
}

function redirectTo(location: string): Answer {
  return redirectAnswer(location, redirectBody(location));
}
