import type { DisconnectOutcome } from '../grants/grant-events.js';
import type { GrantKey } from '../grants/grant.js';
import type { Tracer } from './tracer.js';

type Disconnect = (key: GrantKey) => Promise<DisconnectOutcome>;

/** The same disconnect, inside a span. */
export function tracedDisconnect(disconnect: Disconnect, tracer: Tracer): Disconnect {
  if (!tracer.on) return disconnect;
  return (key) =>
    tracer.span({ name: 'disconnect' }, async (span) => {
      const outcome = await disconnect(key);
      span.set({ 'fullscript_connect.outcome': outcome });
      return outcome;
    });
}
