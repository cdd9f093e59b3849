import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { openApiCalls } from './fullscript/exchange.js';
import { loadTokenCalls } from './oauth/token-endpoint.js';

/** While one of them is loaded nothing else runs: whoever had to wait has his turn before the next one. */
const BETWEEN_MS = 100;

/** Loads what only calls to Fullscript need. Whoever needs one of them earlier loads it then. */
export async function loadLater(log: Pick<Logger, 'warn'>): Promise<void> {
  try {
    await loadTokenCalls();
    await delay(BETWEEN_MS);
    openApiCalls();
  } catch (err) {
    log.warn({ err }, 'the HTTP clients could not be loaded: calls to Fullscript will say why');
  }
  await delay(BETWEEN_MS);
}
