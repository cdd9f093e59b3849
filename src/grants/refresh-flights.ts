import { LockTimeoutError } from './errors.js';
import { type Grant, type GrantKey, grantId } from './grant.js';

/** Refreshes that are under way in this process, at most one a grant. */
export interface RefreshFlights {
  readonly has: (key: GrantKey) => boolean;
  /** Joins the flight of this grant, or starts one with `renew`. */
  readonly join: (key: GrantKey, how: { early: boolean; renew: () => Promise<Grant> }) => Flight;
  /** Resolves when none is under way. */
  readonly settled: () => Promise<void>;
}

export interface Flight {
  /** An early flight does not wait for the lock: if another process has it, the work is being done. */
  readonly early: boolean;
  readonly result: Promise<Grant>;
}

export function createRefreshFlights(): RefreshFlights {
  const flights = new Map<string, Flight>();
  return {
    has: (key) => flights.has(grantId(key)),

    join: (key, { early, renew }) => {
      const id = grantId(key);
      const running = flights.get(id);
      if (running !== undefined) return running;
      const flight = { early, result: renew() };
      flights.set(id, flight);
      const forget = () => void flights.delete(id);
      flight.result.then(forget, forget);
      return flight;
    },

    settled: async () => {
      while (flights.size > 0) {
        await Promise.allSettled([...flights.values()].map(({ result }) => result));
      }
    },
  };
}

/** The result of a flight; undefined when it was an early one that found the lock taken. */
export async function landed(flight: Flight): Promise<Grant | undefined> {
  try {
    return await flight.result;
  } catch (error) {
    if (flight.early && error instanceof LockTimeoutError) return undefined;
    throw error;
  }
}
