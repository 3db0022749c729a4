import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePythonLiteral, pythonString } from './python-literal.js';

describe('parsePythonLiteral', () => {
  test.each<[string, unknown]>([
    [
      "{0: 'cat', 1: \"dog's\"}",
      new Map<number, string>([
        [0, 'cat'],
        [1, "dog's"],
      ]),
    ],
    ['[640, 480]', [640, 480]],
    ['(1, 2,)', [1, 2]],
    ['()', []],
    ['{}', new Map()],
    [' -1.5e3 ', -1500],
    ['.5', 0.5],
    ['True', true],
    ['[None, False]', [null, false]],
    ["{'a': {'b': [1, (2,)]}}", new Map([['a', new Map([['b', [1, [2]]]])]])],
    [String.raw`'\x41\u00e9\U0001F408\101\n\'\\\q'`, "Aé\u{1f408}A\n'\\\\q"],
    ["''", ''],
  ])('%s', (text, value) => {
    expect(parsePythonLiteral(text)).toEqual(value);
  });

  test.each([
    '',
    'cat',
    'constructor',
    '{0: cat}',
    '[1 2]',
    '[1,,2]',
    '{1}',
    "'open",
    "'a\nb'",
    "'\\",
    '1 2',
    '[',
    'None()',
    '1+2',
    "'\\U00110000'",
    '['.repeat(1000),
  ])('%j is no literal', (text) => {
    expect(parsePythonLiteral(text)).toBeUndefined();
  });
});

describe('pythonString', () => {
  test.each([
    ['cat', "'cat'"],
    ["dog's", '"dog\'s"'],
    [`"a" and 'b'`, `'"a" and \\'b\\''`],
    ['a\\b\n\x01é', "'a\\\\b\\n\\x01é'"],
  ])('%j', (text, printed) => {
    expect(pythonString(text)).toBe(printed);
  });

  test('is read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parsePythonLiteral(pythonString(text))).toBe(text);
      }),
      { seed: 3 },
    );
  });
});
