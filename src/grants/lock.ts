/** What is done under a lock. */
export type LockWork<T> = (waitedMs: number) => Promise<T>;

/**
 * Lets one caller at a time, in all processes, work on an id. A lock is a courtesy that saves work;
 * what keeps data right is the version check of `GrantRecords`, because any lease can be outlived.
 */
export interface Lock {
  /**
   * Waits until the lock is free, runs `work` and releases it. The lease is renewed while `work`
   * runs and ends by itself if the process dies.
   *
   * @param work is told how long, in milliseconds, another holder was waited for: 0 when it was free.
   * @throws LockTimeoutError when it was not free within `waitMs`.
   * @throws StoreUnavailableError
   */
  readonly run: <T>(id: string, waitMs: number, work: LockWork<T>) => Promise<T>;
}
