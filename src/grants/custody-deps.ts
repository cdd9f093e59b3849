import type { Registration, RegistrationId } from '../oauth/registration.js';
import type { TokenEndpoint } from '../oauth/token-endpoint.js';
import type { GrantEvents } from './grant-events.js';

/** What everything that acts on a grant at Fullscript works with. */
export interface CustodyDeps {
  readonly tokenEndpoint: TokenEndpoint;
  readonly registration: (id: RegistrationId) => Registration;
  readonly events: GrantEvents;
}
