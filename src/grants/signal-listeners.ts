/** One listener for one owner. */
export interface SignalListener {
  /** Nothing comes of it once the listener has gone. */
  readonly signal: () => void;
  /** Takes it away; more than once does nothing. */
  readonly end: () => void;
}

/** Who listens in this process, by owner. */
export interface SignalListeners {
  readonly add: (owner: string, onSignal: () => void) => SignalListener;
  readonly signal: (owner: string) => void;
  /** Everybody that somebody listens for. */
  readonly owners: () => string[];
}

/** @param onLast told when the last listener for an owner has gone. */
export function createSignalListeners(onLast?: (owner: string) => void): SignalListeners {
  const byOwner = new Map<string, Set<SignalListener>>();

  function remove(owner: string, listener: SignalListener): void {
    const listeners = byOwner.get(owner);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return;
    byOwner.delete(owner);
    onLast?.(owner);
  }

  return {
    add: (owner, onSignal) => {
      const listener: SignalListener = {
        signal: () => {
          if (byOwner.get(owner)?.has(listener)) onSignal();
        },
        end: () => {
          remove(owner, listener);
        },
      };
      byOwner.set(owner, (byOwner.get(owner) ?? new Set()).add(listener));
      return listener;
    },
    signal: (owner) => {
      for (const listener of [...(byOwner.get(owner) ?? [])]) listener.signal();
    },
    owners: () => [...byOwner.keys()],
  };
}
