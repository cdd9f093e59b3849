import type { RequestHandler } from 'express';

/**
 * Several handlers as one. Express looks at the path of a request and puts together its errors for each
 * handler that it is given; for those that see every request, once is enough.
 */
export function inTurn(...handlers: readonly RequestHandler[]): RequestHandler {
  return (req, res, next) => {
    let at = 0;
    const step = (problem?: unknown): void => {
      const handler = handlers[at];
      const isWrong = problem !== undefined && problem !== null;
      if (isWrong || handler === undefined) {
        next(problem);
        return;
      }
      at += 1;
      try {
        const done: unknown = handler(req, res, step);
        if (done instanceof Promise) done.catch(failed);
      } catch (error) {
        next(error);
      }
    };
    const failed = (error: unknown) => {
      // Without an error Express would take it for success.
      next(error ?? new Error('rejected without a reason'));
    };
    step();
  };
}
