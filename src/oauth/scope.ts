/**
 * What is wanted and was not granted. Fullscript grants what its dashboard says, and may narrow that.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749.html#section-3.3
 */
export function missingScope(wanted: readonly string[], granted: readonly string[]): string[] {
  return [...new Set(wanted)].filter((name) => !granted.includes(name));
}
