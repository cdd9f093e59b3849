import type { Revocations } from '../grants/revocations.js';
import type { Tracer } from './tracer.js';

/** The same revocations, with a span for each that the queue delivers and each that is tried at once. */
export function tracedRevocations(revocations: Revocations, tracer: Tracer): Revocations {
  if (!tracer.on) return revocations;
  return {
    ...revocations,
    handle: (entry) =>
      tracer.span({ name: 'revocation from the queue' }, () => revocations.handle(entry)),
    revoke: (revocation) =>
      tracer.span({ name: 'revocation' }, async (span) => {
        const confirmed = await revocations.revoke(revocation);
        span.set({ 'fullscript_connect.outcome': confirmed ? 'confirmed' : 'queued' });
        return confirmed;
      }),
  };
}
