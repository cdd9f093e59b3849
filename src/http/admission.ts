import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServerBusyError } from './errors.js';
import { isLeaving } from './leaving.js';

/** How many requests wait to be begun, and what became of those that were not. */
export interface AdmissionMeasures {
  /** A request that had to wait is begun. */
  readonly waited: (ms: number) => void;
  /** A request was not begun. */
  readonly notBegun: (why: 'server_busy' | 'client_gone') => void;
}

export interface AdmissionOptions {
  /** Requests that are begun in one turn of the event loop. */
  readonly perTurn?: number;
  /** Requests that may wait. */
  readonly mostWaiting?: number;
  /** How long they wait before they are refused. */
  readonly patienceMs?: number;
  /** Calls back when the event loop is through with what had come. */
  readonly nextTurn?: (begin: () => void) => void;
  /** Milliseconds of a clock that is never set. */
  readonly elapsed?: () => number;
  readonly measures?: AdmissionMeasures | undefined;
}

export interface Asking {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly begin: () => void;
  /** Answers that there is too much to do. */
  readonly refuse: (busy: ServerBusyError) => void;
}

export interface Admission {
  /** Begins a request now, later, or not at all. */
  readonly admit: (asking: Asking) => void;
  /** Requests that wait to be begun. */
  readonly waiting: () => number;
}

/**
 * A page costs some milliseconds in all, so that a turn stays far below what a command of Redis may take. Not more,
 * since Node takes one new connection a turn.
 */
const PER_TURN = 8;
/** Of the cheapest requests about as many are begun while one waits. */
const MOST_WAITING = 4_000;
const PATIENCE_MS = 2_000;

/**
 * Begins no more requests in a turn of the event loop than leave time for those that are under way. Begun all at once, a thousand
 * of them make each turn so long that answers of Redis are read too late, and a process that is behind
 * calls the store away. Here, what has begun goes first: more requests wait at the door, the oldest ahead, and are
 * refused when they have waited for too long. What waits for Fullscript does not count: it costs no turns.
 */
export function createAdmission(options: AdmissionOptions = {}): Admission {
  const { perTurn = PER_TURN, mostWaiting = MOST_WAITING, patienceMs = PATIENCE_MS } = options;
  const { nextTurn = setImmediate, elapsed = () => performance.now(), measures } = options;
  const waiting = new Map<Asking, number>();
  let begun = 0;
  let awaitsTurn = false;

  function awaitTurn(): void {
    if (awaitsTurn) return;
    awaitsTurn = true;
    nextTurn(onTurn);
  }

  function onTurn(): void {
    awaitsTurn = false;
    begun = 0;
    const now = elapsed();
    // After a pause of the process all are old: who can be served is served.
    for (const [asking, since] of waiting) {
      if (begun < perTurn) leave(asking, now - since);
      else if (now - since < patienceMs) break;
      else if (!isPatient(asking.req)) refuse(asking);
    }
    if (begun > 0) awaitTurn();
  }

  function begin(asking: Asking): void {
    begun += 1;
    awaitTurn();
    asking.begin();
  }

  function leave(asking: Asking, ms: number): void {
    waiting.delete(asking);
    if (asking.res.closed) {
      measures?.notBegun('client_gone');
      return;
    }
    measures?.waited(ms);
    begin(asking);
  }

  function refuse(asking: Asking): void {
    waiting.delete(asking);
    measures?.notBegun('server_busy');
    asking.refuse(new ServerBusyError());
  }

  return {
    admit: (asking) => {
      if (waiting.size === 0 && begun < perTurn) begin(asking);
      else if (waiting.size < mostWaiting) waiting.set(asking, elapsed());
      else refuse(asking);
    },
    waiting: () => waiting.size,
  };
}

/** A session that is not ended stays open on a machine that its user is about to leave: better late than not at all. */
function isPatient({ method, url = '' }: IncomingMessage): boolean {
  return isLeaving(method, url.split('?', 1)[0] ?? '');
}
