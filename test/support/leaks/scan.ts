import type { KnownSecret, Material } from './recorder.mjs';
import { indexSecrets } from './secret-index.js';

/** A secret where it must not be. */
export interface Leak {
  readonly kind: string;
  readonly form: string;
  /** Enough to find it in a dump, too little to use it. */
  readonly beginning: string;
  readonly channel: string;
  readonly where: string;
  readonly running: string;
}

const SHOWN = 6;

/** Looks for every secret in every material. */
export function scan(secrets: Iterable<KnownSecret>, materials: Iterable<Material>): Leak[] {
  const index = indexSecrets(secrets);
  const leaks: Leak[] = [];
  for (const material of materials) {
    const { channel, where, running = '' } = material;
    for (const { secret, form } of index.search(material.text)) {
      if (isMeantToBeThere(secret, material)) continue;
      const { kind, value } = secret;
      leaks.push({ kind, form, beginning: value.slice(0, SHOWN), channel, where, running });
    }
  }
  return leaks;
}

/** A browser is given its own cookies, and takes the state to Fullscript: nowhere else. */
function isMeantToBeThere({ kind }: KnownSecret, { channel, name, text }: Material): boolean {
  if (channel !== 'header') return false;
  if (name === 'set-cookie') return kind === 'session id' || kind === 'binding';
  return name === 'location' && kind === 'state' && isAuthorizationRequest(text);
}

/** @see https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.1 */
function isAuthorizationRequest(header: string): boolean {
  const location = header.slice('location: '.length);
  if (!URL.canParse(location)) return false;
  const query = new URL(location).searchParams;
  return query.get('response_type') === 'code' && query.has('client_id');
}
