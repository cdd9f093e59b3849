import {
  type AuthorizationServer,
  type Environment,
  REGIONS,
  type Region,
} from './authorization-server.js';
import type { Secret } from './secret.js';

/** Which application at Fullscript: one per country and environment. */
export type RegistrationId = `${Region}-${Environment}`;

/** All there can be, in the order of their names. */
export const REGISTRATION_IDS: readonly RegistrationId[] = REGIONS.flatMap((region) => [
  registrationId(region, 'production'),
  registrationId(region, 'sandbox'),
]).sort();

/** One OAuth application as entered on Fullscript's dashboard. */
export interface Registration {
  readonly id: RegistrationId;
  readonly region: Region;
  readonly environment: Environment;
  readonly clientId: string;
  readonly clientSecret: Secret;
  /** Byte for byte as on the dashboard; a difference is answered with 404 by Fullscript. */
  readonly redirectUri: string;
  readonly server: AuthorizationServer;
  /** RFC 7636. Off for Fullscript, which does not document it. */
  readonly pkce: boolean;
  /** RFC 9207: `iss` of every authorization response. Undefined for Fullscript, which sends none. */
  readonly issuer: string | undefined;
  /** Permissions that the application cannot do without; empty when it takes what it gets. */
  readonly scope: readonly string[];
}

export function registrationId(region: Region, environment: Environment): RegistrationId {
  return `${region}-${environment}`;
}
