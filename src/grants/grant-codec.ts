import { z } from 'zod';
import { secret } from '../oauth/secret.js';
import { parseOpened } from './cipher.js';
import type { GrantKey, ReconnectReason, UnversionedGrant } from './grant.js';

// Short names: a record is read with every request, and every byte is sealed and shipped.
const sealedGrant = z.object({
  s: z.enum(['active', 'needs_reconnect']),
  w: z.enum(['refresh_token_refused', 'no_refresh_token']).optional(),
  // A reason that earlier versions do not know. They refuse a record with another `w`, and pass over this.
  y: z.literal('resource_owner_changed').optional().catch(undefined),
  a: z.string(),
  r: z.string().optional(),
  p: z.array(z.string()).readonly(),
  o: z.number(),
  e: z.number(),
  c: z.number(),
  q: z.array(z.string()).optional(),
});

/** A grant as text, to be sealed. The key is not in it: it is what the seal is bound to. */
export function encodeGrant(grant: UnversionedGrant): string {
  const { tokens } = grant;
  return JSON.stringify({
    s: grant.status,
    ...encodedReason(grant.reconnectReason),
    a: tokens.accessToken.reveal(),
    r: tokens.refreshToken?.reveal(),
    p: tokens.scope,
    o: tokens.obtainedAt,
    e: tokens.expiresAt,
    c: grant.connectedAt,
    ...(grant.superseded.length > 0 && { q: grant.superseded.map((one) => one.reveal()) }),
  } satisfies z.input<typeof sealedGrant>);
}

function encodedReason(reason: ReconnectReason | undefined) {
  if (reason !== 'resource_owner_changed') return { w: reason };
  return { w: 'refresh_token_refused', y: reason } as const;
}

/** @throws SealError when the text is of another make. */
export function decodeGrant(key: GrantKey, text: string): UnversionedGrant {
  const fields = parseOpened(sealedGrant, text);
  return {
    key,
    status: fields.s,
    reconnectReason: fields.y ?? fields.w,
    connectedAt: fields.c,
    superseded: (fields.q ?? []).map(secret),
    tokens: {
      accessToken: secret(fields.a),
      refreshToken: fields.r === undefined ? undefined : secret(fields.r),
      scope: fields.p,
      obtainedAt: fields.o,
      expiresAt: fields.e,
    },
  };
}
