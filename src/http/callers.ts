import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import { ipKeyGenerator } from 'express-rate-limit';
import { type GrantKey, grantId } from '../grants/grant.js';
import { stateId } from '../grants/sign-in.js';
import type { BindingCookies } from './binding-cookie.js';
import type { DeviceCookie } from './device-cookie.js';
import { remembered } from './remembered.js';
import { shownSessionId } from './session.js';
import { signedIn } from './signed-in.js';

/**
 * For whom a request counts, as 22 characters that show neither address nor user. Whoever can show
 * something that we signed counts for himself, everybody else for his address: so strangers cannot use
 * up what the people around them need.
 */
export interface Callers {
  readonly ofStart: (req: Request) => string;
  readonly ofCallback: (req: Request) => string;
  /** The user, else the address. */
  readonly userOrAddress: (req: Request) => string;
  /** Undefined: nobody is signed in. */
  readonly user: (req: IncomingMessage) => string | undefined;
  /** Undefined: the request shows no session cookie of ours. The session may have ended, though. */
  readonly session: (req: IncomingMessage) => string | undefined;
  readonly address: (req: Request) => string;
  /** Somebody who is being signed in by a request, and is not yet. */
  readonly arriving: (key: GrantKey) => string;
}

const NAME_LENGTH = 22;

export function createCallers(deps: {
  /** The first one makes the names, so that nobody without it can look for an address in the store. */
  secrets: readonly string[];
  secure: boolean;
  bindings: BindingCookies;
  devices: DeviceCookie;
}): Callers {
  const { bindings, devices } = deps;
  const named = namesUnder(deps.secrets[0] ?? '');
  const sessionId = shownSessionId(deps);

  /** An IPv6 user has a whole /56. Without an address the connection is closed, and nobody is answered. */
  const address = (req: Request) => named('address', ipKeyGenerator(req.ip ?? ''));

  function user(req: IncomingMessage): string | undefined {
    const found = signedIn(req);
    return found && named('user', grantId(found.key));
  }

  function device(req: Request): string | undefined {
    const id = devices.get(req);
    return id && named('device', id);
  }

  function ofCallback(req: Request): string {
    const { state } = req.query;
    const id = typeof state === 'string' ? stateId(state) : '';
    return bindings.get(req, id) === undefined ? address(req) : named('state', id);
  }

  function session(req: IncomingMessage): string | undefined {
    const id = sessionId(req);
    return id && named('session', id);
  }

  return {
    address: oncePerRequest(address),
    user,
    userOrAddress: oncePerRequest((req) => user(req) ?? address(req)),
    ofStart: oncePerRequest((req) => device(req) ?? user(req) ?? address(req)),
    ofCallback: oncePerRequest(ofCallback),
    session,
    arriving: (key) => named('user', grantId(key)),
  };
}

function namesUnder(key: string): (kind: string, who: string) => string {
  const nameOf = remembered((text) =>
    createHmac('sha256', key).update(text).digest('base64url').slice(0, NAME_LENGTH),
  );
  return (kind, who) => nameOf(`rate limit ${kind} ${who}`);
}

/** A limit asks whether it is about a request, and then for whom; each answer costs some hashing. */
function oncePerRequest<T>(find: (req: Request) => T): (req: Request) => T {
  const found = new WeakMap<Request, { readonly value: T }>();
  return (req) => {
    const known = found.get(req) ?? { value: find(req) };
    found.set(req, known);
    return known.value;
  };
}
