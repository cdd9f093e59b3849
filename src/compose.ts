import type { Logger } from 'pino';
import { createApp } from './app.js';
import type { Config } from './config.js';
import { composeCustody } from './custody.js';
import { every } from './every.js';
import { createAnswerRoom } from './fullscript/answer-room.js';
import { type CallTurns, type TurnMeasures, createCallTurns } from './fullscript/call-turns.js';
import type { GrantEvents } from './grants/grant-events.js';
import type { Journal } from './grants/journal.js';
import type { TokenRefresher } from './grants/token-refresher.js';
import { createActivityRecorder } from './http/activity-recorder.js';
import {
  type Admission,
  type AdmissionMeasures,
  type AdmissionOptions,
  createAdmission,
} from './http/admission.js';
import { createAudit } from './http/audit.js';
import { createAuditRecorder } from './http/audit-recorder.js';
import { RouteError } from './http/errors.js';
import { grantAudit } from './http/grant-audit.js';
import { createLateSessionEnds } from './http/leaving.js';
import { createLiveStreams } from './http/live-streams.js';
import { type OwnerTags, createOwnerTags } from './http/owner-tags.js';
import { keepIndex } from './index-keeper.js';
import type { ScrapedSources } from './metrics/scraped-gauges.js';
import type { Registration, RegistrationId } from './oauth/registration.js';
import { composeLimits } from './limits.js';
import type { Lifecycle } from './listen.js';
import { reportBusy, reportNotSent } from './reports.js';
import { type Metrics, createMetrics } from './metrics/metrics.js';
import type { StreamTiming } from './routes/events.js';
import type { Store } from './store.js';
import { sayActivityTrouble, sayTrailTrouble } from './store-log.js';
import { serverSpans } from './tracing/server-spans.js';
import { tracedApiCalls } from './tracing/traced-api-calls.js';
import type { Tracer } from './tracing/tracer.js';
import { packageVersion } from './version.js';

export interface ServerOptions {
  /** Between the first attempt of a revocation and the second. */
  readonly revocationRetryMs?: number;
  /** Between the first attempt to exchange a code and the second. */
  readonly exchangeWaitMs?: number;
  /** How long a browser waits until its new grant is saved. */
  readonly saveAnswerMs?: number;
  /** How long a call of the token endpoint may take, and one of the revocation endpoint. */
  readonly tokenTimeoutMs?: number;
  readonly revokeTimeoutMs?: number;
  /** How long requests are counted together, instead of a minute. */
  readonly rateLimitWindowMs?: number;
  /** The clock that limits go by, and the cookies that say for whom a request counts. */
  readonly limitsNow?: () => number;
  /** How long a page waits for Fullscript before it goes out without what is missing. */
  readonly patienceMs?: number;
  /** How long a call to Fullscript waits for its turn. */
  readonly turnWaitMs?: number;
  /** How many requests are begun at once, and how long others wait. */
  readonly admission?: Pick<
    AdmissionOptions,
    'perTurn' | 'mostWaiting' | 'patienceMs' | 'nextTurn'
  >;
  /** How often and how long event streams live. */
  readonly streamTiming?: StreamTiming;
  /** Between the announcement of the end and the end of listening. */
  readonly noticeMs?: number;
  /** How long a server that starts before its Redis waits for it. */
  readonly storeWaitMs?: number;
  /** Between two writes that show whether the store takes any. */
  readonly writeTrialMs?: number;
  /** Told when the store turns out to be another installation's after the start: nothing works from then on. */
  readonly onForeignStore?: (error: Error) => void;
  /** Between the start and the loading of what the first answers do without. */
  readonly laterMs?: number;
  /** How often pairs in the journal are tried to be saved; nothing happens while there are none. */
  readonly replayMs?: number;
  /** Between a refusal of Fullscript and the next look at the grant, which another process may have renewed. */
  readonly lookAgainMs?: number;
  /** How often sessions that were left are tried to be ended; nothing happens while there are none. */
  readonly lateEndsMs?: number;
  /** How often the counts of all processes are brought together. */
  readonly shareMs?: number;
}

const API_TIMEOUT_MS = 25_000;
/** Long enough to find out that a connection has ended, which then is the whole page. */
const PATIENCE_MS = 2_500;
const REPLAY_MS = 1_000;
const SHARE_MS = 1_000;
const LATE_ENDS_MS = 1_000;

export interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly registrations: readonly Registration[];
  readonly simulatorUrl: string | undefined;
  readonly store: Store;
  readonly journal: Journal;
  readonly lifecycle: Lifecycle;
  readonly tracer: Tracer;
  readonly options: ServerOptions;
}

/** Builds every object once, in the order of their needs. */
export function compose(parts: Parts) {
  const { config, log, registrations, store, options } = parts;
  const metrics = createMetrics({ version: packageVersion() });
  const streams = createLiveStreams({ onCount: metrics.liveStreams });
  const registration = lookUp(registrations);
  const ownerTags = createOwnerTags(config.session.secrets);
  const { audit, recorded } = composeAudit(parts, ownerTags, metrics);
  const events = both(grantAudit(audit), metrics.grants);
  const custody = composeCustody({ ...parts, ...parts.options, registration, events, metrics });
  const turns = composeTurns(parts, ownerTags, metrics);
  const admission = composeAdmission(parts, metrics);
  const answerRoom = createAnswerRoom({ onRefused: metrics.answerRefused });
  const { waiting: requestsWaiting } = admission;
  const { heldBytes } = answerRoom;
  metrics.lookUp({ ...scraped(store, custody.refresher, turns), requestsWaiting, heldBytes });
  const { share, ...limiting } = composeLimits({ ...parts, ...parts.options, metrics });
  const lateEnds = createLateSessionEnds(store.sessions);
  const app = createApp({
    ...custody,
    ...limiting,
    ...settings(parts),
    registrations,
    registration,
    signals: store.signals,
    streams,
    sessionStore: store.sessions,
    activity: store.activity,
    lateEnds,
    ping: store.ping,
    tryWrite: store.tryWrite,
    draining: () => parts.lifecycle.draining,
    unsaved: custody.refresher.waiting,
    audit,
    ownerTags,
    metrics,
    turns,
    answerRoom,
    admission,
    usualCalls: !parts.tracer.on,
    spans: serverSpans(parts.tracer, continuesTraces(config)),
    aroundCall: tracedApiCalls(parts.tracer),
    log,
    now: Date.now,
  });
  const settled = () => Promise.all([custody.settled(), lateEnds.tryAgain()]).then(recorded);
  const { replayMs = REPLAY_MS } = options;
  const keepReplaying = () => every(replayMs, replaying(custody.refresher, log));
  const keepIndexed = () => keepIndex({ ...custody, store, log });
  const keepSharing = () => every(options.shareMs ?? SHARE_MS, share);
  const keepLeaving = () => every(options.lateEndsMs ?? LATE_ENDS_MS, lateEnds.tryAgain);
  const keep = {
    keepReplaying,
    keepIndexed,
    keepSharing,
    keepLeaving,
    keepMeasuring: metrics.countStoreCalls,
  };
  return { app, settled, ...keep, revocations: custody.revocations, streams, metrics };
}

/** What is looked up for each scrape. */
function scraped(
  { ping, revocations, grantIndex }: Store,
  { waiting }: TokenRefresher,
  { counts: apiCalls }: CallTurns,
): Omit<ScrapedSources, 'requestsWaiting' | 'heldBytes'> {
  const { counts: grants } = grantIndex;
  return { unsaved: waiting, apiCalls, ping, revocations: revocations.counts, grants };
}

/** The door of this process, which tells when it is closed. */
function composeAdmission({ log, options }: Parts, { admission: counted }: Metrics): Admission {
  const tell = reportBusy({ log, now: Date.now });
  const notBegun: AdmissionMeasures['notBegun'] = (why) => {
    counted.notBegun(why);
    if (why === 'server_busy') tell();
  };
  return createAdmission({ ...options.admission, measures: { ...counted, notBegun } });
}

/** Turns of calls to Fullscript, which all users of this process share. */
function composeTurns(
  { config, log, options }: Parts,
  ownerTags: OwnerTags,
  { turns: counted }: Metrics,
): CallTurns {
  const tell = reportNotSent({ log, ownerTags, now: Date.now });
  const notSent: TurnMeasures['notSent'] = (why, user) => {
    counted.notSent(why, user);
    tell(why, user);
  };
  return createCallTurns({
    ofOneUser: config.callsPerUser,
    patienceMs: options.turnWaitMs,
    measures: { waited: counted.waited, notSent },
  });
}

/** What is set by the environment, or by a test. */
function settings({ config, options, simulatorUrl }: Parts) {
  const { baseUrl, trustProxy, metricsToken, session } = config;
  return {
    ...{ baseUrl, trustProxy, metricsToken, simulatorUrl },
    sessionSecrets: session.secrets,
    sessionLifetime: session,
    mostSessions: session.perUser,
    sameSite: session.sameSite,
    streamTiming: options.streamTiming,
    apiTimeoutMs: API_TIMEOUT_MS,
    patienceMs: options.patienceMs ?? PATIENCE_MS,
  };
}

function replaying({ replay }: TokenRefresher, log: Logger): () => Promise<void> {
  return () =>
    replay().catch((err: unknown) => {
      log.error({ err }, 'the journal could not be replayed; trying again');
    });
}

/** For each event a line in the log, an entry in the audit trail, and one for the user it is about. */
function composeAudit({ log, store }: Parts, { inLogs: ownerTag }: OwnerTags, metrics: Metrics) {
  const { activity, auditTrail: trail } = store;
  const { onLost, rest } = sayTrailTrouble(log);
  const onError = sayActivityTrouble(log);
  const now = Date.now;
  const forUsers = createActivityRecorder({ activity, now, onError });
  const forAll = createAuditRecorder({ trail, now, onLost, ownerTag });
  const recorded = async () => {
    await Promise.all([forUsers.settled(), forAll.settled()]);
    rest();
  };
  const audit = createAudit({ log, ownerTag, notes: [forUsers.note, forAll.note] });
  return { audit: metrics.countingSessions(audit), recorded };
}

/** Anybody can send a `traceparent`; a trusted proxy is there to see to what comes in. */
function continuesTraces({ tracing, trustProxy }: Config): boolean {
  return tracing !== undefined && 'propagated' in tracing && tracing.propagated && !!trustProxy;
}

/** A session may outlive the registration it was made with. */
function lookUp(registrations: readonly Registration[]) {
  const byId = new Map(registrations.map((one) => [one.id, one]));
  return (id: RegistrationId): Registration => {
    const found = byId.get(id);
    if (found === undefined) throw new RouteError('registration_unknown');
    return found;
  };
}

function both(first: GrantEvents, second: GrantEvents): GrantEvents {
  const names = Object.keys(first) as (keyof GrantEvents)[];
  const merged = names.map((name) => [
    name,
    (...args: never[]) => {
      (first[name] as (...all: never[]) => void)(...args);
      (second[name] as (...all: never[]) => void)(...args);
    },
  ]);
  return Object.fromEntries(merged) as GrantEvents;
}
