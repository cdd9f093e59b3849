/** A map whose entries end. Ended ones are never seen, and are dropped in passing. */
export interface ExpiringMap<V> {
  readonly get: (key: string) => V | undefined;
  /** @param expiresAt epoch milliseconds; `Infinity` keeps the entry. */
  readonly set: (key: string, value: V, expiresAt: number) => void;
  readonly delete: (key: string) => boolean;
  readonly entries: () => IterableIterator<[string, V]>;
  /** How many entries are held, ended ones included. */
  readonly size: () => number;
}

const SWEEP_FROM = 256;

/**
 * Sweeps when the map has doubled since the last time: writing stays cheap, what has ended never
 * takes more room than what lives, and no timer keeps the process alive.
 */
export function createExpiringMap<V>(now: () => number): ExpiringMap<V> {
  const entries = new Map<string, { value: V; expiresAt: number }>();
  let sweepAt = SWEEP_FROM;

  function sweep(): void {
    const at = now();
    for (const [key, { expiresAt }] of entries) if (expiresAt <= at) entries.delete(key);
    sweepAt = Math.max(SWEEP_FROM, 2 * entries.size);
  }

  function* living(): IterableIterator<[string, V]> {
    const at = now();
    for (const [key, { value, expiresAt }] of entries) if (expiresAt > at) yield [key, value];
  }

  function alive(key: string): V | undefined {
    const entry = entries.get(key);
    return entry && entry.expiresAt > now() ? entry.value : undefined;
  }

  return {
    get: alive,
    set: (key, value, expiresAt) => {
      entries.set(key, { value, expiresAt });
      if (entries.size >= sweepAt) sweep();
    },
    delete: (key) => {
      const wasAlive = alive(key) !== undefined;
      entries.delete(key);
      return wasAlive;
    },
    entries: living,
    size: () => entries.size,
  };
}
