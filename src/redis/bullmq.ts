import { createRequire } from 'node:module';

type BullMQ = typeof import('bullmq');

/**
 * Loads BullMQ, which is hundreds of CommonJS files, and nothing else runs meanwhile. `import` would read each
 * of them a second time to find out what it exports, and take twice as long.
 */
export function loadBullMQ(): BullMQ {
  return createRequire(import.meta.url)('bullmq') as BullMQ;
}
