/** Help: examples first, then what can be given, with defaults. */
import type { ArgumentSpec, Command } from './command.js';
import type { OptionInfo } from './option.js';
import { globalOptions } from './parse.js';

/** What help needs to know of where it is shown. */
export interface HelpStyle {
  /** Width in columns that text is wrapped to. */
  readonly columns: number;
  /** Makes a heading stand out. */
  readonly heading: (text: string) => string;
}

/** `espalier --help`. */
export function mainHelp(commands: readonly Command[], version: string, style: HelpStyle): string {
  return [
    `espalier ${version}: image models from few labels, as ordinary ONNX files`,
    section(
      style,
      'Examples',
      commands.flatMap(({ examples }) => examples.slice(0, 1).map((line) => `  ${line}`)),
    ),
    section(style, 'Usage', ['  espalier <command> [options]']),
    section(
      style,
      'Commands',
      rows(
        commands.map(({ name, summary }) => [name, summary]),
        style,
      ),
    ),
    section(style, 'Options of every command', globalRows(style)),
    section(style, 'Exit codes', [
      '  0 done, 1 failure, 2 usage, 3 data, 4 model or operator, 5 threshold not met,',
      '  130 interrupted',
    ]),
    'espalier <command> --help shows what a command takes.',
  ].join('\n\n');
}

/** `espalier <command> --help`. */
export function commandHelp(command: Command, style: HelpStyle): string {
  const { name, summary, examples, options } = command;
  const usage = ['espalier', name, ...command.arguments.map(placeholder), '[options]'].join(' ');
  const argumentRows = command.arguments.map((each): [string, string] => [
    placeholder(each),
    each.description,
  ]);
  const optionRows = options.map((option): [string, string] => [
    flagWithValue(option),
    `${option.description}${defaultOf(option)}`,
  ]);
  const config: [string, string] = [
    '--config <file>',
    'the same options from a YAML or JSON file, keys in camelCase; flags win over it',
  ];
  return [
    `espalier ${name}: ${summary}`,
    section(
      style,
      'Examples',
      examples.map((line) => `  ${line}`),
    ),
    section(style, 'Usage', [`  ${usage}`]),
    ...(argumentRows.length > 0 ? [section(style, 'Arguments', rows(argumentRows, style))] : []),
    ...(options.length > 0
      ? [section(style, 'Options', rows([...optionRows, config], style))]
      : []),
    section(style, 'Options of every command', globalRows(style)),
  ].join('\n\n');
}

const section = (style: HelpStyle, title: string, lines: readonly string[]): string =>
  [style.heading(title), ...lines].join('\n');

const globalRows = (style: HelpStyle): string[] =>
  rows(
    globalOptions.map(({ flag, description }) => [flag, description]),
    style,
  );

function placeholder({ name, required, variadic }: ArgumentSpec): string {
  const shown = `${name}${variadic ? '...' : ''}`;
  return required ? `<${shown}>` : `[${shown}]`;
}

function flagWithValue({
  flag,
  accepts,
  placeholder: value,
  default: standard,
}: OptionInfo): string {
  if (accepts.kind !== 'boolean') return `${flag} <${value}>`;
  return standard === true ? `--no-${flag.slice(2)}` : flag;
}

function defaultOf({ default: standard, accepts, isRequired }: OptionInfo): string {
  if (isRequired) return ' (required)';
  if (standard === undefined || accepts.kind === 'boolean') return '';
  const shown = Array.isArray(standard) ? standard.join(',') : String(standard);
  return shown === '' ? '' : ` (default: ${shown})`;
}

/** Two columns; the second is wrapped, and starts on a line of its own after a long first one. */
function rows(pairs: readonly (readonly [string, string])[], { columns }: HelpStyle): string[] {
  const widest = Math.min(28, Math.max(...pairs.map(([left]) => left.length)));
  const indent = ' '.repeat(widest + 4);
  return pairs.flatMap(([left, right]) => {
    const lines = wrap(right, Math.max(24, columns - indent.length));
    const head = `  ${left.padEnd(widest)}  `;
    const [first = '', ...rest] = lines;
    const start = left.length > widest ? [`  ${left}`, indent + first] : [head + first];
    return [...start, ...rest.map((line) => indent + line)].map((line) => line.trimEnd());
  });
}

/** `text` in lines of at most `width` columns, broken at spaces. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
