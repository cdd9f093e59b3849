/** So much of a pause of the process is counted at most, since a pause is noticed at the end of a slice. */
const SLICE_MS = 100;
/** A timer that is later than this tells of a process that was held up. */
const HELD_UP_MS = 50;
/** What such a process sent late has its answer so much later. */
const ANSWER_MS = 50;

/**
 * Calls `onLate` when something has not come within `limitMs`; not before what has come is read. For every wait
 * for an answer that comes over a socket.
 *
 * A plain timer is wrong there when the process itself was held up (stopped, a large module, a machine without a
 * core to spare): Node runs timers ahead of sockets, so an answer that has lain in the socket for long is taken
 * for a missing one. And while a process is held up it does not send either: that time is no time in which the
 * other side could have answered, so it is not counted.
 *
 * @returns what ends the wait; it does nothing once `onLate` was called.
 */
export function startDeadline(limitMs: number, onLate: () => void): () => void {
  let leftMs = limitMs;
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;

  function giveUp(): void {
    if (isOver) return;
    isOver = true;
    onLate();
  }

  function endSlice(lengthMs: number, tookMs: number): void {
    const wasHeldUp = tookMs > lengthMs + HELD_UP_MS;
    leftMs -= wasHeldUp ? lengthMs : tookMs;
    if (leftMs > 0) waitOn(Math.min(leftMs, SLICE_MS));
    else if (wasHeldUp) timer = setTimeout(() => setImmediate(giveUp), ANSWER_MS);
    else setImmediate(giveUp);
  }

  function waitOn(sliceMs: number): void {
    const from = performance.now();
    timer = setTimeout(() => endSlice(sliceMs, performance.now() - from), sliceMs);
  }

  waitOn(Math.min(limitMs, SLICE_MS));
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}

/** A signal that aborts like `AbortSignal.timeout`, but by such a deadline; `stop` ends the wait. */
export function deadlineSignal(limitMs: number): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  const late = new DOMException('no answer in time', 'TimeoutError');
  return { signal: controller.signal, stop: startDeadline(limitMs, () => controller.abort(late)) };
}
