/**
 * For other people's Express apps: the flow, the custody of grants and the middleware, to be composed
 * as `server.ts` composes them.
 */
export type { AuditEntry, AuditKind, AuditTrail } from './grants/audit-trail.js';
export { createCipher } from './grants/cipher.js';
export type { Cipher, SealingKey } from './grants/cipher.js';
export type { DisabledUsers } from './grants/disabled-users.js';
export type { ConnectionSignals } from './grants/connection-signals.js';
export { createDisconnect } from './grants/disconnect.js';
export * from './grants/errors.js';
export type { DisconnectOutcome, GrantEvents } from './grants/grant-events.js';
export type { GrantIndex } from './grants/grant-index.js';
export { checkIndexIfDue } from './grants/index-check.js';
export { createIndexUpkeep } from './grants/index-upkeep.js';
export type { IndexUpkeep } from './grants/index-upkeep.js';
export { indexedVault } from './grants/indexed-vault.js';
export type { GrantRecord, GrantRecords } from './grants/grant-records.js';
export { grantId } from './grants/grant.js';
export type { Grant, GrantKey, GrantStatus } from './grants/grant.js';
export type { RefreshFailure, RefreshFailures } from './grants/refresh-failures.js';
export type { Lock } from './grants/lock.js';
export type { RevocationQueue } from './grants/revocation-queue.js';
export { createRevocations } from './grants/revocations.js';
export type { Revocations } from './grants/revocations.js';
export { createSignIn } from './grants/sign-in.js';
export type { SignIn } from './grants/sign-in.js';
export { tellingVault } from './grants/telling-vault.js';
export { createTokenRefresher } from './grants/token-refresher.js';
export type { TokenRefresher } from './grants/token-refresher.js';
export type { ActivityEntry, ActivityPage, UserActivity } from './grants/user-activity.js';
export type { ListedSession, UserSessions, Visitor } from './grants/user-sessions.js';
export { createVault } from './grants/vault.js';
export type { Vault } from './grants/vault.js';
export { createApiClient } from './fullscript/api-client.js';
export type {
  ApiClient,
  ApiRequest,
  ApiResponse,
  AroundCall,
  TokenSource,
} from './fullscript/api-client.js';
export { createCallTurns } from './fullscript/call-turns.js';
export type { CallTurns } from './fullscript/call-turns.js';
export type { WaitingClient } from './fullscript/waiting-client.js';
export { getBrand, getVariant, listBrands, listProducts } from './fullscript/catalog.js';
export { getClinic, getResourceOwner } from './fullscript/clinic.js';
export { listPatientOrders } from './fullscript/orders.js';
export type { PageOf, PageRequest } from './fullscript/pagination.js';
export { getPatient, listPatients } from './fullscript/patients.js';
export { readFailure } from './fullscript/read-failure.js';
export type { ReadFailure } from './fullscript/read-failure.js';
export { listPractitioners, listStaff } from './fullscript/team.js';
export { listPatientPlans } from './fullscript/treatment-plans.js';
export { ApiPathError, CallNotSentError, FullscriptApiError } from './fullscript/errors.js';
export { createActivityRecorder } from './http/activity-recorder.js';
export type { ActivityRecorder } from './http/activity-recorder.js';
export { createAudit } from './http/audit.js';
export type { Audit, AuditDetails, AuditEvent } from './http/audit.js';
export { createAuditRecorder } from './http/audit-recorder.js';
export type { AuditRecorder } from './http/audit-recorder.js';
export { createBindingCookies } from './http/binding-cookie.js';
export { createCallCounts } from './http/call-counts.js';
export type { CallCounts } from './http/call-counts.js';
export type { SharedCounts } from './http/shared-counts.js';
export { createCallers } from './http/callers.js';
export { createCsrf } from './http/csrf.js';
export { createDeviceCookie } from './http/device-cookie.js';
export { errorHandler } from './http/error-handler.js';
export { createOwnerTags } from './http/owner-tags.js';
export type { OwnerTag, OwnerTags } from './http/owner-tags.js';
export { createRateLimits } from './http/rate-limits.js';
export type { Limits, RateLimits } from './http/rate-limits.js';
export { fullscriptOf, requireGrant } from './http/require-grant.js';
export type { Fullscript } from './http/require-grant.js';
export {
  sessionOwner,
  sessionStart,
  sessionTtl,
  sessionVisitor,
  sessions,
} from './http/session.js';
export { signedIn } from './http/signed-in.js';
export type { SignedIn } from './http/signed-in.js';
export { createMemoryAuditTrail } from './memory/audit-trail.js';
export { createMemoryConnectionSignals } from './memory/connection-signals.js';
export { createMemoryDisabledUsers } from './memory/disabled-users.js';
export { createMemoryGrantIndex } from './memory/grant-index.js';
export { createMemoryGrantRecords } from './memory/grant-records.js';
export { createMemoryRefreshFailures } from './memory/refresh-failures.js';
export { createMemoryLock } from './memory/lock.js';
export { createMemoryPendingAuthorizations } from './memory/pending-authorizations.js';
export { createMemoryRevocationQueue } from './memory/revocation-queue.js';
export { createMemoryRateLimitStore } from './memory/rate-limit-store.js';
export { createMemorySharedCounts } from './memory/shared-counts.js';
export { createMemorySessionStore } from './memory/session-store.js';
export { createMemoryUserActivity } from './memory/user-activity.js';
export { authorizationServer } from './oauth/authorization-server.js';
export type { AuthorizationServer } from './oauth/authorization-server.js';
export * from './oauth/errors.js';
export type { PendingAuthorizations } from './oauth/pending-authorizations.js';
export type { Registration, RegistrationId } from './oauth/registration.js';
export type { ResourceOwner, ResourceOwnerType } from './oauth/resource-owner.js';
export { secret } from './oauth/secret.js';
export type { Secret } from './oauth/secret.js';
export { createTokenEndpoint } from './oauth/token-endpoint.js';
export type { TokenEndpoint } from './oauth/token-endpoint.js';
export type { TokenSet } from './oauth/token-set.js';
export { closeRedis, connectRedis } from './redis/client.js';
export type { RedisClient } from './redis/client.js';
export { createRedisAuditTrail } from './redis/audit-trail.js';
export { createRedisConnectionSignals } from './redis/connection-signals.js';
export { createRedisDisabledUsers } from './redis/disabled-users.js';
export { createRedisGrantIndex } from './redis/grant-index.js';
export { createRedisGrantRecords } from './redis/grant-records.js';
export { createRedisRefreshFailures } from './redis/refresh-failures.js';
export { createRedisLock } from './redis/lock.js';
export { createRedisPendingAuthorizations } from './redis/pending-authorizations.js';
export { createRedisRateLimitStore } from './redis/rate-limit-store.js';
export { createRedisSharedCounts } from './redis/shared-counts.js';
export { createRedisRevocationQueue, loadRevocationQueue } from './redis/revocation-queue.js';
export { openSaves } from './redis/saves.js';
export { createRedisSessionStore } from './redis/session-store.js';
export { createRedisUserActivity } from './redis/user-activity.js';
export { openFileJournal } from './disk/file-journal.js';
export type { Journal, JournalEntry } from './grants/journal.js';
export { createMemoryJournal } from './memory/journal.js';
export { parseStoreUrl } from './redis/store-url.js';
export { oauthRoutes } from './routes/oauth.js';
