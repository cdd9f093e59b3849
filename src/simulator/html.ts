/** Markup that is already escaped. */
export interface Html {
  readonly html: string;
}

type Piece = Html | string | number | false | undefined | readonly Html[];

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for element content and for quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** Template tag: whatever is interpolated is escaped, unless it is `Html` itself. */
export function html(strings: TemplateStringsArray, ...pieces: Piece[]): Html {
  const tail = (index: number): string => strings[index + 1] ?? '';
  const body = pieces.map((piece, index) => render(piece) + tail(index)).join('');
  return { html: (strings[0] ?? '') + body };
}

function render(piece: Piece): string {
  if (piece === undefined || piece === false) return '';
  if (typeof piece === 'string') return escapeHtml(piece);
  if (typeof piece === 'number') return String(piece);
  if ('html' in piece) return piece.html;
  return piece.map((one) => one.html).join('');
}
