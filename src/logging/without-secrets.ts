const LONGEST = 1_000;

/** Where secrets stand in texts of others: addresses and headers that are quoted in a message. */
const PLACES: readonly (readonly [RegExp, string])[] = [
  // Queries carry codes and states.
  [/\?[^\s"'<>]*=[^\s"'<>]*/g, '?[left out]'],
  // Credentials in an address.
  [/\/\/[^\s/@"']*@/g, '//[left out]@'],
  [/\b(bearer|basic)\s+[\w.~+/=-]{12,}/gi, '$1 [left out]'],
  [
    /\b(\w*token|client_secret|code_verifier|password|cookie|authorization)("?\s*[:=]\s*"?)[^\s"&,;]+/gi,
    '$1$2[left out]',
  ],
];

/** Neither an address with a query or a login, nor a name with a value behind it: most texts of most lines. */
const HARMLESS = /^[\w./-]*$/;

/** A text for the log: cut, and without what looks like a secret by the place it stands in. */
export function withoutSecrets(text: string): string {
  if (text.length <= LONGEST && HARMLESS.test(text)) return text;
  return PLACES.reduce((left, [place, sign]) => left.replace(place, sign), text.slice(0, LONGEST));
}
