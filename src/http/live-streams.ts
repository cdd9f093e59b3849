import { LiveStreamsFullError } from './errors.js';

/** The streams that are open in this process, so that they can be counted, bounded and ended. */
export interface LiveStreams {
  /**
   * Enters a stream. Of a user who has too many the oldest one ends.
   *
   * @param end ends the stream.
   * @returns strikes it, once it is over.
   * @throws LiveStreamsFullError when the process has too many, or is about to stop.
   */
  readonly enter: (owner: string, end: () => void) => () => void;
  /** Ends all of them, and lets nobody in any more. */
  readonly close: () => void;
}

const OF_ONE_USER = 20;
const OF_THE_PROCESS = 1_000;

export function createLiveStreams(deps: {
  /** Told of their number when it changes. */
  onCount: (count: number) => void;
  ofOneUser?: number;
  ofTheProcess?: number;
}): LiveStreams {
  const { onCount, ofOneUser = OF_ONE_USER, ofTheProcess = OF_THE_PROCESS } = deps;
  /** What ends each of them, and whose it is; the oldest comes first. */
  const open = new Map<() => void, string>();
  let closed = false;

  function strike(end: () => void): void {
    if (open.delete(end)) onCount(open.size);
  }

  /** Struck at once, and not when its connection is gone: there is room from here on. */
  function makeRoom(owner: string): void {
    const theirs = [...open].filter(([, whose]) => whose === owner);
    const [oldest] = theirs[0] ?? [];
    if (oldest === undefined || theirs.length < ofOneUser) return;
    strike(oldest);
    oldest();
  }

  return {
    enter: (owner, endStream) => {
      if (closed) throw new LiveStreamsFullError();
      makeRoom(owner);
      if (open.size >= ofTheProcess) throw new LiveStreamsFullError();
      const end = () => {
        endStream();
      };
      open.set(end, owner);
      onCount(open.size);
      return () => {
        strike(end);
      };
    },
    close: () => {
      closed = true;
      for (const end of [...open.keys()]) end();
    },
  };
}
