import { inspect } from 'node:util';

const REDACTED = '[secret]';

/** A value that cannot print itself: JSON, string conversion and `util.inspect` all show `[secret]`. */
export interface Secret {
  /** The value. Call it where the value goes on the wire or under a seal, nowhere else. */
  readonly reveal: () => string;
  readonly toJSON: () => string;
  readonly toString: () => string;
}

/** Wraps a token, client secret or verifier so that a log line or a view cannot show it by accident. */
export function secret(value: string): Secret {
  const hidden = {
    reveal: () => value,
    toJSON: () => REDACTED,
    toString: () => REDACTED,
    [inspect.custom]: () => REDACTED,
  };
  return Object.freeze(hidden);
}

/** Whether both are there and hold the same value. */
export function sameSecret(a: Secret | undefined, b: Secret | undefined): boolean {
  return a !== undefined && a.reveal() === b?.reveal();
}
