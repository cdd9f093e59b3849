import type { Logger } from 'pino';
import { openApiCalls } from './fullscript/exchange.js';
import { loadTokenCalls } from './oauth/token-endpoint.js';

/**
 * Loads what only calls to Fullscript need, one after the other, so that requests get their turn between
 * them. Whoever needs one of them earlier loads it then.
 */
export async function loadLater(log: Pick<Logger, 'warn'>): Promise<void> {
  try {
    await loadTokenCalls();
    await openApiCalls();
  } catch (err) {
    log.warn({ err }, 'the HTTP clients could not be loaded: calls to Fullscript will say why');
  }
}
