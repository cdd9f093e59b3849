import {
  GRANT_STATUSES,
  type GrantFilter,
  type GrantIndex,
  type IndexEntry,
} from '../grants/grant-index.js';
import type { GrantStatus } from '../grants/grant.js';
import { REGISTRATION_IDS } from '../oauth/registration.js';

/** Which grants this process has. The reference the contract compares Redis with. */
export function createMemoryGrantIndex(deps: { now?: () => number } = {}): GrantIndex {
  const { now = Date.now } = deps;
  const statuses = new Map<string, GrantStatus>();
  let checkedUntil = -Infinity;
  const entries = (filter: GrantFilter) =>
    [...statuses].map(([id, status]) => ({ id, status })).filter(matches(filter));
  return {
    enter: (id) => {
      if (!statuses.has(id)) statuses.set(id, 'active');
      return Promise.resolve();
    },
    put: (id, status) => {
      statuses.set(id, status);
      return Promise.resolve();
    },
    drop: (id) => {
      statuses.delete(id);
      return Promise.resolve();
    },
    page: ({ after = '', limit, ...filter }) => {
      const found = entries(filter).filter(({ id }) => id > after);
      const inOrder = found.sort((one, other) => (one.id < other.id ? -1 : 1));
      return Promise.resolve(inOrder.slice(0, limit));
    },
    counts: () => {
      const kinds = REGISTRATION_IDS.flatMap((registration) =>
        GRANT_STATUSES.map((status) => ({ registration, status })),
      );
      return Promise.resolve(kinds.map((kind) => ({ ...kind, grants: entries(kind).length })));
    },
    isChecked: () => Promise.resolve(now() < checkedUntil),
    noteChecked: (forMs) => {
      checkedUntil = now() + forMs;
      return Promise.resolve();
    },
  };
}

function matches({ registration, type, status }: GrantFilter) {
  return (entry: IndexEntry): boolean => {
    const [ofRegistration, ofType] = entry.id.split(':');
    const right = (wanted: string | undefined, has: string | undefined) =>
      wanted === undefined || wanted === has;
    return (
      right(registration, ofRegistration) && right(type, ofType) && right(status, entry.status)
    );
  };
}
