import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, RequestHandler } from 'express';
import type { Visitor } from '../grants/user-sessions.js';
import { visitorOf } from './visitor.js';

/** No blanks, quotes or line breaks, so an id can stand in any log; short, so that it cannot fill one. */
const ACCEPTABLE = /^[\w.-]{8,64}$/;

/** What is known of the request that some work is done for. */
export interface Current {
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
    context.run({ id: idOf(req, res), visitor: visitorLater(req) }, next);
  };
}

/** Express leaves `locals` alone that are there already. */
type WithLocals = ServerResponse & { locals?: Record<string, unknown> };

/** The id of a request, given and sent back at the first question. */
export function idOf(req: IncomingMessage, res: WithLocals): string {
  const locals = (res.locals ??= {});
  const known = locals['requestId'];
  if (typeof known === 'string') return known;
  const given = req.headers['x-request-id'];
  const id = typeof given === 'string' && ACCEPTABLE.test(given) ? given : randomUUID();
  locals['requestId'] = id;
  res.setHeader('X-Request-Id', id);
  return id;
}

/** Does some work for a request: whatever follows from it knows for which. */
export function inRequest(current: Current, work: () => void): void {
  context.run(current, work);
}

/** Few requests are asked for their browser, which takes reading; a closed connection has no address. */
function visitorLater(req: Request): () => Visitor {
  const { ip } = req;
  let visitor: Visitor | undefined;
  return () => (visitor ??= visitorOf({ ip, get: (name) => req.get(name) }));
}

export function requestIdOf(res: WithLocals): string {
  return String(res.locals?.['requestId']);
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
