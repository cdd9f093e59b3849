import { createBoundedMap } from './bounded-map.js';
import type { GrantEvents } from './grant-events.js';
import { type Grant, grantId } from './grant.js';
import { type Flight, type RefreshFlights, landed } from './refresh-flights.js';

/** After a failure an early refresh can wait that long: the token is still good. */
const EARLY_PAUSE_MS = 30_000;
const GRANTS_REMEMBERED = 10_000;

/** Refreshes behind the caller's back while the token is still valid; a failure only costs a pause. */
export function createEarlyRefresh(
  deps: {
    events: Pick<GrantEvents, 'earlyRefreshFailed'>;
    flights: Pick<RefreshFlights, 'has'>;
    elapsed?: (() => number) | undefined;
  },
  start: (grant: Grant) => Flight,
): (grant: Grant) => void {
  const { events, flights, elapsed = () => performance.now() } = deps;
  const failedAt = createBoundedMap<number>(GRANTS_REMEMBERED);
  return (grant) => {
    const id = grantId(grant.key);
    const paused = elapsed() - (failedAt.get(id) ?? -Infinity) < EARLY_PAUSE_MS;
    if (paused || flights.has(grant.key)) return;
    landed(start(grant)).catch((error: unknown) => {
      failedAt.set(id, elapsed());
      events.earlyRefreshFailed(grant.key, error);
    });
  };
}
