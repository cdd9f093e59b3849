import { createRequire } from 'node:module';

type BullMQ = typeof import('bullmq');

/** The oldest release that the server takes. */
const OLDEST_REDIS = '6.2.0';

/**
 * Loads BullMQ, which is hundreds of CommonJS files, and nothing else runs meanwhile. `import` would read each
 * of them a second time to find out what it exports, and take twice as long.
 */
export function loadBullMQ(): BullMQ {
  const bullmq = createRequire(import.meta.url)('bullmq') as BullMQ;
  // What it takes for granted where it does not ask: of its own minimum, 5, only waits of whole seconds, and
  // what is due comes up to a second late.
  bullmq.RedisConnection.minimumVersion = OLDEST_REDIS;
  return bullmq;
}
