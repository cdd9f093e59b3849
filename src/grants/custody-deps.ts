import type { Revocations } from './revocations.js';
import type { RevokeDeps } from './revoke-token.js';

/** What everything that acts on a grant at Fullscript works with. */
export interface CustodyDeps extends RevokeDeps {
  readonly revocations: Revocations;
}
