import { createInFlight } from '../grants/in-flight.js';
import type {
  QueuedRevocation,
  RevocationHandler,
  RevocationQueue,
} from '../grants/revocation-queue.js';

interface Waiting {
  readonly entry: QueuedRevocation;
  /** By a clock that is never set, in milliseconds. */
  readonly dueAt: number;
  readonly timer: NodeJS.Timeout | undefined;
}

const AFTER_ERROR_MS = 60_000;

/** Revocations in this process, gone with it. */
export function createMemoryRevocationQueue(deps: { afterErrorMs?: number } = {}): RevocationQueue {
  const { afterErrorMs = AFTER_ERROR_MS } = deps;
  const waiting = new Map<string, Waiting>();
  const { track, settled } = createInFlight();
  let handler: RevocationHandler | undefined;
  let active = 0;

  function keep(entry: QueuedRevocation, dueAt: number): void {
    const due = () => void track(deliver(entry));
    waiting.set(entry.id, { entry, dueAt, timer: handler && timerAt(dueAt, due) });
  }

  async function deliver(entry: QueuedRevocation): Promise<void> {
    waiting.delete(entry.id);
    active += 1;
    const again = await handler?.(entry).catch(() => ({ ...entry, inMs: afterErrorMs }));
    active -= 1;
    if (again === undefined) return;
    keep({ ...entry, sealed: again.sealed }, performance.now() + again.inMs);
  }

  return {
    add: (entry, inMs) => {
      keep(entry, performance.now() + inMs);
      return Promise.resolve();
    },
    remove: (id) => {
      clearTimeout(waiting.get(id)?.timer);
      waiting.delete(id);
      return Promise.resolve();
    },
    counts: () => Promise.resolve({ waiting: 0, active, delayed: waiting.size, failed: 0 }),
    deliver: (handle) => {
      handler = handle;
      for (const { entry, dueAt } of [...waiting.values()]) keep(entry, dueAt);
    },
    close: async () => {
      handler = undefined;
      for (const { timer } of waiting.values()) clearTimeout(timer);
      await settled();
    },
  };
}

function timerAt(dueAt: number, work: () => void): NodeJS.Timeout {
  return setTimeout(work, Math.max(0, dueAt - performance.now())).unref();
}
