import { timingSafeEqual } from 'node:crypto';
import { type Request, Router } from 'express';
import { RouteError } from '../http/errors.js';
import type { Secret } from '../oauth/secret.js';

/** Why this process should get no requests now. Stable: people's checks look for them. */
export type UnreadyReason =
  /** It is about to end. */
  | 'draining'
  /** The store does not answer, and neither could requests. */
  | 'store_unavailable'
  /** The store answers and takes no writes: sign-ins and refreshes would fail, reading goes on. */
  | 'store_read_only'
  /** Refreshed pairs are in the journal only; their users are best served when they are saved. */
  | 'journal_not_empty';

export interface HealthRoutesDeps {
  /** Resolves when the store answers. */
  readonly ping: () => Promise<void>;
  /** Whether the store takes writes. Fails when it does not answer. */
  readonly tryWrite: () => Promise<'taken' | 'refused'>;
  /** Whether the end has been announced. */
  readonly draining: () => boolean;
  /** How many refreshed pairs wait to be saved. */
  readonly unsaved: () => number;
  readonly metrics: {
    /** In the text format of Prometheus. */
    readonly scrape: () => Promise<string>;
    readonly registry: { readonly contentType: string };
  };
  readonly metricsToken: Secret | undefined;
}

/** Seconds until it is worth asking again. A process that drains does not come back. */
const ASK_AGAIN_S = '2';

/** For the machines that watch this one. No session is read or made here. */
export function healthRoutes(deps: HealthRoutesDeps): Router {
  const { metrics, metricsToken } = deps;
  const router = Router({ caseSensitive: true });

  router.get('/livez', (_req, res) => {
    res.json({ status: 'ok' });
  });

  router.get('/readyz', async (_req, res) => {
    const readiness = await readinessOf(deps);
    if (readiness.reasons.length > 0) res.status(503).set('Retry-After', ASK_AGAIN_S);
    res.json(readiness);
  });

  router.get('/metrics', async (req, res) => {
    if (metricsToken !== undefined && !holds(req, metricsToken)) {
      res.set('WWW-Authenticate', 'Bearer').status(401).end();
      return;
    }
    res.type(metrics.registry.contentType).send(await metrics.scrape());
  });

  return router;
}

/** For people, what of it is well too; no names of hosts, no messages of errors. */
async function readinessOf(deps: HealthRoutesDeps) {
  const { draining, unsaved } = deps;
  // Whoever drains answers at once: balancers have half a second to learn of it.
  const store = draining() ? 'not asked' : await storeState(deps);
  const waiting = unsaved();
  const reasons: UnreadyReason[] = [
    ...(store === 'not asked' ? (['draining'] as const) : []),
    ...(store === 'no answer' ? (['store_unavailable'] as const) : []),
    ...(store === 'takes no writes' ? (['store_read_only'] as const) : []),
    ...(waiting > 0 ? (['journal_not_empty'] as const) : []),
  ];
  const status = reasons.length === 0 ? 'ok' : 'unavailable';
  const journal = waiting === 0 ? 'empty' : `${waiting} to be saved`;
  return { status, reasons, store, journal };
}

async function storeState({ ping, tryWrite }: Pick<HealthRoutesDeps, 'ping' | 'tryWrite'>) {
  try {
    const [write] = await Promise.all([tryWrite(), ping()]);
    return write === 'taken' ? 'ok' : 'takes no writes';
  } catch {
    return 'no answer';
  }
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
