import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.js';
import { OpenToOthersError, closeToOthers } from './data-folder.js';
import { openFileJournal } from './disk/file-journal.js';
import { type Cipher, createCipher } from './grants/cipher.js';
import { createDisconnect } from './grants/disconnect.js';
import type { GrantEvents } from './grants/grant-events.js';
import type { GrantKey } from './grants/grant.js';
import { createIndexUpkeep } from './grants/index-upkeep.js';
import { indexedVault } from './grants/indexed-vault.js';
import { createInFlight } from './grants/in-flight.js';
import type { Journal } from './grants/journal.js';
import { createRevocations } from './grants/revocations.js';
import { type SignIn, createSignIn } from './grants/sign-in.js';
import { tellingVault } from './grants/telling-vault.js';
import { createTokenRefresher } from './grants/token-refresher.js';
import { keysLacked } from './grants/unsaved-pairs.js';
import { createVault } from './grants/vault.js';
import { createMemoryJournal } from './memory/journal.js';
import type { Metrics } from './metrics/metrics.js';
import type { Registration, RegistrationId } from './oauth/registration.js';
import { createTokenEndpoint } from './oauth/token-endpoint.js';
import type { Store } from './store.js';
import { sayIndexTrouble } from './store-log.js';
import { tracedDisconnect } from './tracing/traced-disconnect.js';
import { tracedEvents } from './tracing/traced-events.js';
import { refreshLock, tracedLock } from './tracing/traced-lock.js';
import { tracedRefresher } from './tracing/traced-refresher.js';
import { tracedRevocations } from './tracing/traced-revocations.js';
import { tracedSignIn } from './tracing/traced-sign-in.js';
import { tracedTokenEndpoint } from './tracing/traced-token-endpoint.js';
import { tracedVault } from './tracing/traced-vault.js';
import { type Tracer, noTracer } from './tracing/tracer.js';

export const TOKEN_TIMEOUT_MS = 20_000;
/** A revocation is tried again; one that hangs must not hold up the others. */
export const REVOKE_TIMEOUT_MS = 5_000;

/** What of a store has to do with tokens. */
export interface CustodyStore extends Pick<
  Store,
  'records' | 'grantIndex' | 'lock' | 'failures' | 'pending' | 'disabledUsers' | 'revocations'
> {
  readonly signals: Pick<Store['signals'], 'tell'>;
}

/** What of a log is needed here. */
export type CustodyLog = Pick<Logger, 'warn' | 'error'>;

export interface CustodyParts {
  readonly config: Pick<Config, 'sealingKeys'> & Partial<Pick<Config, 'openSignIns'>>;
  readonly log: CustodyLog;
  readonly store: CustodyStore;
  readonly journal: Journal;
  readonly registration: (id: RegistrationId) => Registration;
  readonly events: GrantEvents;
  /** Counts what the token endpoint and refreshes do, if somebody wants to know. */
  readonly metrics?: Pick<Metrics, 'measured' | 'refreshes'>;
  /** Between the first attempt of a revocation and the second. */
  readonly revocationRetryMs?: number | undefined;
  /** Between the first attempt to exchange a code and the second. */
  readonly exchangeWaitMs?: number;
  /** How long a browser waits until its new grant is saved. */
  readonly saveAnswerMs?: number;
  readonly tokenTimeoutMs?: number;
  readonly revokeTimeoutMs?: number;
  /** Between a refusal and the next look at the grant. */
  readonly lookAgainMs?: number | undefined;
  readonly tracer?: Tracer;
}

/** Everything that handles tokens, and a way to wait for what of it is under way. */
export function composeCustody(parts: CustodyParts) {
  const { config, log, store, journal, registration, tracer = noTracer } = parts;
  const now = Date.now;
  const { failures, pending } = store;
  const cipher = createCipher(config.sealingKeys);
  warnOfLackedKeys(journal, cipher, log);
  const { vault, indexUpkeep, lock, tokenEndpoint, events } = openTools(parts, cipher);
  const revoke = { tokenEndpoint, registration, events, now, cipher };
  const retry = { vault, queue: store.revocations, firstWaitMs: parts.revocationRetryMs };
  const revocations = tracedRevocations(createRevocations({ ...revoke, ...retry }), tracer);
  const deps = { ...revoke, vault, lock, failures, journal, revocations };
  const measures = parts.metrics?.refreshes;
  const { lookAgainMs } = parts;
  const refresh = { ...deps, lock: refreshLock(lock, tracer), measures, lookAgainMs };
  const refresher = tracedRefresher(createTokenRefresher(refresh), tracer);
  const { exchangeWaitMs, saveAnswerMs } = parts;
  const times = { exchangeWaitMs, saveAnswerMs };
  const { openSignIns } = config;
  const admission = { pending, openSignIns, disabledUsers: store.disabledUsers };
  const signIn = tracedSignIn(createSignIn({ ...deps, ...admission, ...times }), tracer);
  const disconnect = tracedDisconnect(createDisconnect(deps), tracer);
  const { track, settled } = createInFlight();
  return {
    vault,
    indexUpkeep,
    refresher,
    revocations,
    // Browsers go away; a spent code and a half-done disconnect must be seen through all the same.
    signIn: {
      ...signIn,
      finish: (callback: Parameters<SignIn['finish']>[0]) => track(signIn.finish(callback)),
    },
    disconnect: (key: GrantKey) => track(disconnect(key)),
    settled: async () => {
      await settled();
      await Promise.all([refresher.settled(), signIn.settled()]);
      await revocations.settled();
      await refresher.replay();
      await indexUpkeep.settled();
      warnOfLeftPairs(refresher.waiting(), log);
    },
  };
}

/** Grants, with all that has to follow when they change. */
function openVault({ store, log, tracer = noTracer }: CustodyParts, cipher: Cipher) {
  const { records, grantIndex: index, signals } = store;
  const vault = createVault({ records, cipher });
  const indexUpkeep = createIndexUpkeep({ index, vault, onTrouble: sayIndexTrouble(log) });
  const told = tellingVault(indexedVault(vault, indexUpkeep), signals);
  return { indexUpkeep, vault: tracedVault(told, tracer) };
}

/** What custody works with, each use of it in a span where traces are wanted. */
function openTools(parts: CustodyParts, cipher: Cipher) {
  const { tracer = noTracer } = parts;
  return {
    ...openVault(parts, cipher),
    lock: tracedLock(parts.store.lock, tracer),
    tokenEndpoint: tracedTokenEndpoint(tokenEndpointOf(parts), tracer),
    events: tracedEvents(parts.events, tracer),
  };
}

function tokenEndpointOf({ tokenTimeoutMs, revokeTimeoutMs, metrics }: CustodyParts) {
  const endpoint = createTokenEndpoint({
    timeoutMs: tokenTimeoutMs ?? TOKEN_TIMEOUT_MS,
    revokeTimeoutMs: revokeTimeoutMs ?? REVOKE_TIMEOUT_MS,
    now: Date.now,
  });
  return metrics?.measured(endpoint) ?? endpoint;
}

/** Where refreshed pairs wait that Redis would not take. Without a folder they wait in memory. */
export async function openJournal({ dataDir }: Config, log: Logger): Promise<Journal> {
  try {
    const dir = join(dataDir, 'journal');
    const journal = await openFileJournal({ dir });
    closeJournal(dir, log);
    const { length } = journal.entries();
    if (length > 0) log.warn({ entries: length }, 'the journal holds pairs to be saved');
    return journal;
  } catch (err) {
    log.warn(
      { err },
      'DATA_DIR cannot hold the journal: a pair Redis does not take lives in memory',
    );
    return createMemoryJournal();
  }
}

function warnOfLeftPairs(entries: number, log: CustodyLog): void {
  if (entries > 0) log.warn({ entries }, 'the journal holds pairs to be saved at the next start');
}

/** Until the keys are back, the owners of these pairs get an error, and `/readyz` stays red. */
function warnOfLackedKeys(journal: Journal, cipher: Cipher, log: CustodyLog): void {
  const keys = keysLacked(journal, cipher);
  if (keys.length === 0) return;
  log.error(
    { keys },
    'the journal holds pairs sealed with keys that TOKEN_ENCRYPTION_KEYS no longer lists: put them back',
  );
}

/** What it holds is sealed: kept where others can look is better than kept in memory alone. */
function closeJournal(dir: string, log: Logger): void {
  try {
    closeToOthers(dir);
  } catch (err) {
    if (!(err instanceof OpenToOthersError)) throw err;
    log.warn(err.message);
  }
}
