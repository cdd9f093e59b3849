/** The words of a search, in lower case; none at all find everything. */
export function wordsOf(query: string | null): string[] {
  return (query ?? '').toLowerCase().split(/\s+/).filter(Boolean);
}
