import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { openApiCalls } from './fullscript/exchange.js';
import { loadTokenCalls } from './oauth/token-endpoint.js';

/**
 * Loads what only calls to Fullscript need. A call that comes earlier loads it then.
 *
 * @param pauseMs between two of them: while one is loaded nothing else runs, and requests that had to wait
 *   for it are answered before the next one.
 */
export async function loadLater(log: Pick<Logger, 'warn'>, pauseMs: number): Promise<void> {
  try {
    await loadTokenCalls();
    await delay(pauseMs);
    openApiCalls();
  } catch (err) {
    log.warn({ err }, 'the HTTP clients could not be loaded: calls to Fullscript will say why');
  }
  await delay(pauseMs);
}
