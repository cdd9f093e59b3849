import type { DurabilityProblem } from '../redis/durability.js';
import { ownerBy } from '../redis/installation.js';
import type { InspectedNode, StoreInspection } from '../redis/inspection.js';
import {
  type ClockSample,
  type Examination,
  type Finding,
  ok,
  problem,
  warning,
} from './finding.js';

type Reached = Extract<StoreInspection, { reached: true }>;

/** A command that takes longer fails: src/redis/client.ts. */
const COMMAND_TIMEOUT_MS = 500;
const SLOW_MEDIAN_MS = 20;
const SLOW_WORST_MS = 200;
const NEARLY_FULL = 0.8;
const FULL = 0.95;

const SETTINGS = 'docs/redis.md, "What Redis must keep"';

/**
 * Judges what was met at `label`.
 *
 * @param marks of the configured sealing keys; undefined when they are not known.
 */
export function examineStore(
  label: string,
  inspection: StoreInspection,
  marks?: readonly string[],
): Examination {
  if (!inspection.reached) {
    const { todo = 'See that Redis runs, that REDIS_URL names it, and that the login is right.' } =
      inspection;
    const found = `${label}: ${inspection.reason}`;
    return { findings: [problem('redis.connection', found, todo)], clocks: [] };
  }
  const findings = [
    ok('redis.connection', label),
    version(inspection),
    durability(inspection),
    memory(inspection),
    ...cluster(inspection),
    role(inspection),
    installation(inspection, marks),
    permissions(inspection),
    latency('redis.latency', 'PINGs', inspection.pings),
    latency('redis.write-latency', 'writes', inspection.writes),
  ];
  return { findings: findings.filter((one) => one !== undefined), clocks: clocks(inspection) };
}

function clocks({ nodes }: Reached): ClockSample[] {
  return nodes.flatMap(({ time }) => (time === undefined ? [] : [{ source: 'Redis', ...time }]));
}

function version({ nodes }: Reached): Finding {
  const check = 'redis.version';
  const versions = nodes.map(({ info }) => info.get('valkey_version') ?? info.get('redis_version'));
  const known = [...new Set(versions)].filter((one) => one !== undefined).join(', ');
  const fatal = problemsOf(nodes).find(({ severity }) => severity === 'fatal');
  if (fatal !== undefined)
    return problem(check, fatal.text, 'Install Redis 6.2 or newer, or Valkey.');
  if (known !== '') return ok(check, known);
  return warning(check, 'not told: INFO is refused', 'Allow INFO to this login.');
}

function problemsOf(nodes: readonly InspectedNode[]): readonly DurabilityProblem[] {
  const all = nodes.flatMap(({ problems }) => problems);
  return [...new Map(all.map((one) => [one.text, one])).values()];
}

/** Append-only file, fsync and eviction, in the words that the log has for them at start. */
function durability({ nodes }: Reached): Finding {
  const check = 'redis.durability';
  const problems = problemsOf(nodes).filter(({ severity }) => severity !== 'fatal');
  const bad = problems.filter(({ severity }) => severity === 'warning');
  const [first] = nodes;
  const told = [
    `append-only file ${first?.info.get('aof_enabled') === '1' ? 'on' : 'off or unknown'}`,
    `appendfsync ${first?.settings.get('appendfsync') ?? 'unknown'}`,
    `maxmemory-policy ${first?.info.get('maxmemory_policy') ?? 'unknown'}`,
  ].join(', ');
  if (bad.length === 0) return ok(check, [told, ...problems.map(({ text }) => text)].join('. '));
  return warning(check, told, `${bad.map(({ text }) => text).join('. ')}. See ${SETTINGS}.`);
}

/** Of the node that is fullest. */
function memory({ nodes }: Reached): Finding | undefined {
  const check = 'redis.memory';
  const filled = nodes.map(({ info }) => {
    const [used, most] = [Number(info.get('used_memory') ?? 0), Number(info.get('maxmemory') ?? 0)];
    return { used, most, share: most === 0 ? 0 : used / most };
  });
  const [fullest] = filled.sort((a, b) => b.share - a.share);
  if (fullest === undefined || fullest.used === 0) return undefined;
  const used = `${megabytes(fullest.used)} MB used`;
  if (fullest.most === 0) return ok(check, `${used}, no maxmemory`);
  const found = `${used} of ${megabytes(fullest.most)} MB (${Math.round(fullest.share * 100)} %)`;
  if (fullest.share < NEARLY_FULL) return ok(check, found);
  const todo = 'Raise maxmemory: when it is full, sign-ins and refreshes get 503.';
  return fullest.share < FULL ? warning(check, found, todo) : problem(check, found, todo);
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1_048_576);
}

function cluster({ cluster: fields, nodes }: Reached): Finding[] {
  if (fields === undefined) return [];
  const check = 'redis.cluster';
  const [state, slots] = [fields.get('cluster_state'), fields.get('cluster_slots_ok')];
  const found = `${nodes.length} masters, state ${state ?? 'unknown'}, ${slots ?? '?'} of 16384 slots`;
  if (state === 'ok' && slots === '16384') return [ok(check, found)];
  const todo = 'See redis-cli --cluster check: users whose slots are missing get 503.';
  return [problem(check, found, todo)];
}

function role({ nodes }: Reached): Finding | undefined {
  const check = 'redis.role';
  const roles = nodes.map(({ info }) => info.get('role')).filter((one) => one !== undefined);
  if (roles.length === 0) return undefined;
  const replicas = nodes.map(({ info }) => Number(info.get('connected_slaves') ?? 0));
  if (roles.includes('slave')) {
    const todo =
      'Name the master in REDIS_URL, or the sentinels: redis+sentinel://host1,host2/name.';
    return problem(check, 'a replica, which takes no writes', todo);
  }
  const number = nodes.length === 1 ? String(replicas[0] ?? 0) : replicas.join(', ');
  return ok(check, `master, replicas connected: ${number}`);
}

/** Whose store it is. */
function installation({ marks: stored }: Reached, marks?: readonly string[]): Finding | undefined {
  if (stored === undefined || marks === undefined) return undefined;
  const check = 'redis.installation';
  switch (ownerBy(stored, marks)) {
    case 'ours':
      return ok(check, "the store is this installation's");
    case 'unmarked':
      return ok(check, 'no installation has marked the store; the first server that starts does');
    case 'foreign': {
      const todo =
        'Give this installation a REDIS_PREFIX of its own, put a removed key back into TOKEN_ENCRYPTION_KEYS, ' +
        'or take the store over with fullscript-connect store adopt.';
      return problem(
        check,
        'the store was marked with other sealing keys: servers do not start',
        todo,
      );
    }
  }
}

function permissions({ refused, channels }: Reached): Finding {
  const check = 'redis.commands';
  if (refused.length === 0) return ok(check, 'everything that the server needs is answered');
  const signals = refused.every((one) => one.startsWith('PUBLISH'));
  const found = `refused: ${refused.join(', ')}`;
  if (signals) {
    const todo = `Allow &${channels} publish subscribe unsubscribe; pages hear of changes late.`;
    return warning(check, found, todo);
  }
  const todo =
    'NOPERM: give the login what docs/redis.md, "A user of its own", lists. OOM: raise maxmemory. READONLY: ' +
    'name the master. MISCONF: see to the disk of Redis. NOREPLICAS: see to its replicas.';
  return problem(check, found, todo);
}

function latency(check: string, what: string, took: readonly number[]): Finding | undefined {
  if (took.length === 0) return undefined;
  const sorted = [...took].sort((a, b) => a - b);
  const [median = 0, worst = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  const found = `${shown(median)} ms median, ${shown(worst)} ms at worst, of ${took.length} ${what}`;
  const todo =
    'Every request waits for it: bring Redis nearer, give it a core and a disk of its own (redis-cli --latency, SLOWLOG).';
  if (median > COMMAND_TIMEOUT_MS / 2) return problem(check, found, todo);
  if (median > SLOW_MEDIAN_MS || worst > SLOW_WORST_MS) return warning(check, found, todo);
  return ok(check, found);
}

function shown(ms: number): string {
  return ms < 10 ? ms.toFixed(1) : String(Math.round(ms));
}
