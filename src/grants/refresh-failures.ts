import type { TokenEndpointErrorCode } from '../oauth/errors.js';

/** The last failed refresh of a grant. */
export interface RefreshFailure {
  /** Of the grant that was to be refreshed; nothing is known of how another version will fare. */
  readonly version: number;
  /** How many in a row. */
  readonly count: number;
  readonly code: TokenEndpointErrorCode | 'resource_owner_changed';
  /** HTTP status of the answer, where there was one. */
  readonly status: number | undefined;
  /** Whether somebody had it tried in spite of the back-off. */
  readonly byHand: boolean;
}

/**
 * Failures that all processes share, one an id. Time is measured by the storage's own clock, so the
 * clocks of the processes may differ.
 */
export interface RefreshFailures {
  /**
   * The failure, and how many milliseconds are left of its wait.
   *
   * @throws StoreUnavailableError
   */
  readonly read: (id: string) => Promise<(RefreshFailure & { waitMs: number }) | undefined>;
  /**
   * Keeps `failure` in place of the one before. It is forgotten by itself some time after its wait.
   *
   * @throws StoreUnavailableError
   */
  readonly keep: (id: string, failure: RefreshFailure, waitMs: number) => Promise<void>;
}

/** So long after its wait a failure no longer counts. */
export const FAILURE_REMEMBERED_MS = 5 * 60_000;
