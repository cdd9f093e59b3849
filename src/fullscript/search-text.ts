const LONGEST = 100;

/** What somebody looks for, without the space around it and not too long; undefined for nothing. */
export function searchText(given = ''): string | undefined {
  // The cut may leave half a character.
  const cut = given
    .trim()
    .slice(0, LONGEST)
    .replace(/\p{Cs}$/u, '')
    .trim();
  return cut === '' ? undefined : cut;
}
