/**
 * From the words of a command line to a command and what was given to it. Built on node:util's parseArgs, since all
 * that a framework would add (types, defaults, help, config files) comes from the commands' schemas here.
 */
import { parseArgs } from 'node:util';
import { UsageError } from '../errors.js';
import type { Command } from './command.js';
import type { CommandEntry } from './command-entry.js';
import { allowedFor, type Given, type OptionInfo, readText } from './option.js';
import { didYouMean, suggest } from './suggest.js';

/** Options that every command has; none takes a value. */
export const globalOptions = [
  {
    flag: '--json',
    description: 'print the result as JSON; events and errors are JSON lines on standard error',
  },
  { flag: '--quiet', description: 'no progress and no notes, errors alone' },
  { flag: '--verbose', description: 'show where an error comes from' },
  { flag: '--no-color', description: 'no colours; the variable NO_COLOR does the same' },
  { flag: '--help', description: 'show this (-h)' },
  { flag: '--version', description: 'print the version' },
] as const;

export type GlobalFlag = (typeof globalOptions)[number]['flag'];

/** The command line without its global options, which may stand anywhere before `--`. */
export interface Globals {
  readonly set: ReadonlySet<GlobalFlag>;
  readonly rest: readonly string[];
}

/** Takes the global options out. */
export function takeGlobals(argv: readonly string[]): Globals {
  const known = new Set<string>(globalOptions.map(({ flag }) => flag));
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const set = new Set<GlobalFlag>();
  const rest: string[] = [];
  argv.forEach((word, i) => {
    const flag = word === '-h' ? '--help' : word;
    if (i < end && known.has(flag)) set.add(flag as GlobalFlag);
    else rest.push(word);
  });
  return { set, rest };
}

/**
 * The command that the first words name, and the words after its name.
 * @throws UsageError where there is none of that name, or the words name a group only.
 */
export function findCommand(
  commands: readonly CommandEntry[],
  words: readonly string[],
): { readonly entry: CommandEntry; readonly rest: readonly string[] } {
  const entry = commands.find(({ name }) => name.split(' ').every((part, i) => words[i] === part));
  if (entry) return { entry, rest: words.slice(entry.name.split(' ').length) };
  const [first = '', second = ''] = words;
  if (first.startsWith('-'))
    throw new UsageError(
      `unknown option ${first}.${didYouMean(
        first,
        globalOptions.map(({ flag }) => flag),
        (flag) => flag,
      )} The command comes first: espalier <command> [options]`,
      { actual: first },
    );
  const group = commands.filter(({ name }) => name.startsWith(`${first} `));
  const names = (group.length > 0 ? group : commands).map(({ name }) => name);
  if (group.length > 0 && (second === '' || second.startsWith('-')))
    throw new UsageError(`"${first}" needs to know what: ${names.join(', ')}`, {
      expected: names,
    });
  throw unknownCommand(names, first, second);
}

/** The name may be meant to be one word or two, and of two the first may be forgotten. */
function unknownCommand(names: readonly string[], first: string, second: string): UsageError {
  const both = `${first} ${second}`.trim();
  const pairs = names.filter((name) => name.includes(' '));
  const meant =
    suggest(both, pairs) ??
    suggest(first, names) ??
    pairs.find((name) => suggest(first, [name.split(' ')[1] ?? '']) !== undefined);
  const actual = meant?.includes(' ') && suggest(both, [meant]) ? both : first;
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`;
  return new UsageError(
    `unknown command "${actual}".${hint} The commands are ${names.join(', ')}`,
    { expected: names, actual },
  );
}

/** What a command line gave to a command. */
export interface ParsedLine {
  readonly given: ReadonlyMap<string, Given>;
  readonly values: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly configFile: string | undefined;
}

/**
 * Reads the words after the command's name.
 * @throws UsageError for an unknown option, one without its value or with nonsense, and for missing or surplus words.
 */
export function parseLine(command: Command, words: readonly string[]): ParsedLine {
  const options = new Map(command.options.map((option) => [option.flag.slice(2), option]));
  const takesConfig = options.size > 0;
  const { tokens } = parseArgs({
    args: [...words],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: {
      ...(takesConfig ? { config: { type: 'string' } } : {}),
      ...Object.fromEntries(
        [...options].map(([name, { accepts, short }]) => [
          name,
          {
            type: accepts.kind === 'boolean' ? ('boolean' as const) : ('string' as const),
            ...(short === undefined ? {} : { short }),
          },
        ]),
      ),
    },
  });
  const given = new Map<string, Given>();
  const positionals: string[] = [];
  let configFile: string | undefined;
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    // A value that looks like an option is a forgotten value, unless it is tied to the flag by "=".
    const text = value?.startsWith('--') && !inlineValue ? undefined : value;
    if (takesConfig && rawName === '--config') {
      configFile = text ?? missingValue('--config', 'the path of a YAML or JSON file');
      continue;
    }
    const negated = name.startsWith('no-') ? options.get(name.slice(3)) : undefined;
    const option = options.get(name) ?? (negated?.accepts.kind === 'boolean' ? negated : undefined);
    const isNamed = rawName.startsWith('--') || rawName === `-${option?.short}`;
    if (!option || !isNamed) throw unknownOption(command, rawName, takesConfig);
    const read = option === negated ? false : readFlag(option, text);
    given.set(option.key, { value: append(given.get(option.key)?.value, read), place: rawName });
  }
  return { given, values: assign(command, positionals), configFile };
}

/** A list option given again grows; any other takes the last value. */
function append(before: unknown, value: unknown): unknown {
  return Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
}

function readFlag(option: OptionInfo, text: string | undefined): unknown {
  const { flag, accepts } = option;
  if (accepts.kind === 'boolean' && text === undefined) return true;
  const allowed = allowedFor(option);
  if (text === undefined) return missingValue(flag, allowed);
  const value = readText(accepts, text);
  if (value === null) {
    const choices = accepts.kind === 'choice' ? didYouMean(text, accepts.choices.map(String)) : '';
    throw new UsageError(
      `${flag}: must be ${allowed}, got "${text}".${choices}`.replace(/\.$/, ''),
      {
        expected: allowed,
        actual: text,
      },
    );
  }
  return value;
}

function missingValue(flag: string, allowed: string): never {
  throw new UsageError(`${flag} needs a value: ${allowed}`, { expected: allowed });
}

function unknownOption(command: Command, rawName: string, takesConfig: boolean): UsageError {
  const flags = [
    ...command.options.map(({ flag }) => flag),
    ...(takesConfig ? ['--config'] : []),
    ...globalOptions.map(({ flag }) => flag),
  ];
  return new UsageError(
    `unknown option ${rawName} of "${command.name}".${didYouMean(rawName, flags, (flag) => flag)} See "espalier ${command.name} --help"`,
    { expected: flags, actual: rawName },
  );
}

/** Words to arguments, in their order. */
function assign(command: Command, words: readonly string[]): ParsedLine['values'] {
  const values: Record<string, string | readonly string[] | undefined> = {};
  let next = 0;
  for (const { name, description, required, variadic } of command.arguments) {
    const own = words.slice(next, variadic ? undefined : next + 1);
    next += own.length;
    if (required && own.length === 0)
      throw new UsageError(
        `missing <${name}>: ${description}. For example: ${command.examples[0] ?? `espalier ${command.name} --help`}`,
        { expected: name },
      );
    values[name] = variadic ? own : own[0];
  }
  const surplus = words[next];
  if (surplus !== undefined)
    throw new UsageError(
      `"${command.name}" does not know what to do with "${surplus}". See "espalier ${command.name} --help"`,
      { actual: surplus },
    );
  return values;
}
