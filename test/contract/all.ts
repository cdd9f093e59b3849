import type { Stage } from '../support/contract.js';
import { auditTrailContract } from './audit-trail.js';
import { connectionSignalsContract } from './connection-signals.js';
import { disabledUsersContract } from './disabled-users.js';
import { grantIndexContract } from './grant-index.js';
import { grantRecordsContract } from './grant-records.js';
import { lockContract } from './lock.js';
import { pendingAuthorizationsContract } from './pending-authorizations.js';
import { rateLimitStoreContract } from './rate-limit-store.js';
import { refreshFailuresContract } from './refresh-failures.js';
import { revocationQueueContract } from './revocation-queue.js';
import { expressSessionContract, sessionStoreContract } from './session-store.js';
import { sharedCountsContract } from './shared-counts.js';
import { userActivityContract } from './user-activity.js';

/** What an implementation of every port has to keep. Its stages may share what they store. */
export function allContracts(openStage: () => Promise<Stage>): void {
  auditTrailContract(openStage);
  connectionSignalsContract(openStage);
  disabledUsersContract(openStage);
  expressSessionContract(openStage);
  grantIndexContract(openStage);
  grantRecordsContract(openStage);
  lockContract(openStage);
  pendingAuthorizationsContract(openStage);
  rateLimitStoreContract(openStage);
  refreshFailuresContract(openStage);
  revocationQueueContract(openStage);
  sessionStoreContract(openStage);
  sharedCountsContract(openStage);
  userActivityContract(openStage);
}
