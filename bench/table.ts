/** A table of Markdown; columns are padded, so that it can be read as it is too. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = header.map((name, at) =>
    Math.max(name.length, ...rows.map((row) => escaped(row[at]).length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, at) => escaped(cells[at]).padEnd(width)).join(' | ')} |\n`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|\n`;
  return line(header) + rule + rows.map(line).join('');
}

/** What would end a cell. */
function escaped(cell = ''): string {
  return cell.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
