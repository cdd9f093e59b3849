import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { authorizationUrl, randomToken } from '../oauth/authorization-request.js';
import {
  type AuthorizationResponse,
  codeOf,
  parseAuthorizationResponse,
} from '../oauth/authorization-response.js';
import { CODE_LIFETIME_MS, exchangeCode } from '../oauth/code-exchange.js';
import { AuthorizationResponseError } from '../oauth/errors.js';
import { checkIssuer } from '../oauth/issuer.js';
import type { PendingAuthorizations } from '../oauth/pending-authorizations.js';
import { codeChallenge } from '../oauth/pkce.js';
import type { Registration, RegistrationId } from '../oauth/registration.js';
import { type Secret, secret } from '../oauth/secret.js';
import type { TokenSet } from '../oauth/token-set.js';
import { type CallbackOutcome, type Claim, createCallbackOutcomes } from './callback-outcomes.js';
import { type Cipher, parseOpened } from './cipher.js';
import type { CustodyDeps } from './custody-deps.js';
import type { DisabledUsers } from './disabled-users.js';
import { EarlierFailureError, StoreUnavailableError, UserDisabledError } from './errors.js';
import { type GrantKey, grantId } from './grant.js';
import { createInFlight } from './in-flight.js';
import { type OpenSignInLimits, type OpenSignIns, createOpenSignIns } from './open-sign-ins.js';
import { saveConsent } from './save-consent.js';
import { type Retirement, createRetirement } from './superseded.js';
import type { Vault } from './vault.js';

/** A sign-in under way, as the browser names it that holds its cookie. */
export interface OpenSignIn {
  readonly stateId: string;
  readonly binding: string;
}

/** A sign-in that has succeeded. */
export interface FinishedSignIn {
  readonly grantId: string;
  readonly returnTo: string | undefined;
  /** Whether the callback at hand brings the answer that it was finished with: then it is a reload. */
  readonly isSameAnswer: boolean;
}

/** The first callback of a sign-in, with a grant that is saved. */
export interface NewSignIn {
  readonly key: GrantKey;
  readonly returnTo: string | undefined;
  /** The session it was started in, if there was one. */
  readonly sessionId: string | undefined;
  /**
   * Says what came of it, for the same callback when it comes again, and for how many milliseconds that is
   * remembered. Never fails.
   */
  readonly came: (
    outcome: { readonly sessionId: string } | { readonly failure: string },
    keptMs?: number,
  ) => Promise<void>;
}

/** The same callback once more: the session that the first one has begun, for the same browser. */
export interface SignInAgain {
  readonly begun: string;
  readonly wanted: Wanted;
}

/** What a person wanted who started a sign-in. */
export interface Wanted {
  readonly registration: string;
  readonly returnTo?: string | undefined;
}

/** Sign-in with Fullscript: from "connect" to a stored grant. */
export interface SignIn {
  /** Starts one. `binding` goes into a cookie named after `stateId`, which ties it to this browser. */
  readonly start: (request: {
    registration: Registration;
    returnTo: string | undefined;
    /** The session it is started in, if somebody is signed in; `finish` gives it back. */
    sessionId?: string | undefined;
    /** A name for the address it is started from: so many can be under way from one. */
    address?: string | undefined;
  }) => Promise<{ location: string; stateId: string; binding: string }>;
  /**
   * Finishes one: state, exchange, grant saved.
   *
   * @param callback.bindingOf the binding that this browser holds for a state, if it does.
   * @param callback.onTaken called when the sign-in is spent: from here on a reload cannot succeed.
   * @param callback.signal ends the waiting for the same callback that came before, by its reason.
   * @throws AuthorizationResponseError, TokenEndpointError, ResourceOwnerError, UserDisabledError,
   *   StoreUnavailableError, EarlierFailureError
   */
  readonly finish: (callback: {
    query: URLSearchParams;
    bindingOf: (stateId: string) => string | undefined;
    onTaken?: (wanted: Wanted) => void;
    signal?: AbortSignal;
  }) => Promise<NewSignIn | SignInAgain>;
  /**
   * The last look, when the session is stored: somebody may have disabled the user meanwhile, and ended
   * the sessions that were there.
   *
   * @throws UserDisabledError, StoreUnavailableError: the session must go.
   */
  readonly admit: (key: GrantKey) => Promise<void>;
  /**
   * Forgets sign-ins, and what came of them.
   *
   * @returns the sessions that they began and that the browser may not have heard of.
   * @throws StoreUnavailableError
   */
  readonly drop: (open: readonly OpenSignIn[]) => Promise<string[]>;
  /** What the state of a callback has led to, if it has led to a grant before. */
  readonly finished: (query: URLSearchParams) => Promise<FinishedSignIn | undefined>;
  /** Resolves when nothing is left to do in the background; for shutdown. */
  readonly settled: Retirement['settled'];
}

export interface SignInDeps extends CustodyDeps {
  readonly pending: PendingAuthorizations;
  /** How long sign-ins may be under way, and how many, unless as usual. */
  readonly openSignIns?: OpenSignInLimits | undefined;
  readonly cipher: Cipher;
  readonly vault: Vault;
  readonly disabledUsers: Pick<DisabledUsers, 'has'>;
  readonly now: () => number;
  readonly sleep?: (ms: number) => Promise<unknown>;
  /** Between the first attempt to exchange a code and the second. */
  readonly exchangeWaitMs?: number | undefined;
  /** How long a browser waits until its new grant is saved. */
  readonly saveAnswerMs?: number | undefined;
}

type WithOpenSignIns = Omit<SignInDeps, 'openSignIns'> & { readonly openSignIns: OpenSignIns };

const pendingRecord = z.object({
  /** Hash of the whole state: its id is a part of that. */
  state: z.string(),
  registration: z.string(),
  returnTo: z.string().optional(),
  codeVerifier: z.string().optional(),
  sessionId: z.string().optional(),
  address: z.string().optional(),
});
const finishedRecord = z.object({
  grantId: z.string(),
  returnTo: z.string().optional(),
  /** Of what Fullscript answered. Records of earlier versions lack it, and count as another answer. */
  answer: z.string().optional(),
});

/**
 * The record of a sign-in is addressed by the hash of the state's id *and* the binding: a browser without the
 * cookie cannot even name it, so it can neither finish nor spoil somebody else's sign-in.
 */
export function createSignIn(deps: SignInDeps): SignIn {
  const { pending, cipher, sleep = wait } = deps;
  const open = { ...deps, openSignIns: createOpenSignIns(deps, deps.openSignIns) };
  const retirement = createRetirement(deps);
  const saves = createInFlight();
  const consentDeps = { ...deps, retirement, sleep, track: saves.track };
  const outcomes = createCallbackOutcomes(deps);

  async function saveGrant(response: AuthorizationResponse, taken: Pending): Promise<GrantKey> {
    const { registration, codeVerifier } = taken;
    checkIssuer(registration, response.iss);
    const tokens = await exchange(deps, { registration, code: codeOf(response), codeVerifier });
    return await saveConsent(consentDeps, registration.id, tokens);
  }

  return {
    start: (request) => start(open, request),
    settled: () => saves.settled().then(retirement.settled),

    finish: async ({ query, bindingOf, onTaken, signal }) => {
      const response = parseAuthorizationResponse(query);
      const { state } = response;
      const id = heldPendingId(state, bindingOf);
      const answer = answerHash(query);
      const claimed = await outcomes.claim(id, answer, signal);
      if ('earlier' in claimed) return again(claimed, onTaken);
      const { first } = claimed;
      const taken = await takePending(open, { state, id, first });
      const { returnTo, sessionId } = taken;
      const wanted = { registration: taken.registration.id, returnTo };
      onTaken?.(wanted);
      const came: NewSignIn['came'] = (outcome, keptMs = CODE_LIFETIME_MS) =>
        first.settle({ wanted, ...outcome }, keptMs);
      try {
        const key = await saveGrant(response, taken);
        await rememberFinished(deps, state, { grantId: grantId(key), returnTo, answer });
        return { key, returnTo, sessionId, came };
      } catch (error) {
        await came({ failure: codeOfFailure(error) });
        throw error;
      }
    },

    admit: async (key) => {
      if (await deps.disabledUsers.has(grantId(key))) throw new UserDisabledError(key);
    },

    drop: async (dropped) => {
      const ids = dropped.map(pendingId);
      const begun = await Promise.all(
        ids.map((id) => pending.take(id).then(() => outcomes.forget(id))),
      );
      for (const id of ids) open.openSignIns.left(id, undefined);
      return begun.filter((one) => one !== undefined);
    },

    finished: async (query) => {
      const id = finishedId(query.get('state') ?? '');
      const sealed = await pending.peek(id);
      if (sealed === undefined) return undefined;
      const record = parseOpened(finishedRecord, cipher.open(sealed, id));
      const { grantId, returnTo, answer } = record;
      return { grantId, returnTo, isSameAnswer: answer === answerHash(query) };
    },
  };
}

async function start(
  { openSignIns, cipher }: WithOpenSignIns,
  { registration, returnTo, sessionId, address }: Parameters<SignIn['start']>[0],
): ReturnType<SignIn['start']> {
  const state = randomToken();
  const binding = randomBytes(16).toString('base64url');
  const codeVerifier = registration.pkce ? randomToken() : undefined;
  const id = pendingId({ stateId: stateId(state), binding });
  const record = {
    state: hash(state),
    registration: registration.id,
    returnTo,
    codeVerifier,
    sessionId,
    address,
  };
  await openSignIns.add(id, cipher.seal(JSON.stringify(record), id), address);
  const challenge = codeVerifier === undefined ? undefined : codeChallenge(codeVerifier);
  return {
    location: authorizationUrl({ registration, state, codeChallenge: challenge }),
    stateId: stateId(state),
    binding,
  };
}

/** Names a state where the state itself must not appear: cookie names, storage keys. */
export function stateId(state: string): string {
  return hash(state).slice(0, 16);
}

function pendingId({ stateId, binding }: OpenSignIn): string {
  return hash(`pending ${stateId} ${binding}`);
}

function finishedId(state: string): string {
  return hash(`finished ${state}`);
}

/** The code that an error is known by, as people are shown it. */
export function codeOfFailure(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'internal_error';
}

/** Tells one answer of Fullscript to a state from another. */
function answerHash(query: URLSearchParams): string {
  return hash(JSON.stringify(['answer', query.getAll('code'), query.getAll('error')]));
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

interface Pending {
  readonly registration: Registration;
  readonly returnTo: string | undefined;
  readonly codeVerifier: Secret | undefined;
  readonly sessionId: string | undefined;
}

/** Addresses the sign-in that this browser holds for a state. */
function heldPendingId(state: string, bindingOf: (stateId: string) => string | undefined): string {
  const binding = bindingOf(stateId(state));
  if (binding === undefined) throw new AuthorizationResponseError('state_unknown', 'no binding');
  return pendingId({ stateId: stateId(state), binding });
}

/** What a callback gets that is not the first one of its sign-in. */
function again(
  { earlier, isSameAnswer }: { earlier: CallbackOutcome; isSameAnswer: boolean },
  onTaken: ((wanted: Wanted) => void) | undefined,
): SignInAgain {
  const { wanted } = earlier;
  // Whoever asks may find that session unused, and look once more when the store does not say.
  if (isSameAnswer && 'sessionId' in earlier) return { begun: earlier.sessionId, wanted };
  onTaken?.(wanted);
  if (isSameAnswer && 'failure' in earlier) throw new EarlierFailureError(earlier.failure);
  throw new AuthorizationResponseError('state_answered');
}

/** Takes the sign-in for this callback; where that does not work, its claim ends. */
async function takePending(
  deps: WithOpenSignIns,
  { state, id, first }: { state: string; id: string; first: Claim },
): Promise<Pending> {
  try {
    const sealed = await deps.pending.take(id);
    if (sealed === undefined) throw new AuthorizationResponseError('state_unknown');
    const record = parseOpened(pendingRecord, deps.cipher.open(sealed, id));
    if (record.state !== hash(state)) throw new AuthorizationResponseError('state_unknown');
    deps.openSignIns.left(id, record.address);
    return {
      registration: deps.registration(record.registration as RegistrationId),
      returnTo: record.returnTo,
      codeVerifier: record.codeVerifier === undefined ? undefined : secret(record.codeVerifier),
      sessionId: record.sessionId,
    };
  } catch (error) {
    const released = first.release();
    // A store that is silent is not waited for a second time.
    if (!(error instanceof StoreUnavailableError)) await released;
    throw error;
  }
}

function exchange(
  deps: SignInDeps,
  request: { registration: Registration; code: string; codeVerifier: Secret | undefined },
): Promise<TokenSet> {
  const { tokenEndpoint, now, sleep = wait, exchangeWaitMs: firstWaitMs } = deps;
  return exchangeCode({ ...request, tokenEndpoint, now, sleep, firstWaitMs });
}

/** Comfort for a reload; the sign-in has succeeded and must not fail for it. */
async function rememberFinished(
  deps: SignInDeps,
  state: string,
  record: z.infer<typeof finishedRecord>,
): Promise<void> {
  const id = finishedId(state);
  const sealed = deps.cipher.seal(JSON.stringify(record), id);
  await deps.pending.save(id, sealed, CODE_LIFETIME_MS).catch(() => undefined);
}
