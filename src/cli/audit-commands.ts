import type { Config } from '../config.js';
import type { AuditEntry } from '../grants/audit-trail.js';
import { createOwnerTags } from '../http/owner-tags.js';
import type { StoreUnavailableError } from '../grants/errors.js';
import { AUDIT_BLOCK_MS, followAuditTrail } from '../redis/audit-follower.js';
import { type AuditPosition, auditPosition, readAuditTrail } from '../redis/audit-reader.js';
import { waitUntilReady } from '../redis/client.js';
import { type AuditFilter, readAuditFilter } from './audit-filter.js';
import { auditJson, auditLine } from './audit-line.js';
import {
  type Command,
  type CommandCall,
  type CommandStore,
  type Outcome,
  numberOf,
} from './command.js';

/** Commands about what was done to the installation. */
export const AUDIT_COMMANDS: readonly Command[] = [
  {
    needs: 'store',
    name: 'audit tail',
    takes: '',
    does: 'shows the latest of who did what: sign-ins, connections, acts of administrators',
    about: [
      'The newest comes last. Users are named by a tag that does not say who it is; --user finds the entries of',
      'one, and says the tag, also those under the older ones of SESSION_SECRET. With --follow it waits for more',
      'until it is told to stop (exit code 0), and --json then prints one object a line.',
    ],
    subjects: ['none'],
    options: {
      lines: { value: '<number>', does: 'how many; 20 unless told, 10000 at most' },
      follow: { does: 'go on with what comes' },
      event: { value: '<name>', does: 'only these: a name like signed_in, or a comma list' },
      user: { value: '<user>', does: 'only about this user: <registration>/<type>/<id>' },
      since: { value: '<time>', does: 'nothing older: 30m, 12h, 7d, or 2026-03-01T08:00:00Z' },
    },
    examples: [
      'audit tail',
      'audit tail --follow --event sign_in_failed,reconnect_needed',
      'audit tail --user us-production/Staff/8d1c --since 7d --lines 100',
      "audit tail --follow --json | jq -r '[.at, .event, .address] | @tsv'",
    ],
    stoppable: true,
    endless: true,
    run: tail,
  },
];

const MOST = 10_000;
/** Redis holds its answer back for so long; what takes longer has hung. */
const READY_WAIT_MS = 5_000;
const WAITS_MS = 2 * AUDIT_BLOCK_MS;

async function tail(store: CommandStore, call: CommandCall, config: Config): Promise<Outcome> {
  const ownerTags = createOwnerTags(config.session.secrets);
  const filter = readAuditFilter(call, { ownerTags, now: Date.now() });
  const wanted = numberOf(call, 'lines', { otherwise: 20, most: MOST });
  sayTags(call, filter);
  const position = await auditPosition(store.client);
  const latest = await latestOf(store, { filter, wanted, position, signal: call.signal });
  if (call.options['follow'] !== true) {
    return { json: { entries: latest.map(auditJson) }, lines: latest.map(auditLine) };
  }
  for (const entry of latest) printEntry(call, entry);
  if (!call.signal.aborted) await follow(store, call, { filter, position });
  return { json: undefined, lines: [] };
}

/** To look for in logs, too. */
function sayTags({ say }: CommandCall, { tags }: AuditFilter): void {
  if (tags.length > 0) say(`In logs and in the audit trail this user is ${tags.join(', ')}.`);
}

/** The oldest of them first. */
async function latestOf(
  { client }: CommandStore,
  what: { filter: AuditFilter; wanted: number; position: AuditPosition; signal: AbortSignal },
): Promise<AuditEntry[]> {
  const { filter, wanted, position, signal } = what;
  const latest: AuditEntry[] = [];
  for await (const entry of readAuditTrail(client, { since: filter.since, upTo: position })) {
    if (filter.matches(entry)) latest.push(entry);
    if (latest.length >= wanted || signal.aborted) break;
  }
  return latest.reverse();
}

async function follow(
  { openAnother, reasonOf }: CommandStore,
  call: CommandCall,
  { filter, position: from }: { filter: AuditFilter; position: AuditPosition },
): Promise<void> {
  const { signal, say } = call;
  const client = openAnother(WAITS_MS);
  const close = () => client.disconnect();
  signal.addEventListener('abort', close, { once: true });
  let said = '';
  const onError = (error: StoreUnavailableError) => {
    const reason = reasonOf(error);
    if (reason !== said) say(`${reason}. Trying again; nothing is left out.`);
    said = reason;
  };
  try {
    await waitUntilReady(client, READY_WAIT_MS);
    for await (const entry of followAuditTrail({ client, from, signal, onError })) {
      if (filter.matches(entry)) printEntry(call, entry);
    }
  } finally {
    signal.removeEventListener('abort', close);
    close();
  }
}

function printEntry({ print, json }: CommandCall, entry: AuditEntry): void {
  print(json ? JSON.stringify(auditJson(entry)) : auditLine(entry));
}
