import { randomUUID } from 'node:crypto';
import type { RequestHandler, Response } from 'express';

const ACCEPTABLE = /^[\w.-]{8,64}$/;

/** Gives every request an id, the caller's own where it has a decent one, and sends it back. */
export function requestId(): RequestHandler {
  return (req, res, next) => {
    const given = req.get('x-request-id') ?? '';
    const id = ACCEPTABLE.test(given) ? given : randomUUID();
    res.locals['requestId'] = id;
    res.set('X-Request-Id', id);
    next();
  };
}

export function requestIdOf(res: Response): string {
  return String(res.locals['requestId']);
}
