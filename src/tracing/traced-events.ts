import type { GrantEvents } from '../grants/grant-events.js';
import { errorType } from './error-type.js';
import type { Tracer } from './tracer.js';

/** The same events, which also say on the span they happen in what a refresh came to. */
export function tracedEvents(events: GrantEvents, tracer: Tracer): GrantEvents {
  if (!tracer.on) return events;
  const say = (outcome: string) => {
    tracer.current()?.set({ 'fullscript_connect.outcome': outcome });
  };
  return {
    ...events,
    refreshed: (key, tookMs) => {
      say('refreshed');
      events.refreshed(key, tookMs);
    },
    refreshFailed: (key, error) => {
      say('failed');
      tracer.current()?.fail(errorType(error));
      events.refreshFailed(key, error);
    },
    reconnectNeeded: (key, reason, newOwner) => {
      say('reconnect_needed');
      events.reconnectNeeded(key, reason, newOwner);
    },
    saveFailed: (key, error) => {
      say('save_failed');
      events.saveFailed(key, error);
    },
  };
}
