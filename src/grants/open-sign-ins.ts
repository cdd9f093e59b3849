import type { PendingAuthorizations } from '../oauth/pending-authorizations.js';

/** People sign up and upload certificates inside Fullscript's flow. */
const LIFETIME_MS = 60 * 60_000;
const MOST_PER_ADDRESS = 1_000;
/** Each takes 2.5 kB of the store at most. */
const MOST_IN_ALL = 100_000;

/** How long sign-ins may be under way, and how many of them. */
export interface OpenSignInLimits {
  readonly lifetimeMs?: number | undefined;
  /** Started from one address; 0 for no limit. */
  readonly perAddress?: number | undefined;
  readonly inAll?: number | undefined;
}

/** Sign-ins that are under way. Where there are too many, the oldest go. */
export interface OpenSignIns {
  /** @param address a name for where it was started, if that is known. */
  readonly add: (id: string, sealed: string, address: string | undefined) => Promise<void>;
  /** One was taken: it does not count any more. Not waited for: the entry ends by itself. */
  readonly left: (id: string, address: string | undefined) => void;
}

interface Bound {
  readonly list: string;
  readonly most: number;
}

export function createOpenSignIns(
  { pending }: { pending: PendingAuthorizations },
  limits: OpenSignInLimits = {},
): OpenSignIns {
  const { lifetimeMs = LIFETIME_MS, perAddress = MOST_PER_ADDRESS, inAll = MOST_IN_ALL } = limits;
  const boundsOf = (address: string | undefined): Bound[] => [
    { list: 'all', most: inAll },
    ...(address === undefined || perAddress === 0 ? [] : [{ list: address, most: perAddress }]),
  ];
  return {
    add: async (id, sealed, address) => {
      const bounds = boundsOf(address);
      const [, ...surplus] = await Promise.all([
        pending.save(id, sealed, lifetimeMs),
        ...bounds.map(({ list, most }) => pending.enter(list, id, { ttlMs: lifetimeMs, most })),
      ]);
      await Promise.all(surplus.flat().map((one) => pending.take(one)));
    },
    left: (id, address) => {
      for (const { list } of boundsOf(address)) pending.leave(list, id).catch(() => undefined);
    },
  };
}
