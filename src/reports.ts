import type { Logger } from 'pino';
import type { TurnMeasures } from './fullscript/call-turns.js';
import { createBoundedMap } from './grants/bounded-map.js';
import { type GrantKey, parseGrantId } from './grants/grant.js';
import type { errorHandler } from './http/error-handler.js';
import type { OwnerTags } from './http/owner-tags.js';
import type { requestLog } from './http/request-log.js';
import type { Metrics } from './metrics/metrics.js';

export interface ReportDeps {
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'request'>;
  readonly ownerTags: OwnerTags;
}

/** Counts each request and writes its line. */
export function reportRequest({
  log,
  metrics,
  ownerTags,
}: ReportDeps): Parameters<typeof requestLog>[0] {
  return ({ key, ...line }) => {
    metrics.request(line);
    log.info({ ...line, owner: key && tagOrNone(key, ownerTags) }, 'request');
  };
}

/** A session that is damaged must not end the process: nobody catches what is thrown here. */
function tagOrNone(key: GrantKey, { inLogs }: OwnerTags): string | undefined {
  try {
    return inLogs(key);
  } catch {
    return undefined;
  }
}

/** Users whose refusal has been told; those forgotten are told once more. */
const TOLD_REMEMBERED = 1_000;
const TELL_AGAIN_MS = 60_000;

/** Says once a minute for each user whose calls are not sent because too many others of that user are open. */
export function reportNotSent(deps: {
  log: Logger;
  ownerTags: OwnerTags;
  now: () => number;
}): TurnMeasures['notSent'] {
  const { log, ownerTags, now } = deps;
  const toldUntil = createBoundedMap<number>(TOLD_REMEMBERED);
  return (why, user) => {
    if (why !== 'too_many_open_calls' || (toldUntil.get(user) ?? 0) > now()) return;
    toldUntil.set(user, now() + TELL_AGAIN_MS);
    const key = parseGrantId(user);
    log.info({ owner: key && tagOrNone(key, ownerTags) }, 'too many open calls of one user');
  };
}

/** Says once a minute that requests are refused because too many come. */
export function reportBusy(deps: { log: Pick<Logger, 'warn'>; now: () => number }): () => void {
  let toldUntil = -Infinity;
  return () => {
    if (deps.now() < toldUntil) return;
    toldUntil = deps.now() + TELL_AGAIN_MS;
    deps.log.warn('more requests come than this process gets through: some are refused (503)');
  };
}

function reasonOf(err: unknown): string {
  if (!(err instanceof Error)) return 'unknown';
  const { reason } = err as { reason?: unknown };
  return typeof reason === 'string' ? `${err.message} (${reason})` : err.message;
}

/** Writes down why a request was not answered as its caller hoped. */
export function reportFailure(log: Logger): Parameters<typeof errorHandler>[0]['report'] {
  return ({ error: err, code, status, requestId: id }) => {
    // Told once a minute for each caller; each request has its own line anyway.
    if (code === 'too_many_requests' || code === 'too_many_open_calls') return;
    // People read out the reference of an error page, so each of them is in the log.
    const line = { code, status, requestId: id };
    if (status >= 500) log[status === 500 ? 'error' : 'warn']({ ...line, err }, 'request failed');
    else log.info({ ...line, reason: reasonOf(err) }, 'request refused');
  };
}
