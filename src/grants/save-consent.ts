import { ResourceOwnerError } from '../oauth/errors.js';
import { sameSecret } from '../oauth/secret.js';
import type { RegistrationId } from '../oauth/registration.js';
import { missingScope } from '../oauth/scope.js';
import type { TokenSet } from '../oauth/token-set.js';
import type { CustodyDeps } from './custody-deps.js';
import type { DisabledUsers } from './disabled-users.js';
import { LockTimeoutError, UserDisabledError } from './errors.js';
import { type GrantKey, type GrantTokens, grantId, grantTokens } from './grant.js';
import type { InFlight } from './in-flight.js';
import { inTime, patiently } from './patience.js';
import { revokePair } from './revoke-pair.js';
import { type Retirement, supersededBy } from './superseded.js';
import { type Vault, readIfOpenable } from './vault.js';

/** Every lost attempt means that another sign-in of the same user was saved: tabs, not strangers. */
const ATTEMPTS = 50;
/** Less than the second after which people wonder whether anything happens. */
const ANSWER_MS = 900;

export interface SaveConsentDeps extends CustodyDeps {
  readonly vault: Vault;
  readonly disabledUsers: Pick<DisabledUsers, 'has'>;
  readonly retirement: Retirement;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly track: InFlight['track'];
  /** How long a browser waits for a store that fails; the save itself goes on for longer. */
  readonly saveAnswerMs?: number | undefined;
}

/**
 * Turns the answer of a code exchange into a grant. A new consent wins over whatever is stored, also
 * over a refresh that is under way.
 *
 * @throws ResourceOwnerError when the answer names nobody we can keep a grant for; its pair is revoked,
 *   so that the refusal holds at Fullscript too. UserDisabledError, with the same consequence; what is
 *   stored of that user stays as it is.
 * @throws StoreUnavailableError when the store failed. The pair is not revoked then: the write may have
 *   happened, or still happen, and the grant be in use.
 */
export async function saveConsent(
  deps: SaveConsentDeps,
  registration: RegistrationId,
  answer: TokenSet,
): Promise<GrantKey> {
  const { resourceOwner, ownerProblem } = answer;
  if (resourceOwner === undefined) {
    await revokePair(deps, registration, answer);
    throw new ResourceOwnerError(ownerProblem ?? 'resource_owner_missing');
  }
  const key: GrantKey = { registration, owner: resourceOwner };
  const tokens = grantTokens(answer);
  const { saveAnswerMs = ANSWER_MS } = deps;
  await inTime(saveAnswerMs, deps.track(save(deps, key, tokens)));
  return key;
}

async function save(deps: SaveConsentDeps, key: GrantKey, tokens: GrantTokens): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    if (await patiently(deps.sleep, () => tryToSave(deps, key, tokens))) return;
  }
  throw new LockTimeoutError();
}

async function tryToSave(
  deps: SaveConsentDeps,
  key: GrantKey,
  tokens: GrantTokens,
): Promise<boolean> {
  const { vault, events, retirement, now, registration } = deps;
  // The version first: a grant that comes after it is either read, or makes the write below fail.
  const [lastVersion, previous, isDisabled] = await Promise.all([
    vault.lastVersion(key),
    readIfOpenable(vault, key),
    deps.disabledUsers.has(grantId(key)),
  ]);
  if (isDisabled) {
    // One that is stored stays: the answer of its write was lost, or the server hands it out again.
    const isStored = sameSecret(previous?.tokens.accessToken, tokens.accessToken);
    // `revocations` sees it through; nobody has to wait until Fullscript has heard of the refusal.
    if (!isStored) void revokePair(deps, key.registration, tokens);
    throw new UserDisabledError(key);
  }
  const { kept, due } = supersededBy(tokens.refreshToken, previous, now());
  const wanted = [...registration(key.registration).scope, ...(previous?.tokens.scope ?? [])];
  // An answer that names no scope grants what was asked for (RFC 6749 section 5.1).
  const scope = tokens.scope.length > 0 ? tokens.scope : [...new Set(wanted)];
  const granted = { ...tokens, scope };
  const fresh = { key, status: 'active' as const, reconnectReason: undefined, tokens: granted };
  const grant = { ...fresh, connectedAt: now(), superseded: kept };
  const saved = await vault.write(grant, previous?.version ?? lastVersion);
  if (saved === undefined) return false;
  events.connected(key);
  const missing = missingScope(wanted, scope);
  if (missing.length > 0) events.scopeMissing(key, missing);
  retirement.start(saved, due);
  return true;
}
