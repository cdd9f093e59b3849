import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { RequestHandler, Response } from 'express';

const ACCEPTABLE = /^[\w.-]{8,64}$/;

/** What runs for a request knows its id without being handed it; shared by nature, so a module's own. */
const context = new AsyncLocalStorage<string>();

/** Gives every request an id, the caller's own where it has a decent one, and sends it back. */
export function requestId(): RequestHandler {
  return (req, res, next) => {
    const given = req.get('x-request-id') ?? '';
    const id = ACCEPTABLE.test(given) ? given : randomUUID();
    res.locals['requestId'] = id;
    res.set('X-Request-Id', id);
    context.run(id, next);
  };
}

export function requestIdOf(res: Response): string {
  return String(res.locals['requestId']);
}

/**
 * The id of the request that this work is done for; undefined for work that nobody asked for just now.
 * What several requests wait for has the id of the one that began it.
 */
export function currentRequestId(): string | undefined {
  return context.getStore();
}
