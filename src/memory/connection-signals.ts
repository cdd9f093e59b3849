import type { ConnectionSignals } from '../grants/connection-signals.js';
import { createSignalListeners } from '../grants/signal-listeners.js';

/** Signals within this process. */
export function createMemoryConnectionSignals(): ConnectionSignals {
  const listeners = createSignalListeners();
  return {
    // Later, as from a store: whoever tells is not to run what others do about it.
    tell: (owner) => {
      setImmediate(listeners.signal, owner);
    },
    listen: (owner, onSignal) => {
      const { signal, end } = listeners.add(owner, onSignal);
      setImmediate(signal);
      return end;
    },
  };
}
