import type { AuthorizationServer, Environment, Region } from './authorization-server.js';
import type { Secret } from './secret.js';

/** Which application at Fullscript: one per country and environment. */
export type RegistrationId = `${Region}-${Environment}`;

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
}

export function registrationId(region: Region, environment: Environment): RegistrationId {
  return `${region}-${environment}`;
}
