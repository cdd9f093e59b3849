/** Where somebody signs in, as the person is shown it. Both are personal data. */
export interface Visitor {
  /** A short label such as "Chrome on Windows". */
  readonly device?: string;
  /** The address on the network. */
  readonly address?: string;
}

/** One browser's login, as its user and an administrator see it. Older sessions have no visitor. */
export interface ListedSession extends Visitor {
  /** Tells it from the user's other sessions. Part of a hash of the session's id: it opens nothing. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly signedInAt: number;
}

/**
 * The sessions of users, for those who look at them or end them. A session that was ended stays ended,
 * also against a slower request that still has it. An owner is named by `grantId`.
 *
 * Everything rejects with StoreUnavailableError when the store fails; some sessions may have been ended
 * then, and it can be called again.
 */
export interface UserSessions {
  /** The newest first. */
  readonly list: (owner: string) => Promise<ListedSession[]>;
  /** Under which name the session with this id is listed. */
  readonly nameOf: (sid: string) => string;
  /**
   * Ends one session of `owner`; does nothing to anybody else's, whatever the name.
   *
   * @returns whether there was one.
   */
  readonly endOne: (owner: string, name: string) => Promise<boolean>;
  /**
   * Ends all sessions of `owner`, on every device.
   *
   * @param except the name of a session that stays.
   * @returns how many there were.
   */
  readonly endAll: (owner: string, except?: string) => Promise<number>;
  /**
   * Ends the sessions of everybody. One that begins meanwhile may stay.
   *
   * @param run.signal stops it when what is under way is finished.
   * @param run.onProgress told now and then how many were ended.
   * @returns how many were ended.
   */
  readonly endEverybody: (run?: {
    readonly signal?: AbortSignal;
    readonly onProgress?: (ended: number) => void;
  }) => Promise<number>;
}

/** What else a store of sessions knows. */
export interface SessionUse {
  /**
   * Whether a request has shown a session yet: if not, the answer that began it may never have reached its browser.
   * Known for the first `unusedTtl`; later on one that is idle for long may count as unused again.
   *
   * @throws StoreUnavailableError
   */
  readonly useOf: (sid: string) => Promise<'unused' | 'used' | 'ended'>;
  /**
   * Ends the sessions of `owner` beyond `most`: those that were not used for longest.
   *
   * @param keep.current the name of a session that stays in any case.
   * @returns how many were ended.
   * @throws StoreUnavailableError
   */
  readonly endIdlest: (
    owner: string,
    keep: { readonly most: number; readonly current: string },
  ) => Promise<number>;
}

const UNUSED_MS = 10 * 60_000;

/** How long a session lives that no browser shows, of the time that it lives between two requests. */
export function unusedTtl(ttlMs: number): number {
  return Math.max(1, Math.floor(Math.min(UNUSED_MS, ttlMs / 2)));
}
