import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';

const FAILURE = Symbol('failure');
type Failed = IncomingMessage & { [FAILURE]?: unknown };

/** Says what went wrong with a request before Express saw it. Undefined: nothing, it merely goes on there. */
export function goOn(req: Failed, failure: unknown): void {
  if (failure !== undefined) req[FAILURE] = failure;
}

/** Has the error handler answer what went wrong before. */
export const goingOn: RequestHandler = (req, _res, next) => {
  next((req as Failed)[FAILURE]);
};
