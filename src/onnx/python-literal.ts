/** Python literals as `str()` prints them: Python programs store lists and dictionaries in ONNX metadata that way. */

/** What a literal may be. Dictionaries become maps, since their keys need not be strings. */
export type Literal =
  | string
  | number
  | boolean
  | null
  | readonly Literal[]
  | ReadonlyMap<Literal, Literal>;

const constants: ReadonlyMap<string, boolean | null> = new Map([
  ['True', true],
  ['False', false],
  ['None', null],
]);
const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\n': '',
};
const number = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const word = /[A-Za-z]+/y;
const space = /\s*/y;
const escapeSequence =
  /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|([\s\S]))/y;
/** Deeper than any metadata; a guard for the stack. */
const maximumDepth = 50;

/**
 * The value of `text`, which is one literal: a string, number, True, False, None, list, tuple or dictionary.
 * Undefined where it is anything else.
 */
export function parsePythonLiteral(text: string): Literal | undefined {
  try {
    return new LiteralReader(text).read();
  } catch (error) {
    // RangeError: an escape beyond the last code point.
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Recursive descent; every method throws SyntaxError where the text does not go on as it must. */
class LiteralReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Literal {
    const value = this.#value(0);
    this.#take(space);
    if (this.#at < this.#text.length) throw new SyntaxError(`more text at ${this.#at}`);
    return value;
  }

  #value(depth: number): Literal {
    if (depth > maximumDepth) throw new SyntaxError('too deep');
    const inner = () => this.#value(depth + 1);
    if (this.#accept('"')) return this.#string('"');
    if (this.#accept("'")) return this.#string("'");
    if (this.#accept('[')) return this.#items(']', inner);
    if (this.#accept('(')) return this.#items(')', inner);
    if (this.#accept('{')) return new Map(this.#items('}', () => this.#entry(inner)));
    const digits = this.#take(number);
    if (digits !== '') return Number(digits);
    const constant = constants.get(this.#take(word));
    if (constant === undefined) throw new SyntaxError(`no literal at ${this.#at}`);
    return constant;
  }

  #items<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.#accept(close)) {
      items.push(item());
      if (this.#accept(',')) continue;
      this.#expect(close);
      break;
    }
    return items;
  }

  #entry(inner: () => Literal): readonly [Literal, Literal] {
    const key = inner();
    this.#expect(':');
    return [key, inner()];
  }

  /** The rest of a string, after its opening quote. */
  #string(quote: string): string {
    let result = '';
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined || character === '\n') throw new SyntaxError('open string');
      if (character === '\\') result += readEscape(this.#take(escapeSequence));
      else {
        this.#at++;
        if (character === quote) return result;
        result += character;
      }
    }
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [match = ''] = pattern.exec(this.#text) ?? [];
    this.#at += match.length;
    return match;
  }

  #accept(symbol: string): boolean {
    this.#take(space);
    if (!this.#text.startsWith(symbol, this.#at)) return false;
    this.#at += symbol.length;
    return true;
  }

  #expect(symbol: string): void {
    if (!this.#accept(symbol)) throw new SyntaxError(`${symbol} expected at ${this.#at}`);
  }
}

function readEscape(sequence: string): string {
  const [, hex2, hex4, hex8, octal, single = ''] =
    new RegExp(escapeSequence.source).exec(sequence) ?? [];
  const hex = hex2 ?? hex4 ?? hex8;
  if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
  if (sequence === '') throw new SyntaxError('open escape');
  // Python keeps the backslash of an escape that it does not know.
  return escapes[single] ?? (/['"\\]/.test(single) ? single : sequence);
}

/** `text` as Python's `repr` prints it: single quotes, unless it holds those and no double ones. */
export function pythonString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = Array.from(text, (character) => {
    if (character === quote || character === '\\') return `\\${character}`;
    const code = character.codePointAt(0) ?? 0;
    if (code >= 32 && code !== 127) return character;
    const letter = { 9: 't', 10: 'n', 13: 'r' }[code];
    return letter === undefined ? `\\x${code.toString(16).padStart(2, '0')}` : `\\${letter}`;
  });
  return `${quote}${body.join('')}${quote}`;
}
