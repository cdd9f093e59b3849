const LONGEST = 120;

/**
 * What others sent, fit for a line of a log: printable ASCII and nothing else, cut. A line break in it
 * could else pass for a line of ours.
 */
export function printable(text: string): string {
  return text.slice(0, LONGEST).replace(/[^\x20-\x7e]/g, '?');
}
