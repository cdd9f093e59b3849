import { withoutCommand } from './store-call.js';

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** What ioredis says when it has asked every sentinel once, be it with success. */
const EVERY_SENTINEL = 'All sentinels are unreachable';

/**
 * An error of ioredis in words that help an operator, without the command it may carry. Undefined for
 * one that only repeats what was told of each sentinel.
 */
export function connectionError(error: Error): Error | undefined {
  if (error.message.startsWith(EVERY_SENTINEL)) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !UNTRUSTED.has(code)) return withoutCommand(error);
  const hint = 'name the file of its authority in NODE_EXTRA_CA_CERTS';
  return new Error(`The certificate of Redis is not trusted (${error.message}): ${hint}`);
}
