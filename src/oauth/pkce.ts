import { createHash } from 'node:crypto';

/**
 * The challenge for a verifier, method S256.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7636.html#section-4.2
 */
export function codeChallenge(verifier: string): string {
  return createHash('sha256').update(verifier, 'ascii').digest('base64url');
}
