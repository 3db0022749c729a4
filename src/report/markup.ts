/**
 * Markup that is safe by construction: whatever is put into an `html` template is escaped, unless it came out
 * of one. Class names and file names are the user's, so no other way of joining strings leads into the report.
 */

/** A piece of HTML or SVG whose texts are escaped already. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** What an `html` template takes; `undefined` and `false` leave no trace. */
export type Piece = Markup | string | number | undefined | false | readonly Piece[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** The text as it may stand between tags and inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

/** Tagged template: constant parts are trusted, interpolated strings are escaped. Attributes must be quoted. */
export function html(constants: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  return new Markup(
    constants.reduce((text, constant, i) => `${text}${plain(pieces[i - 1])}${constant}`),
  );
}

function plain(piece: Piece): string {
  if (piece === undefined || piece === false) return '';
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === 'string') return escapeHtml(piece);
  if (typeof piece === 'number') return String(piece);
  return piece.map(plain).join('');
}
