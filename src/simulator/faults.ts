import type { Call } from './call.js';

/** Which calls a fault strikes. */
interface FaultMatch {
  endpoint: 'token' | 'revoke' | 'api' | 'authorize';
  /** Only token requests of this grant type. */
  grantType?: string | undefined;
  /** Only paths that begin so. */
  path?: string | undefined;
  /** How many calls it strikes; until reset when left out. */
  times?: number | undefined;
  /** The scenario that switched it on. */
  scenario?: string | undefined;
}

/** Before the endpoint does its work, or after it is done. */
type Moment = 'before' | 'after';

interface DelayFault extends FaultMatch {
  kind: 'delay';
  ms?: number | undefined;
  /** In-process only: waits for this instead of a time, so that tests need no sleep. */
  until?: Promise<unknown> | undefined;
  when?: Moment | undefined;
}

interface StatusFault extends FaultMatch {
  kind: 'status';
  status: number;
  headers?: Record<string, string> | undefined;
  /** Text is sent as it is, anything else as JSON. */
  body?: unknown;
  when?: Moment | undefined;
}

interface SocketFault extends FaultMatch {
  /** `drop` closes the socket before processing, `lost_answer` after it. */
  kind: 'drop' | 'lost_answer';
}

interface BodyFault extends FaultMatch {
  /** `string_numbers`: `expires_in` as text, `created_at` as seconds since the epoch. */
  kind: 'garbage' | 'string_numbers';
}

interface MissingFieldFault extends FaultMatch {
  kind: 'missing_field';
  fields: string[];
}

interface NarrowScopeFault extends FaultMatch {
  kind: 'narrow_scope';
  /** What the answer leaves out of `scope`. */
  without: string[];
}

interface ChangeOwnerFault extends FaultMatch {
  kind: 'change_owner';
  owner?: { id: string; type: string } | undefined;
}

/** A way to go wrong that can be switched on. */
export type Fault =
  | DelayFault
  | StatusFault
  | SocketFault
  | BodyFault
  | MissingFieldFault
  | NarrowScopeFault
  | ChangeOwnerFault;

/** What one call has to suffer. */
export interface Strike {
  delay?: DelayFault;
  fault?: Exclude<Fault, DelayFault>;
}

/** The faults that are switched on. */
export interface FaultPlan {
  /** Switches a fault on, and returns what switches it off again. */
  add(fault: Fault): () => void;
  /** The faults still on, oldest first, with the number of strikes left. */
  list(): Fault[];
  reset(): void;
}

/** Builds an empty plan, and the side of it that strikes. */
export function createFaultPlan(): FaultPlan & {
  strike: (endpoint: Fault['endpoint'], call: Call) => Strike;
} {
  const active = new Set<Fault>();
  const take = (fault: Fault): void => {
    if (fault.times === undefined) return;
    fault.times -= 1;
    if (fault.times <= 0) active.delete(fault);
  };
  return {
    add(fault) {
      const own = { ...fault };
      active.add(own);
      return () => void active.delete(own);
    },
    list: () => [...active].map((fault) => ({ ...fault })),
    reset: () => active.clear(),
    strike(endpoint, call) {
      const strike: Strike = {};
      for (const fault of active) {
        if (fault.endpoint !== endpoint || !strikes(fault, call)) continue;
        if (fault.kind === 'delay') strike.delay ??= fault;
        else strike.fault ??= fault;
      }
      // A call suffers one delay and one other fault at most; the others wait for their turn.
      if (strike.delay !== undefined) take(strike.delay);
      if (strike.fault !== undefined) take(strike.fault);
      return strike;
    },
  };
}

function strikes(fault: Fault, call: Call): boolean {
  if (fault.grantType !== undefined && call.fields['grant_type'] !== fault.grantType) return false;
  return fault.path === undefined || call.path.startsWith(fault.path);
}
