import type { FullscriptApiErrorCode } from './errors.js';

/** Why a call was sent a second time. */
export type ApiRetry =
  /** 401: with another token. */
  | 'unauthorized'
  /** The connection broke, or 502, 503, 504: once more. */
  | 'passing';

/** Numbers about calls of the resource API. */
export interface ApiMeasures {
  /** One request: the status of its answer, or why there was none. */
  readonly called: (call: {
    method: string;
    outcome: number | FullscriptApiErrorCode;
    tookMs: number;
  }) => void;
  readonly retried: (why: ApiRetry) => void;
}
