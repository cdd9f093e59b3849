/** A map that forgets its oldest entry instead of growing for ever. */
export function createBoundedMap<V>(limit: number) {
  const entries = new Map<string, V>();
  return {
    entries: (): [string, V][] => [...entries],
    get: (key: string): V | undefined => entries.get(key),
    delete: (key: string): void => void entries.delete(key),
    set: (key: string, value: V): void => {
      entries.delete(key);
      entries.set(key, value);
      const [oldest] = entries.keys();
      if (entries.size > limit && oldest !== undefined) entries.delete(oldest);
    },
  };
}
