import type { TokenRefresher } from '../grants/token-refresher.js';
import type { Tracer } from './tracer.js';

/** The same refresher, with a span for each caller: also for those who wait for another one's refresh. */
export function tracedRefresher(refresher: TokenRefresher, tracer: Tracer): TokenRefresher {
  if (!tracer.on) return refresher;
  const name = 'access token';
  return {
    ...refresher,
    current: (key, rejected) => tracer.span({ name }, () => refresher.current(key, rejected)),
    currentOf: (ahead) => tracer.span({ name }, () => refresher.currentOf(ahead)),
    tryAgain: (key) => tracer.span({ name }, () => refresher.tryAgain(key)),
    renew: (key) => tracer.span({ name }, () => refresher.renew(key)),
  };
}
