import { setTimeout as delay } from 'node:timers/promises';

/** Waits for a condition instead of for a time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  limitMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('the condition did not come true in time');
    await delay(5);
  }
}
