import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import type { Visitor } from '../grants/user-sessions.js';
import { visitorOf } from './visitor.js';

/** No blanks, quotes or line breaks, so an id can stand in any log; short, so that it cannot fill one. */
const ACCEPTABLE = /^[\w.-]{8,64}$/;

interface Current {
  readonly id: string;
  readonly visitor: () => Visitor;
}

/** What runs for a request knows it without being handed it; shared by nature, so a module's own. */
const context = new AsyncLocalStorage<Current>();

/**
 * Gives every request an id, the caller's own where it has a decent one, and sends it back. Anybody may
 * choose it: it finds lines that belong together, and proves nothing. Behind a proxy, let the proxy set it.
 */
export function requestId(): RequestHandler {
  return (req, res, next) => {
    const given = req.get('x-request-id') ?? '';
    const id = ACCEPTABLE.test(given) ? given : randomUUID();
    res.locals['requestId'] = id;
    res.setHeader('X-Request-Id', id);
    context.run({ id, visitor: visitorLater(req) }, next);
  };
}

/** Few requests are asked for their browser, which takes reading; a closed connection has no address. */
function visitorLater(req: Request): () => Visitor {
  const { ip } = req;
  let visitor: Visitor | undefined;
  return () => (visitor ??= visitorOf({ ip, get: (name) => req.get(name) }));
}

export function requestIdOf(res: Response): string {
  return String(res.locals['requestId']);
}

/**
 * The id of the request that this work is done for; undefined for work that nobody asked for just now.
 * What several requests wait for has the id of the one that began it.
 */
export function currentRequestId(): string | undefined {
  return context.getStore()?.id;
}

/** With which browser, and from where, this work was asked for. */
export function currentVisitor(): Visitor {
  return context.getStore()?.visitor() ?? {};
}
