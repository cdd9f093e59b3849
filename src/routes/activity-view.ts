import type { ActivityEntry } from '../grants/user-activity.js';
import { moment } from './moment.js';

/** One line of what happened, for people. */
export interface ActivityRow {
  readonly text: string;
  readonly detail: string | undefined;
  readonly when: { readonly iso: string; readonly text: string };
  readonly tone: Tone;
}

type Tone = 'good' | 'plain' | 'bad';
type Said = readonly [Tone, text: string, detail?: string | undefined];

const FOR_DISCONNECT: Record<string, Said> = {
  revoked: ['plain', 'Disconnected; Fullscript confirmed it'],
  retrying: ['plain', 'Disconnected', 'Fullscript had not confirmed it yet, and was asked again.'],
  unreadable: [
    'bad',
    'Disconnected here only',
    'The stored connection could not be opened. End it in your Fullscript account, too.',
  ],
};

const SILENT = 'Fullscript did not answer';
const CONFUSED = 'Fullscript gave an answer that cannot be used';
const SETTINGS = 'Fullscript refused this application; its settings have to be put right';

/** Why Fullscript's token endpoint was no help, by the codes of `oauth/errors.ts` and `grants/errors.ts`. */
const CAUSES: Record<string, string> = {
  ...{ no_answer: SILENT, unreachable: SILENT },
  server_error: 'Fullscript had a problem',
  rate_limited: 'Fullscript was asked too often',
  ...{ invalid_response: CONFUSED, unsupported_token_type: CONFUSED },
  ...{ resource_owner_missing: CONFUSED, resource_owner_unknown_type: CONFUSED },
  resource_owner_changed: 'Fullscript answered with the connection of somebody else',
  ...{ invalid_client: SETTINGS, unauthorized_client: SETTINGS, invalid_request: SETTINGS },
  ...{ unsupported_grant_type: SETTINGS, invalid_scope: SETTINGS },
  invalid_grant: 'Fullscript no longer accepts it',
  token_rejected: 'Fullscript rejected the new one, too',
  refresh_busy: 'it took too long',
  store_unavailable: 'our storage did not answer',
  user_disabled: 'an administrator has shut off this account',
  too_many_requests: 'there were too many attempts',
};

const RECONNECT: Record<string, string> = {
  refresh_token_refused:
    'Fullscript no longer accepts the connection: it was removed there, or a renewal was cut off half-way.',
  no_refresh_token: 'It has run out, and Fullscript gave nothing to renew it with.',
  resource_owner_changed:
    'Fullscript answered for another account: a role was changed there, or accounts were merged.',
};

/** What is said of an event; what else there is to say stands in the entry. */
const SAYS: Record<string, (entry: ActivityEntry) => Said> = {
  signed_in: (entry) => ['good', 'Signed in', place(entry)],
  sign_in_failed: (entry) => ['bad', because('Sign-in failed', entry), place(entry)],
  signed_out: (entry) => ['plain', 'Signed out', place(entry)],
  signed_out_everywhere: (entry) => ['plain', 'Signed out on all devices', place(entry)],
  sessions_ended: sessionsEnded,
  refreshed: () => ['good', 'Connection renewed'],
  refresh_failed: (entry) => [
    'bad',
    because('Renewal failed', entry),
    'The connection was kept, and is tried again.',
  ],
  reconnect_needed: ({ reason }) => ['bad', 'You had to connect again', lookUp(RECONNECT, reason)],
  scope_missing: ({ missing }) => ['bad', 'Fullscript granted fewer permissions', lost(missing)],
  save_failed: () => ['bad', 'A renewed connection could not be stored', 'It is tried again.'],
  late_pair_discarded: () => ['plain', 'A renewal came too late and was thrown away'],
  disconnected,
  revocation_confirmed: () => ['good', 'Fullscript confirmed the disconnect'],
  revocation_given_up: () => [
    'bad',
    'Fullscript did not confirm the disconnect',
    'End the connection in your Fullscript account.',
  ],
  user_disabled: ({ sessions }) => [
    'bad',
    'An administrator shut off sign-in',
    sessions === undefined || sessions === 0 ? undefined : `${counted(sessions)} ended.`,
  ],
  user_enabled: () => ['good', 'An administrator allowed sign-in again'],
};

/** What happened, newest first, as people are told it. Renewals in a row are one line. */
export function activityView(entries: readonly ActivityEntry[]): ActivityRow[] {
  return inRuns(entries).map(({ newest, oldest, length }) => {
    const [tone, text, detail] = (lookUp(SAYS, newest.event) ?? somethingElse)(newest);
    const when = moment(newest.at);
    if (length === 1) return { tone, text, detail, when };
    return {
      tone,
      text: `${text} ${length} times`,
      detail: `Since ${moment(oldest.at).text}.`,
      when,
    };
  });
}

interface Run {
  readonly newest: ActivityEntry;
  readonly oldest: ActivityEntry;
  readonly length: number;
}

function inRuns(entries: readonly ActivityEntry[]): Run[] {
  const runs: Run[] = [];
  for (const entry of entries) {
    const last = runs.at(-1);
    const goesOn = last?.oldest.event === 'refreshed' && entry.event === 'refreshed';
    if (goesOn) runs.splice(-1, 1, { ...last, oldest: entry, length: last.length + 1 });
    else runs.push({ newest: entry, oldest: entry, length: 1 });
  }
  return runs;
}

function disconnected({ outcome, reason }: ActivityEntry): Said {
  const [tone, text, detail] = lookUp(FOR_DISCONNECT, outcome) ?? ['plain', 'Disconnected'];
  return [tone, reason === 'administrator' ? `${text} (by an administrator)` : text, detail];
}

function sessionsEnded({ reason, sessions = 1, ...entry }: ActivityEntry): Said {
  if (reason === 'administrator') {
    return ['plain', `An administrator ended ${sessions === 1 ? 'a session' : counted(sessions)}`];
  }
  if (reason === 'session_limit') {
    const [which, were] = sessions === 1 ? ['The session', 'was'] : [counted(sessions), 'were'];
    const detail = 'You had more than are kept. A program that signs in may leave them behind.';
    return ['plain', `${which} that ${were} not used for longest ended`, detail];
  }
  const what = sessions === 1 ? 'Another session was' : `${sessions} other sessions were`;
  const from = place(entry);
  return ['plain', `${what} ended`, from && `From ${from}`];
}

/** Written by another version of the server. */
function somethingElse(): Said {
  return ['plain', 'Something happened to your connection'];
}

function because(what: string, { reason }: ActivityEntry): string {
  const cause = lookUp(CAUSES, reason);
  return cause === undefined ? what : `${what}: ${cause}`;
}

function place({ device, address }: Pick<ActivityEntry, 'device' | 'address'>) {
  const parts = [device, address].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(', ');
}

/** Only what looks like the name of a permission; it came from elsewhere. */
function lost(missing = ''): string | undefined {
  const names = missing.split(' ').filter((name) => /^[\w:.-]{1,60}$/.test(name));
  return names.length === 0 ? undefined : `Missing: ${names.join(', ')}`;
}

function counted(sessions: number): string {
  return `${sessions} session${sessions === 1 ? '' : 's'}`;
}

function lookUp<T>(table: Record<string, T>, name: string | undefined): T | undefined {
  return name !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
}
