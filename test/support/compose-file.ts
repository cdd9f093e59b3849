/** A mapping, a list or a word of a compose file. */
export type Node = string | Node[] | { [key: string]: Node };

interface Line {
  readonly depth: number;
  readonly text: string;
}

/**
 * Reads the plain YAML a compose file is written in: mappings and lists by indentation, one entry a
 * line. Folded text is kept as a word.
 */
export function readCompose(source: string): Record<string, Node> {
  const lines = source
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => ({ depth: line.search(/\S/), text: line.trim() }));
  return readNode(lines) as Record<string, Node>;
}

function readNode(lines: readonly Line[]): Node {
  const [first] = lines;
  if (first === undefined) return '';
  const entries = entriesOf(lines);
  if (first.text.startsWith('- ')) return entries.map(({ head }) => word(head.text.slice(2)));
  if (!/^[\w.-]+:/.test(first.text)) return lines.map(({ text }) => text).join(' ');
  return Object.fromEntries(
    entries.map(({ head, below }) => {
      const at = head.text.indexOf(':');
      const value = head.text.slice(at + 1).trim();
      const folded = value === '' || value === '>-';
      return [head.text.slice(0, at), folded ? readNode(below) : word(value)];
    }),
  );
}

/** Each line of the outermost depth, with what is indented below it. */
function entriesOf(lines: readonly Line[]): { head: Line; below: Line[] }[] {
  const entries: { head: Line; below: Line[] }[] = [];
  for (const line of lines) {
    if (line.depth === lines[0]?.depth) entries.push({ head: line, below: [] });
    else entries.at(-1)?.below.push(line);
  }
  return entries;
}

function word(text: string): string {
  return text.replace(/^'(.*)'$/, '$1');
}
