import type { DisabledUsers } from '../grants/disabled-users.js';

/** Disabled users of this process, forgotten with it. */
export function createMemoryDisabledUsers(): DisabledUsers {
  const ids = new Set<string>();
  return {
    add: (id) => {
      const changed = !ids.has(id);
      ids.add(id);
      return Promise.resolve(changed);
    },
    remove: (id) => Promise.resolve(ids.delete(id)),
    has: (id) => Promise.resolve(ids.has(id)),
    all: () => Promise.resolve([...ids]),
  };
}
