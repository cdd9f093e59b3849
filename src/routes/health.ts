import { timingSafeEqual } from 'node:crypto';
import { type Request, Router } from 'express';
import { RouteError } from '../http/errors.js';
import type { Secret } from '../oauth/secret.js';

/** For the machines that watch this one. No session is read or made here. */
export function healthRoutes(deps: {
  /** Resolves when the store answers. */
  ping: () => Promise<void>;
  /** How many refreshed pairs wait to be saved. */
  unsaved: () => number;
  /** In the text format of Prometheus. */
  registry: { readonly contentType: string; readonly metrics: () => Promise<string> };
  metricsToken: Secret | undefined;
}): Router {
  const { ping, unsaved, registry, metricsToken } = deps;
  const router = Router({ caseSensitive: true });

  router.get('/livez', (_req, res) => {
    res.json({ status: 'ok' });
  });

  router.get('/readyz', async (_req, res) => {
    const answers = await ping().then(
      () => true,
      () => false,
    );
    const waiting = unsaved();
    const ready = answers && waiting === 0;
    const store = answers ? 'ok' : 'no answer';
    const journal = waiting === 0 ? 'empty' : `${waiting} to be saved`;
    res.status(ready ? 200 : 503).json({ status: ready ? 'ok' : 'unavailable', store, journal });
  });

  router.get('/metrics', async (req, res) => {
    if (metricsToken !== undefined && !holds(req, metricsToken)) {
      res.set('WWW-Authenticate', 'Bearer').status(401).end();
      return;
    }
    res.type(registry.contentType).send(await registry.metrics());
  });

  return router;
}

/** Everything that no route took. */
export function nothingHere(): never {
  throw new RouteError('not_found');
}

function holds(req: Request, token: Secret): boolean {
  const given = Buffer.from(req.get('authorization') ?? '');
  const expected = Buffer.from(`Bearer ${token.reveal()}`);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
