import { createHmac } from 'node:crypto';
import { sign, unsign } from 'cookie-signature';

/** Text that only this server can have written, for cookies that are judged without asking the store. */
export interface SignedValues {
  /** The text, a dot, and its signature. */
  readonly sign: (text: string) => string;
  /** The text, if one of our secrets signed it. */
  readonly open: (signed: string) => string | undefined;
}

/**
 * @param options.purpose what the text is for: a value of one kind must not pass for one of another.
 * @param options.secrets the first one signs, all of them are accepted.
 */
export function createSignedValues(options: {
  purpose: string;
  secrets: readonly string[];
}): SignedValues {
  // A key of its own for each purpose: express-session signs with the secrets themselves.
  const keys = options.secrets.map((secret) =>
    createHmac('sha256', secret).update(`signed ${options.purpose}`).digest('base64url'),
  );
  const [signing = ''] = keys;
  return {
    sign: (text) => sign(text, signing),
    open: (signed) =>
      keys.map((key) => unsign(signed, key)).find((text): text is string => text !== false),
  };
}
