import { type Request, Router } from 'express';
import type { Grant } from '../grants/grant.js';
import type { Vault } from '../grants/vault.js';
import type { Csrf } from '../http/csrf.js';
import { type SignedIn, signedIn } from '../http/signed-in.js';
import { sendJson } from '../http/send-json.js';
import type { RegistrationId } from '../oauth/registration.js';
import { missingScope } from '../oauth/scope.js';

export interface ApiSessionDeps {
  readonly vault: Pick<Vault, 'read'>;
  readonly csrf: Pick<Csrf, 'tokenOf'>;
  readonly wantedScope: (id: RegistrationId) => readonly string[];
}

/** Tells a front end who is signed in; never a token. */
export function apiSessionRoutes(deps: ApiSessionDeps): Router {
  return Router({ caseSensitive: true }).get('/api/session', async (req: Request, res) => {
    const user = signedIn(req);
    if (user === undefined) sendJson(res, { signedIn: false });
    else sendJson(res, sessionAnswer(deps, user, await deps.vault.read(user.key)));
  });
}

/** What a front end is told of somebody who is signed in. */
export function sessionAnswer(
  { csrf, wantedScope }: ApiSessionDeps,
  user: SignedIn,
  grant: Grant | undefined,
) {
  const lost = grant && scopeView(grant, wantedScope(user.key.registration));
  return { ...sessionView(user, grant), ...lost, csrfToken: csrf.tokenOf(user) };
}

/** A user without a grant has disconnected; for a front end that is the same as needing to connect. */
function sessionView({ key }: SignedIn, grant: Grant | undefined) {
  return {
    signedIn: true,
    registration: key.registration,
    resourceOwner: { id: key.owner.id, type: key.owner.type },
    scope: grant?.tokens.scope ?? [],
    expiresAt: grant === undefined ? null : new Date(grant.tokens.expiresAt).toISOString(),
    ...statusView(grant),
  };
}

/** Only where the application says what it needs, and did not get it. */
function scopeView({ tokens }: Grant, wanted: readonly string[]) {
  const missing = missingScope(wanted, tokens.scope);
  return missing.length === 0 ? {} : { missingScope: missing };
}

/** Why it needs to be connected again is for the front end to explain. */
function statusView(grant: Grant | undefined) {
  if (grant === undefined) return { status: 'needs_reconnect', reason: 'disconnected' };
  const { status, reconnectReason } = grant;
  return reconnectReason === undefined ? { status } : { status, reason: reconnectReason };
}
