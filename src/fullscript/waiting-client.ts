/** A client that waits for an answer, and may go away before it comes. */
export interface WaitingClient {
  readonly hasGone: () => boolean;
  /** @returns what stops the listening. */
  readonly onGone: (listener: () => void) => () => void;
}
