import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config.js';
import {
  GrantNotFoundError,
  LockTimeoutError,
  NeedsReconnectError,
  OwnerChangedError,
  SealError,
  TokenRejectedError,
} from '../grants/errors.js';
import type { DisconnectOutcome } from '../grants/grant-events.js';
import { type Grant, type GrantKey, type ReconnectReason, grantId } from '../grants/grant.js';
import type { Journal } from '../grants/journal.js';
import { TokenEndpointError } from '../oauth/errors.js';
import type { ResourceOwner } from '../oauth/resource-owner.js';
import type { Act } from './act.js';
import {
  type CommandCall,
  type CommandStore,
  type Outcome,
  UsageError,
  counted,
  oneUser,
} from './command.js';
import { type Custody, openCommandJournal, openNoJournal, withCustody } from './grant-custody.js';
import { iso } from './grant-text.js';
import { printable, userName } from './user-name.js';

/** A failover, and the look at what Redis did not confirm. */
const SAVE_WAIT_MS = 20_000;
const SAVE_PAUSE_MS = 500;

/** Fetches a new pair, and stays until it is safe. */
export async function refreshGrant(
  store: CommandStore,
  { subject, say, waits }: CommandCall,
  config: Config,
): Promise<Outcome> {
  const key = oneUser(subject);
  const journal = await openCommandJournal(config);
  let lost: Lost | undefined;
  const onReconnectNeeded = (reason: ReconnectReason, newOwner?: ResourceOwner) => {
    const { registration } = key;
    lost = { reason, newKey: newOwner && { registration, owner: newOwner } };
  };
  const deps = { store, config, journal, say, waits, onReconnectNeeded };
  return withCustody(deps, async (custody) => {
    const renewed = await custody.refresher.renew(key).catch(refusalOf);
    if (!('tokens' in renewed)) return notRefreshed(key, renewed, lost);
    const safe = await untilSafe(custody, journal, key);
    return refreshed(key, renewed, safe);
  });
}

/** A pair may be in the journal although Redis has it: until that is certain. */
async function untilSafe({ refresher }: Custody, journal: Journal, key: GrantKey) {
  const deadline = performance.now() + SAVE_WAIT_MS;
  while (journal.find(grantId(key)) !== undefined) {
    if (performance.now() > deadline) return false;
    await delay(SAVE_PAUSE_MS);
    await refresher.replay();
  }
  return true;
}

function refreshed(key: GrantKey, { tokens }: Grant, safe: boolean): Outcome {
  const user = userName(key);
  const expiresAt = iso(tokens.expiresAt);
  return {
    json: { user, refreshed: true, saved: safe, expiresAt },
    lines: [
      `${printable(user)} has a new pair of tokens; the access token ends at ${expiresAt}.`,
      ...(safe
        ? []
        : ['Redis has not taken it yet: a server that starts on this DATA_DIR saves it.']),
    ],
    act: { event: 'refreshed', key },
    failed: !safe,
  };
}

interface Refusal {
  readonly code: string;
  readonly text: string;
}

/** What is about this grant, or Fullscript. @throws whatever else went wrong. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof GrantNotFoundError) return { code: error.code, text: 'no grant is stored' };
  if (error instanceof NeedsReconnectError) {
    return {
      code: error.code,
      text: `only the user can mend it, by connecting again (${error.reason})`,
    };
  }
  if (error instanceof TokenEndpointError) {
    const { code, message, retryAfterMs } = error;
    const wait =
      retryAfterMs === undefined ? '' : `; not before ${Math.ceil(retryAfterMs / 1_000)} s`;
    return { code, text: `${message}${wait}. The grant is as it was` };
  }
  const known = [SealError, LockTimeoutError, OwnerChangedError, TokenRejectedError];
  const found = known.some((one) => error instanceof one);
  if (found || error instanceof UsageError) {
    const { code = 'registration_unknown', message } = error as Error & { code?: string };
    return { code, text: message };
  }
  throw error;
}

/** Why a grant has to be connected again, and who stands in its owner's place where that is the reason. */
type Lost = Required<Pick<Act, 'reason' | 'newKey'>>;

/** @param lost why the grant has just become one that only its user can mend. */
function notRefreshed(key: GrantKey, { code, text }: Refusal, lost: Lost | undefined): Outcome {
  const user = userName(key);
  const failed = { event: 'refresh_failed' as const, key, outcome: code };
  return {
    json: { user, refreshed: false, code },
    lines: [`${printable(user)} was not refreshed: ${text}.`],
    act: lost === undefined ? failed : { event: 'reconnect_needed', key, ...lost },
    failed: true,
  };
}

const SAYS: Record<DisconnectOutcome | 'none', string> = {
  revoked: 'Disconnected, and Fullscript has confirmed it.',
  retrying:
    'Disconnected. Fullscript has not confirmed it yet: the servers ask again for a day, and say so in the log.',
  unreadable:
    'The grant is removed, but it could not be opened, so Fullscript was told nothing: ' +
    'the user has to end the connection in the Fullscript account.',
  none: 'No grant is stored.',
};

/** Ends the sessions first: who is signed in could use the connection to the last moment. */
export async function disconnectGrant(
  store: CommandStore,
  { subject, options, say, waits }: CommandCall,
  config: Config,
): Promise<Outcome> {
  const key = oneUser(subject);
  const id = grantId(key);
  const keep = options['keep-sessions'] === true;
  const ended = keep ? 0 : await store.sessions.endAll(id);
  const wasThere = (await store.records.read(id)) !== undefined;
  const outcome = await withCustody(
    { store, config, journal: openNoJournal(), say, waits },
    (custody) => custody.disconnect(key),
  );
  const came = wasThere ? outcome : 'none';
  const user = userName(key);
  return {
    json: { user, disconnected: wasThere, outcome: wasThere ? outcome : null, ended },
    lines: [
      `${printable(user)}: ${SAYS[came]}`,
      keep ? 'Sessions were left as they are.' : `Ended ${counted(ended, 'session')}.`,
    ],
    ...actOf(key, came, ended),
  };
}

function actOf(key: GrantKey, outcome: string, sessions: number): Pick<Outcome, 'act'> {
  if (outcome !== 'none') return { act: { event: 'disconnected', key, sessions, outcome } };
  return sessions > 0 ? { act: { event: 'sessions_ended', key, sessions } } : {};
}
