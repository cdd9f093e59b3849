import { join } from 'node:path';
import type { Config } from '../config.js';
import { type CustodyStore, composeCustody } from '../custody.js';
import { openFileJournal } from '../disk/file-journal.js';
import type { GrantEvents } from '../grants/grant-events.js';
import type { ReconnectReason } from '../grants/grant.js';
import type { Journal } from '../grants/journal.js';
import { createMemoryJournal } from '../memory/journal.js';
import type { Registration, RegistrationId } from '../oauth/registration.js';
import { closeRedis, waitUntilReady } from '../redis/client.js';
import { createRedisTeller } from '../redis/connection-signals.js';
import { createRedisGrantIndex } from '../redis/grant-index.js';
import { createRedisGrantRecords } from '../redis/grant-records.js';
import { createRedisLock } from '../redis/lock.js';
import { createRedisPendingAuthorizations } from '../redis/pending-authorizations.js';
import { createRedisRefreshFailures } from '../redis/refresh-failures.js';
import { createRedisRevocationQueue, loadRevocationQueue } from '../redis/revocation-queue.js';
import { openSaves } from '../redis/saves.js';
import { joinSimulator } from '../simulated.js';
import type { ResourceOwner } from '../oauth/resource-owner.js';
import { type CommandCall, type CommandStore, type CommandWaits, UsageError } from './command.js';

export type Custody = ReturnType<typeof composeCustody>;

interface CustodyDeps {
  readonly store: CommandStore;
  readonly config: Config;
  readonly journal: Journal;
  readonly say: CommandCall['say'];
  readonly waits?: CommandWaits;
  /** Told when this very command finds that the grant works no more. */
  readonly onReconnectNeeded?: (reason: ReconnectReason, newOwner?: ResourceOwner) => void;
}

const READY_WAIT_MS = 5_000;

/**
 * Works with what a server handles tokens with: the same lock, saves that wait for their confirmation,
 * a journal, the queue of revocations. Delivering what is queued is left to servers.
 */
export async function withCustody<T>(
  deps: CustodyDeps,
  work: (custody: Custody) => Promise<T>,
): Promise<T> {
  const { store, config, say, onReconnectNeeded = () => undefined } = deps;
  const registration = await registrationsOf(config);
  const { parts, close } = await openParts(store);
  // What is told carries fields for a log; the words alone are for people.
  const tell = (_fields: unknown, text = '') => {
    say(text);
  };
  const log = { warn: tell, error: tell };
  const reconnectNeeded: GrantEvents['reconnectNeeded'] = (_key, reason, newOwner) => {
    onReconnectNeeded(reason, newOwner);
  };
  const events = { ...tellingEvents(say), reconnectNeeded };
  const custody = composeCustody({
    ...deps,
    ...deps.waits,
    store: parts,
    log,
    registration,
    events,
  });
  try {
    return await work(custody);
  } finally {
    await custody.settled();
    await close();
  }
}

async function openParts(store: CommandStore) {
  const { client, address, disabledUsers } = store;
  loadRevocationQueue();
  const saves = openSaves({ address });
  await waitUntilReady(saves.client, READY_WAIT_MS);
  const ignore = () => undefined;
  const revocations = createRedisRevocationQueue({ client, onError: ignore });
  const parts: CustodyStore = {
    records: createRedisGrantRecords(client, saves.runSave),
    grantIndex: createRedisGrantIndex(client),
    lock: createRedisLock(client),
    failures: createRedisRefreshFailures(client),
    pending: createRedisPendingAuthorizations(client),
    signals: { tell: createRedisTeller({ client, onError: ignore }) },
    ...{ disabledUsers, revocations },
  };
  const close = async () => {
    await revocations.close();
    await closeRedis(saves.client);
  };
  return { parts, close };
}

/**
 * A pair that Redis does not take must outlive this command as it would a server.
 *
 * @throws UsageError when DATA_DIR cannot hold it.
 */
export async function openCommandJournal({ dataDir }: Config): Promise<Journal> {
  try {
    return await openFileJournal({ dir: join(dataDir, 'journal') });
  } catch (error) {
    const { code = 'it failed' } = error as NodeJS.ErrnoException;
    throw new UsageError(`DATA_DIR (${dataDir}) cannot hold a refreshed pair: ${code}`);
  }
}

/** For what refreshes nothing. */
export const openNoJournal = createMemoryJournal;

async function registrationsOf(config: Config): Promise<(id: RegistrationId) => Registration> {
  const { simulator } = config;
  const all =
    simulator === undefined ? config.registrations : [await joinSimulator({ config, simulator })];
  return (id) => {
    const found = all.find((one) => one.id === id);
    if (found === undefined) throw new UsageError(`no credentials are configured for ${id}`);
    return found;
  };
}

/** What the result does not tell anyway. */
function tellingEvents(say: (text: string) => void): Omit<GrantEvents, 'reconnectNeeded'> {
  const nothing = () => undefined;
  return {
    ...{ connected: nothing, refreshed: nothing, refreshFailed: nothing, disconnected: nothing },
    ...{ earlyRefreshFailed: nothing, replayed: nothing },
    ...{ revokeFailed: nothing, revocationConfirmed: nothing, revocationGivenUp: nothing },
    scopeMissing: (_key, missing) => {
      say(`Fullscript granted fewer permissions than before: without ${missing.join(', ')}`);
    },
    saveFailed: () => {
      say('Redis did not take the new pair at once; it is kept in DATA_DIR and tried again');
    },
    latePairDiscarded: () => {
      say('somebody else has changed the grant meanwhile; the new pair was revoked');
    },
  };
}
