/**
 * Tells whoever watches that something about one user's grant or sessions has changed, in whichever
 * process. A signal says nothing more: nothing in it can leak or be out of date, and who hears it
 * reads for itself. An owner is named by `grantId`.
 */
export interface ConnectionSignals {
  /** Nobody waits for it, and it never fails: a signal may get lost when the store has trouble. */
  readonly tell: (owner: string) => void;
  /**
   * The first signal comes when listening has really begun: what changed before may have gone unheard.
   * So does one after each interruption.
   *
   * @returns ends it.
   */
  readonly listen: (owner: string, onSignal: () => void) => () => void;
}
