import fc from 'fast-check';

/** What readers of URLs disagree about: slashes and dots in every spelling, and what gets dropped. */
const PIECES = [
  ...['/', '//', '\\', '%2f', '%2F', '%5c', '%252f', '%255c', '%25', '%', '%%', '%2', '/%'],
  ...['.', '..', '/./', '/../', '%2e', '%2E%2e', '%252e', ';', '..;'],
  ...['\t', '\n', '\r', '\0', ' ', '%09', '%0a', '%0d%0a', '%00', '%20', '\u007f', '\u0085'],
  ...['@', ':', '?', '#', '&', '=', 'user:pw@', ':80', '%40', '%3a', '%23', '%3f'],
  ...['／', '＼', '。', '․', '\u2028', '\u200b', '\u00a0', '\u202e', 'é', '😀', '\ud800', '%c0%af'],
  ...['http:', 'https:', 'javascript:', 'data:', 'evil.example', '127.0.0.1', '[::1]', 'localhost'],
  ...['oauth', 'OAUTH', '%6fauth', 'api', 'token', 'portal', 'a', '1', '-', '"', '<', "'"],
];

/** The few of them that attacks are made of. */
const SHARP = [
  ...['/', '/', '\\', '%2f', '%5c', '%252f', '%255c', '.', '..', '%2e', '%252e'],
  ...['\t', '\n', '%09', '%0a', '%2509', '@', 'a', 'oauth'],
];

/** Pieces in a row; most of them look like a path, many like one that leads to another host. */
export function nastyText(maxLength = 12): fc.Arbitrary<string> {
  const sharp = fc.string({ unit: fc.constantFrom(...SHARP), maxLength: 5 });
  const text = fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: fc.constantFrom(...PIECES), maxLength }) },
    { weight: 3, arbitrary: sharp.map((start) => `${start}evil.example/x`) },
    { weight: 1, arbitrary: sharp },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    { weight: 1, arbitrary: fc.webUrl() },
  );
  return fc.tuple(fc.constantFrom('', '/', '/', '/a/'), text).map((parts) => parts.join(''));
}

/**
 * What others may make of a text that is about to be read as a URL: as it is, decoded once and twice,
 * and each of them the lax way, with tabs and line breaks dropped and backslashes as slashes.
 */
export function readingsOf(text: string): string[] {
  const decodings = [text];
  for (let times = 0; times < 2; times += 1) {
    const next = decoded(decodings.at(-1) ?? '');
    if (next === undefined) break;
    decodings.push(next);
  }
  return decodings.flatMap((one) => [one, lax(one)]);
}

function lax(text: string): string {
  return text.replace(/[\t\n\r]/g, '').replaceAll('\\', '/');
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
