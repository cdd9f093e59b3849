import { isIP } from 'node:net';
import type { Visitor } from '../grants/user-sessions.js';
import { LOOKED_AT, deviceLabel } from './device-label.js';
import { remembered } from './remembered.js';

const IPV4_MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;
/** The longest that an address can be; a zone may follow it, which says nothing to anybody else. */
const LONGEST = 45;

/** Taking a `User-Agent` apart costs more than the rest of a sign-in's account, and few differ. */
const labelOf = remembered(deviceLabel, 500);

/** What of a request of Express is looked at. */
export interface Visit {
  readonly ip?: string | undefined;
  readonly get: (name: 'user-agent') => string | undefined;
}

/** With which browser a request was sent, and from where, as its user may be shown it. */
export function visitorOf(req: Visit): Visitor {
  const device = labelOf((req.get('user-agent') ?? '').slice(0, LOOKED_AT));
  const address = plainAddress(req.ip);
  return address === undefined ? { device } : { device, address };
}

/** Behind a proxy the address is what the proxy says, which may be anything. */
export function plainAddress(ip: string | undefined): string | undefined {
  const plain = (ip ?? '').replace(IPV4_MAPPED, '');
  return isIP(plain) === 0 || plain.length > LONGEST ? undefined : plain;
}
