import type { Logger } from 'pino';

const SAID_AGAIN_MS = 60_000;
const LONGEST = 200;

/** Says what OpenTelemetry complains about, once a minute: a collector that is away fails every few seconds. */
export function sayTracingTrouble(log: Logger, now = () => performance.now()) {
  let saidAt = -Infinity;
  return (complaint: unknown): void => {
    if (now() - saidAt < SAID_AGAIN_MS) return;
    saidAt = now();
    log.warn(
      { reason: reasonOf(complaint) },
      'traces cannot be exported, or are not as configured',
    );
  };
}

/**
 * What the SDK says of itself; of an error its code and message. What stands in quotes comes from
 * variables, which may carry credentials, and what a collector answers is left out.
 */
function reasonOf(complaint: unknown): string {
  const { code, message } = errorIn(complaint);
  const text = [code, message].filter((part) => typeof part === 'string').join(': ');
  return text.replace(/(['"]).*?\1/g, '…').slice(0, LONGEST);
}

/** The SDK hands errors over as JSON of all their fields, stack and answer included. */
function errorIn(complaint: unknown): { code?: unknown; message?: unknown } {
  if (complaint instanceof Error) return complaint;
  const text = String(complaint);
  if (!text.startsWith('{')) return { message: text };
  try {
    return JSON.parse(text) as { code?: unknown; message?: unknown };
  } catch {
    return { message: 'an error that cannot be read' };
  }
}
