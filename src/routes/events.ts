import { type ErrorRequestHandler, type Request, type RequestHandler, Router } from 'express';
import type { ConnectionSignals } from '../grants/connection-signals.js';
import { SealError, StoreUnavailableError } from '../grants/errors.js';
import { grantId } from '../grants/grant.js';
import { coalesced } from '../http/coalesced.js';
import { type EventStream, openEventStream, streamHeaders } from '../http/event-stream.js';
import type { LiveStreams } from '../http/live-streams.js';
import { signedIn } from '../http/signed-in.js';
import { type LiveState, type LiveStateDeps, readLiveState } from './live-state.js';

export interface EventRoutesDeps extends LiveStateDeps {
  readonly signals: Pick<ConnectionSignals, 'listen'>;
  readonly streams: LiveStreams;
  /** The limits that all calls of users have. */
  readonly limit: RequestHandler;
  readonly timing?: StreamTiming | undefined;
}

export interface StreamTiming {
  /** How often a stream looks by itself, and shows that it is alive. */
  readonly beatMs: number;
  /** A stream ends at this age at the latest; the browser opens another one, perhaps elsewhere. */
  readonly lifetimeMs: number;
}

const TIMING: StreamTiming = { beatMs: 15_000, lifetimeMs: 5 * 60_000 };
/** After a look that the store did not answer. */
const AGAIN_MS = 1_000;
/** Streams that began together, after a restart for example, do not end together. */
const SPREAD = 0.2;

/** Tells open pages how the connection stands, as it changes. Comes ahead of the limits of users. */
export function eventRoutes(deps: EventRoutesDeps): Router {
  const router = Router({ caseSensitive: true });

  router.get('/portal/events', deps.limit, (req, res, next) => {
    const user = signedIn(req);
    if (user === undefined) {
      // Tells a browser not to try again, and is no error on its console, as 401 would be.
      res.status(204).end();
      return;
    }
    const { key } = user;
    const whose = { key, sid: req.sessionID };
    leaveSessionAlone(req);
    if (req.method === 'HEAD') {
      streamHeaders(res);
      res.end();
      return;
    }
    // Gone while its session was looked up: nothing would tell us of its end any more.
    if (res.closed) return;
    const strike = deps.streams.enter(grantId(key), () => res.end());
    res.once('close', strike);
    watch({ ...deps, fail: next }, openEventStream(res), whose);
  });

  // eslint-disable-next-line max-params -- Express tells error handlers by their four parameters
  const refused: ErrorRequestHandler = (error: unknown, req, _res, next) => {
    leaveSessionAlone(req);
    next(error);
  };
  router.use('/portal/events', refused);
  return router;
}

/**
 * express-session extends a session when an answer to it ends. Browsers open streams by themselves, for
 * as long as a page is open, and nobody needs to be there. With `unset: 'keep'`, its default, a session
 * that is taken off a request stays as it is in the store.
 */
function leaveSessionAlone(req: Request): void {
  delete (req as Partial<Pick<Request, 'session'>>).session;
}

/** Sends how things stand now, and again whenever that has changed. */
function watch(
  deps: EventRoutesDeps & { fail: (error: unknown) => void },
  stream: EventStream,
  whose: Parameters<typeof readLiveState>[1],
): void {
  const { beatMs, lifetimeMs } = deps.timing ?? TIMING;
  let last = '';
  let again: NodeJS.Timeout | undefined;
  let hasEnded = false;

  async function tell(): Promise<void> {
    clearTimeout(again);
    const state = await readOrSilence(deps, whose, () => {
      // A signal may be back before the rest of the store is.
      if (!hasEnded) again = setTimeout(() => void look(), Math.min(AGAIN_MS, beatMs));
    });
    const now = JSON.stringify(state);
    if (state === undefined || now === last) return;
    last = now;
    stream.send('state', state);
    if (!state.signedIn) stream.end();
  }

  const look = coalesced(() => tell().catch(deps.fail));
  const beat = async () => {
    const before = last;
    await look();
    if (last === before) stream.beat();
  };
  const unlisten = deps.signals.listen(grantId(whose.key), () => void look());
  const beating = setInterval(() => void beat(), beatMs);
  const age = setTimeout(stream.end, lifetimeMs * (1 - SPREAD * Math.random()));
  stream.onEnd(() => {
    hasEnded = true;
    unlisten();
    clearInterval(beating);
    clearTimeout(age);
    clearTimeout(again);
  });
  void look();
}

/** Undefined: nobody knows just now, which is no news. `storeAway` is told when that will pass. */
async function readOrSilence(
  deps: LiveStateDeps,
  whose: Parameters<typeof readLiveState>[1],
  storeAway: () => void,
): Promise<LiveState | undefined> {
  try {
    return await readLiveState(deps, whose);
  } catch (error) {
    const isAway = error instanceof StoreUnavailableError;
    if (isAway) storeAway();
    if (isAway || error instanceof SealError) return undefined;
    throw error;
  }
}
