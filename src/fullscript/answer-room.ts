import { CallNotSentError, FullscriptApiError } from './errors.js';
import type { WaitingClient } from './waiting-client.js';

/** Answers are read whole before they go on, so they must end somewhere. Bytes, unpacked. */
export const LARGEST_ANSWER = 32 * 1024 * 1024;
/** An answer up to this size, which is nearly every one, never waits for room. */
export const SMALL_ANSWER = 1024 * 1024;

/** All that this process keeps for clients at once. */
const MOST = 256 * 1024 * 1024;
/** So much of it may be kept for one user: two of the largest answers. */
const OF_ONE_USER = 2 * LARGEST_ANSWER;
/** Longer than a client takes that reads, and not for as long as the call keeps a connection. */
const PATIENCE_MS = 10_000;

export interface AnswerRoomOptions {
  readonly most?: number;
  readonly ofOneUser?: number;
  readonly patienceMs?: number;
  /** Told of each answer for which there was no room. */
  readonly onRefused?: (() => void) | undefined;
}

/** Room for the answers of Fullscript that clients have not taken yet, those that are being received included. */
export interface AnswerRoom {
  /**
   * A place for one answer. It is given back when the answer is here and its client has taken it or gone.
   *
   * @throws CallNotSentError nothing more can be received.
   */
  readonly open: (of: { user: string; client?: WaitingClient | undefined }) => HeldAnswer;
  readonly heldBytes: () => number;
}

/** One answer, from its first byte until its client has it. */
export interface HeldAnswer {
  /**
   * Waits until there is room for an answer of so many bytes in all.
   *
   * @throws FullscriptApiError there is none in time; CallNotSentError when the client goes away meanwhile.
   */
  readonly roomFor: (bytes: number) => Promise<void>;
  /** The answer is whole, and so large. */
  readonly settle: (bytes: number) => void;
  /** There is no answer to keep. */
  readonly drop: () => void;
}

/** For calls whose answers are their caller's own to bound. */
export const UNBOUNDED: HeldAnswer = {
  roomFor: () => Promise.resolve(),
  settle: () => undefined,
  drop: () => undefined,
};

/** Counts what is held, for all and for each user, and gives room in the order in which it was asked for. */
export function createAnswerRoom(options: AnswerRoomOptions = {}): AnswerRoom {
  const { most = MOST, ofOneUser = OF_ONE_USER, patienceMs = PATIENCE_MS, onRefused } = options;
  const users = new Map<string, number>();
  const queue = new Set<Waiting>();
  let held = 0;

  const hasOwnRoom = ({ user, bytes }: Waiting) => (users.get(user) ?? 0) + bytes <= ofOneUser;

  function add(user: string, bytes: number): void {
    held += bytes;
    const ofUser = (users.get(user) ?? 0) + bytes;
    if (ofUser > 0) users.set(user, ofUser);
    else users.delete(user);
    if (bytes < 0) giveRoom();
  }

  /** A user who has too much already is passed over, and holds up no other. */
  function giveRoom(): void {
    for (const one of queue) {
      if (!hasOwnRoom(one)) continue;
      if (held + one.bytes > most) return;
      one.begin();
    }
  }

  async function wait(user: string, bytes: number, client?: WaitingClient): Promise<void> {
    const begin = () => add(user, bytes);
    const given = waitIn(queue, { user, bytes, begin }, { patienceMs, client, onRefused });
    giveRoom();
    await given;
  }

  return {
    open: ({ user, client }) => {
      if (held < most) return holdAnswer({ user, client, add, wait });
      onRefused?.();
      throw new CallNotSentError('answer_room_full');
    },
    heldBytes: () => held,
  };
}

interface Waiting {
  readonly user: string;
  /** How much more is needed. */
  readonly bytes: number;
  /** Takes it. */
  readonly begin: () => void;
}

/** Waits in the queue until room is given, or gives up and leaves it. */
function waitIn(
  queue: Set<Waiting>,
  wanted: Waiting,
  until: {
    readonly patienceMs: number;
    readonly client: WaitingClient | undefined;
    readonly onRefused: (() => void) | undefined;
  },
): Promise<void> {
  const { patienceMs, client, onRefused } = until;
  return new Promise((resolve, reject) => {
    const leave = () => {
      queue.delete(waiting);
      clearTimeout(timer);
      unlisten?.();
    };
    const begin = () => {
      leave();
      wanted.begin();
      resolve();
    };
    const late = () => {
      leave();
      onRefused?.();
      reject(new FullscriptApiError('answer_room_full'));
    };
    const timer = setTimeout(late, patienceMs);
    // The call keeps the process; this wait has no need to.
    timer.unref();
    const unlisten = client?.onGone(() => {
      leave();
      reject(new CallNotSentError('client_gone'));
    });
    const waiting = { ...wanted, begin };
    queue.add(waiting);
  });
}

function holdAnswer(of: {
  user: string;
  client: WaitingClient | undefined;
  add: (user: string, bytes: number) => void;
  wait: (user: string, bytes: number, client?: WaitingClient) => Promise<void>;
}): HeldAnswer {
  const { user, client, add, wait } = of;
  let bytes = 0;
  let isOver = false;
  const keep = (now: number) => {
    const change = now - bytes;
    bytes = now;
    add(user, change);
  };
  return {
    roomFor: async (wanted) => {
      const more = wanted - bytes;
      if (more <= 0) return;
      await wait(user, more, client);
      // Given up for another reason while it waited.
      if (isOver) add(user, -more);
      else bytes = wanted;
    },
    settle: (size) => {
      // A job has what it asked for; its answer is its own from now on.
      keep(client === undefined || client.hasGone() ? 0 : size);
      if (bytes > 0) client?.onGone(() => keep(0));
    },
    drop: () => {
      isOver = true;
      keep(0);
    },
  };
}
