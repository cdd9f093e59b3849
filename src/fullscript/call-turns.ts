import { CallNotSentError, type CallNotSentErrorCode } from './errors.js';
import { CONNECTIONS } from './exchange.js';
import type { WaitingClient } from './waiting-client.js';

/** A call that is about to be sent. */
export interface TurnWanted {
  /** The origin of the API: each has connections of its own. */
  readonly origin: string;
  /** One user of one application, by the name of the grant. */
  readonly user: string;
  /** Who waits for the answer. A job has no client that could go away. */
  readonly client?: WaitingClient | undefined;
}

/** Calls by what they do just now. */
export interface TurnCounts {
  /** At Fullscript. */
  readonly under_way: number;
  /** Their user has as many calls under way as may be. */
  readonly waiting_for_user: number;
  /** All connections are in use. */
  readonly waiting_for_connection: number;
}

export interface TurnMeasures {
  /** A call that had to wait has got its turn. */
  readonly waited: (ms: number) => void;
  readonly notSent: (why: CallNotSentErrorCode, user: string) => void;
}

/** Ends a turn, once, when the call is over. */
export type EndTurn = () => void;

/** Lets calls of the API go in turn, so that no user takes away from others what all of them share. */
export interface CallTurns {
  /**
   * Waits until a call may be sent.
   *
   * @throws CallNotSentError
   */
  readonly take: (wanted: TurnWanted) => Promise<EndTurn>;
  readonly counts: () => TurnCounts;
}

export interface CallTurnsOptions {
  /** Calls of one user that may be under way at once. */
  readonly ofOneUser?: number;
  /** Calls to one origin that may be under way at once. */
  readonly connections?: number;
  /** How long a call waits for its turn. Its own deadline begins after that. */
  readonly patienceMs?: number | undefined;
  readonly measures?: TurnMeasures | undefined;
}

/** Enough for a page that loads everything at once, and an eighth of all connections. */
const OF_ONE_USER = 32;
/** A user's queue holds so many times as many calls as may be under way. */
const ROUNDS = 10;
/** A full queue is through by then when a call takes two seconds. */
const PATIENCE_MS = 20_000;

/**
 * Turns for all users of a process. Of one user only so many calls are under way; more wait in a queue of
 * that user's own. When all connections are in use, the next free one goes to the user with the fewest calls
 * under way, and among equals to the one who has waited longest for a turn.
 */
export function createCallTurns(options: CallTurnsOptions = {}): CallTurns {
  const { measures } = options;
  const lines = new Map<string, Line>();

  function lineTo(origin: string): Line {
    const line = lines.get(origin) ?? createLine(options);
    lines.set(origin, line);
    return line;
  }

  async function wait(line: Line, wanted: TurnWanted): Promise<EndTurn> {
    const from = performance.now();
    try {
      const turn = await line.wait(wanted);
      measures?.waited(performance.now() - from);
      return turn;
    } catch (error) {
      if (error instanceof CallNotSentError) measures?.notSent(error.code, wanted.user);
      throw error;
    }
  }

  return {
    take: async (wanted) => {
      const line = lineTo(wanted.origin);
      return line.take(wanted.user) ?? wait(line, wanted);
    },
    counts: () => {
      const all = [...lines.values()].map((line) => line.counts());
      const sum = (state: keyof TurnCounts) => all.reduce((total, one) => total + one[state], 0);
      return {
        under_way: sum('under_way'),
        waiting_for_user: sum('waiting_for_user'),
        waiting_for_connection: sum('waiting_for_connection'),
      };
    },
  };
}

/** All calls to one origin. */
interface Line {
  /** A turn now; undefined when there is none. */
  readonly take: (user: string) => EndTurn | undefined;
  /** A turn later. */
  readonly wait: (wanted: TurnWanted) => Promise<EndTurn>;
  readonly counts: () => TurnCounts;
}

/** How a user stands at one origin. Only users who have calls are remembered. */
interface Standing {
  readonly user: string;
  underWay: number;
  /** What is given their turn, the oldest first. */
  readonly waiting: Set<(turn: EndTurn) => void>;
}

function createLine(options: CallTurnsOptions): Line {
  const { ofOneUser = OF_ONE_USER, connections = CONNECTIONS, patienceMs = PATIENCE_MS } = options;
  const users = new Map<string, Standing>();
  /** Users who wait for nothing but a connection. */
  const ready = new Set<Standing>();
  let underWay = 0;

  const standingOf = (user: string): Standing =>
    users.get(user) ?? { user, underWay: 0, waiting: new Set() };
  const isFull = (standing: Standing) => standing.underWay >= ofOneUser;

  /** After each change of a user's calls. */
  function enter(standing: Standing): void {
    const waits = standing.waiting.size > 0;
    if (waits && !isFull(standing)) ready.add(standing);
    else ready.delete(standing);
    if (waits || standing.underWay > 0) users.set(standing.user, standing);
    else users.delete(standing.user);
  }

  function count(standing: Standing, calls: 1 | -1): void {
    standing.underWay += calls;
    underWay += calls;
    enter(standing);
  }

  function begin(standing: Standing): EndTurn {
    count(standing, 1);
    return () => {
      count(standing, -1);
      giveTurns();
    };
  }

  function giveTurns(): void {
    while (underWay < connections) {
      const next = fewestUnderWay(ready);
      const [first] = next?.waiting ?? [];
      if (next === undefined || first === undefined) return;
      next.waiting.delete(first);
      // Behind those who have as many under way and had no turn yet.
      ready.delete(next);
      first(begin(next));
    }
  }

  return {
    take: (user) => {
      const standing = standingOf(user);
      return isFull(standing) || underWay >= connections ? undefined : begin(standing);
    },
    wait: async ({ user, client }) => {
      const standing = standingOf(user);
      const { waiting } = standing;
      if (client?.hasGone() === true) throw new CallNotSentError('client_gone');
      if (waiting.size >= ROUNDS * ofOneUser) throw new CallNotSentError('too_many_open_calls');
      return waitIn(waiting, {
        ...{ patienceMs, client },
        changed: () => enter(standing),
        whyLate: () => (isFull(standing) ? 'too_many_open_calls' : 'fullscript_congested'),
      });
    },
    counts: () => ({
      under_way: underWay,
      waiting_for_user: waitingOf([...users.values()].filter(isFull)),
      waiting_for_connection: waitingOf([...ready]),
    }),
  };
}

/** Waits in a user's queue until it is given a turn, or gives up and leaves the queue. */
function waitIn(
  waiting: Standing['waiting'],
  until: {
    readonly patienceMs: number;
    readonly client: WaitingClient | undefined;
    /** Told when the queue has one more or one less. */
    readonly changed: () => void;
    readonly whyLate: () => CallNotSentErrorCode;
  },
): Promise<EndTurn> {
  const { patienceMs, client, changed, whyLate } = until;
  return new Promise((resolve, reject) => {
    const start = (turn: EndTurn) => {
      stop();
      resolve(turn);
    };
    const giveUp = (why: CallNotSentErrorCode) => {
      if (!waiting.delete(start)) return;
      stop();
      changed();
      reject(new CallNotSentError(why));
    };
    // After a pause of the process, answers that have come meanwhile are read first: they make room.
    const timer = setTimeout(() => setImmediate(() => giveUp(whyLate())), patienceMs);
    // The calls under way keep the process; a wait for their end has no need to.
    timer.unref();
    const unlisten = client?.onGone(() => giveUp('client_gone'));
    const stop = () => {
      clearTimeout(timer);
      unlisten?.();
    };
    waiting.add(start);
    changed();
  });
}

function fewestUnderWay(standings: Iterable<Standing>): Standing | undefined {
  let fewest: Standing | undefined;
  for (const one of standings) {
    if (one.underWay === 0) return one;
    if (fewest === undefined || one.underWay < fewest.underWay) fewest = one;
  }
  return fewest;
}

function waitingOf(standings: readonly Standing[]): number {
  return standings.reduce((total, { waiting }) => total + waiting.size, 0);
}
