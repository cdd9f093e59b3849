import { createBoundedMap } from '../grants/bounded-map.js';

/** Users and sessions that come again and again fit in; each costs some two hundred bytes. */
const MOST = 20_000;

/**
 * The same function, which remembers what it answered lately. For keyed hashes of the same few texts, each
 * of which costs more than everything around it. What is not found (undefined) is not remembered: strangers
 * could push out the others with it.
 */
export function remembered<T>(make: (text: string) => T, most = MOST): (text: string) => T {
  const known = createBoundedMap<T>(most);
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const made = make(text);
    // A copy of its own: a part of a longer text would keep all of it.
    if (made !== undefined) known.set(Buffer.from(text).toString(), made);
    return made;
  };
}
