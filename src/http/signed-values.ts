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
  const { secrets } = options;
  const [signing = ''] = secrets;
  const prefix = `${options.purpose}:`;
  return {
    sign: (text) => sign(prefix + text, signing).slice(prefix.length),
    open: (signed) => {
      const secret = secrets.find((one) => unsign(prefix + signed, one) !== false);
      return secret === undefined ? undefined : signed.slice(0, signed.lastIndexOf('.'));
    },
  };
}
