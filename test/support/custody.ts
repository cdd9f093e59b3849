import { createSecretKey, randomBytes } from 'node:crypto';
import { type SealingKey, createCipher } from '../../src/grants/cipher.js';
import { createDisconnect } from '../../src/grants/disconnect.js';
import type { GrantEvents } from '../../src/grants/grant-events.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import type { GrantKey } from '../../src/grants/grant.js';
import type { Journal } from '../../src/grants/journal.js';
import type { Lock } from '../../src/grants/lock.js';
import type { RefreshFailures } from '../../src/grants/refresh-failures.js';
import type { RevocationQueue } from '../../src/grants/revocation-queue.js';
import { createRevocations } from '../../src/grants/revocations.js';
import { createSignIn } from '../../src/grants/sign-in.js';
import { createTokenRefresher } from '../../src/grants/token-refresher.js';
import { createVault } from '../../src/grants/vault.js';
import { createMemoryDisabledUsers } from '../../src/memory/disabled-users.js';
import { createMemoryGrantRecords } from '../../src/memory/grant-records.js';
import { createMemoryJournal } from '../../src/memory/journal.js';
import { createMemoryLock } from '../../src/memory/lock.js';
import { createMemoryRefreshFailures } from '../../src/memory/refresh-failures.js';
import { createMemoryPendingAuthorizations } from '../../src/memory/pending-authorizations.js';
import { createMemoryRevocationQueue } from '../../src/memory/revocation-queue.js';
import { authorizationServer } from '../../src/oauth/authorization-server.js';
import type { Registration } from '../../src/oauth/registration.js';
import { secret } from '../../src/oauth/secret.js';
import { createTokenEndpoint } from '../../src/oauth/token-endpoint.js';
import {
  SIMULATOR_CLIENT_ID,
  SIMULATOR_CLIENT_SECRET,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../src/simulator/simulator.js';
import { approve } from '../simulator/drive.js';

export const MINUTE = 60_000;
export const REDIRECT_URI = 'http://127.0.0.1:9/oauth/callback';

/** Time that stands still until it is moved. Starts in the real present, like everything outside. */
export function createClock() {
  let time = Date.now();
  return {
    now: () => time,
    advance: (ms: number) => {
      time += ms;
    },
  };
}

export function registrationFor(simulator: Simulator, overrides: Partial<Registration> = {}) {
  const region = 'us' as const;
  const environment = 'sandbox' as const;
  return {
    id: 'us-sandbox' as const,
    region,
    environment,
    clientId: SIMULATOR_CLIENT_ID,
    clientSecret: secret(SIMULATOR_CLIENT_SECRET),
    redirectUri: REDIRECT_URI,
    server: authorizationServer({ region, environment }, { apiUrl: simulator.apiUrl }),
    pkce: false,
    issuer: undefined,
    scope: [],
    ...overrides,
  } satisfies Registration;
}

/** Grant events as text, for assertions. */
export function recordEvents() {
  const seen: string[] = [];
  const note = (name: string) => (_whose: unknown, detail?: unknown) => {
    const code = (detail as { code?: unknown } | undefined)?.code;
    const extra = typeof code === 'string' ? code : typeof detail === 'string' ? detail : undefined;
    seen.push(extra === undefined ? name : `${name}: ${extra}`);
  };
  const events: GrantEvents = {
    connected: note('connected'),
    scopeMissing: note('scopeMissing'),
    refreshed: note('refreshed'),
    refreshFailed: note('refreshFailed'),
    earlyRefreshFailed: note('earlyRefreshFailed'),
    reconnectNeeded: note('reconnectNeeded'),
    saveFailed: note('saveFailed'),
    replayed: note('replayed'),
    latePairDiscarded: note('latePairDiscarded'),
    revokeFailed: note('revokeFailed'),
    revocationConfirmed: note('revocationConfirmed'),
    revocationGivenUp: note('revocationGivenUp'),
    disconnected: note('disconnected'),
  };
  return { events, seen };
}

export interface CustodyOptions {
  readonly simulator?: SimulatorOptions;
  readonly records?: (inner: GrantRecords) => GrantRecords;
  readonly lock?: Lock;
  readonly journal?: Journal;
  readonly failures?: RefreshFailures;
  readonly queue?: RevocationQueue;
  readonly registration?: Partial<Registration>;
  readonly tokenTimeoutMs?: number;
  /** How long a sign-in waits for a store that says nothing. */
  readonly saveAnswerMs?: number;
  readonly sealingKeys?: readonly [SealingKey, ...SealingKey[]];
}

/** Custody of grants over the reference adapters and a simulator, with a clock of its own. */
export async function openCustody(options: CustodyOptions = {}) {
  const clock = createClock();
  const simulator = await startSimulator({ now: clock.now, ...options.simulator });
  const plainRecords = createMemoryGrantRecords({ now: clock.now });
  const records = options.records?.(plainRecords) ?? plainRecords;
  const lock = options.lock ?? createMemoryLock();
  const cipher = createCipher(
    options.sealingKeys ?? [{ id: 'k1', key: createSecretKey(randomBytes(32)) }],
  );
  const vault = createVault({ records, cipher });
  const { events, seen } = recordEvents();
  let registration = registrationFor(simulator, options.registration);
  const tokenEndpoint = createTokenEndpoint({
    timeoutMs: options.tokenTimeoutMs ?? 5_000,
    now: clock.now,
  });
  const sleep = (ms: number) => {
    clock.advance(ms);
    return Promise.resolve();
  };
  const failures = options.failures ?? createMemoryRefreshFailures({ now: clock.now });
  const journal = options.journal ?? createMemoryJournal();
  const revoke = {
    tokenEndpoint,
    events,
    cipher,
    now: clock.now,
    registration: () => registration,
  };
  const queue = options.queue ?? createMemoryRevocationQueue();
  const revocations = createRevocations({ ...revoke, vault, queue });
  const elapsed = clock.now;
  const disabledUsers = createMemoryDisabledUsers();
  const custody = { ...revoke, vault, lock, failures, sleep, journal, revocations, elapsed };
  const deps = { ...custody, disabledUsers };
  const pending = createMemoryPendingAuthorizations({ now: clock.now });
  const signIn = createSignIn({ ...deps, pending, cipher, saveAnswerMs: options.saveAnswerMs });

  /** Walks one person through sign-in and consent; answers whose grant it became. */
  async function connect(person = simulator.people[0]!.id): Promise<GrantKey> {
    const started = await signIn.start({ registration, returnTo: undefined });
    const location = await approve({ authorizeUrl: started.location, person });
    const query = new URL(location).searchParams;
    const finished = await signIn.finish({ query, bindingOf: () => started.binding });
    if ('begun' in finished) throw new Error('a callback like this one has come before');
    return finished.key;
  }

  return {
    ...{
      journal,
      clock,
      simulator,
      revocations,
      records: plainRecords,
      vault,
      seen,
      signIn,
      pending,
      cipher,
      deps,
      connect,
    },
    /** One refresher a process. */
    refresher: () => createTokenRefresher(deps),
    disconnect: createDisconnect(deps),
    register: (overrides: Partial<Registration>) => {
      registration = registrationFor(simulator, overrides);
    },
    /** Calls the API the way a route would. */
    call: async (accessToken: string) => {
      const headers = { authorization: `Bearer ${accessToken}` };
      return (await fetch(`${simulator.apiUrl}/clinic`, { headers })).status;
    },
    close: () => simulator.close(),
  };
}

export type Custody = Awaited<ReturnType<typeof openCustody>>;
