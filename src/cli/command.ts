/**
 * The form of a command. To add one: a file in `commands/` that exports `command({ ... })` alone, and a line in
 * `commands/table.ts`. A command prints nothing: it returns what is to be printed.
 */
import { z } from 'zod';
import type { EspalierError } from '../errors.js';
import type { TrainEvent } from '../train/events.js';
import type { CommandEntry } from './command-entry.js';
import type { Given, OptionInfo } from './option.js';
import { checkOptions, optionsOf } from './option-schema.js';
import type { Bar } from './progress.js';

/** A word after the command's name. Only the last one may be variadic. */
export interface ArgumentSpec {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** Takes all words that are left. */
  readonly variadic?: boolean;
}

/** The words by argument name: a list where variadic, perhaps undefined where not required. */
export type ArgumentValues<A extends readonly ArgumentSpec[]> = {
  readonly [Spec in A[number] as Spec['name']]: Spec extends { readonly variadic: true }
    ? readonly string[]
    : Spec extends { readonly required: true }
      ? string
      : string | undefined;
};

/** What a command did. */
export interface Output {
  /** Printed by `--json`; NaN becomes null. */
  readonly json: unknown;
  /** Printed otherwise, without the last line break. */
  readonly text: string;
  /** 0 unless given. */
  readonly exitCode?: number;
  /** Told after the output was printed, for a result that is complete and yet a failure: a threshold missed. */
  readonly error?: EspalierError;
}

/** What a command has around it. */
export interface Context {
  /** Aborted by the first SIGINT or SIGTERM: finish the step, save, and throw InterruptedError. */
  readonly signal: AbortSignal;
  /** Draws progress on standard error. */
  readonly progress: (event: TrainEvent) => void;
  /** A bar on standard error for work that is a count. */
  readonly bar: (label: string, total: number) => Bar;
  /** Says a sentence on standard error. */
  readonly note: (message: string) => void;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  /** The whole command table, for commands about commands. */
  readonly commands: readonly CommandEntry[];
  /** Width of standard output in columns: 80 where it is no terminal. */
  readonly columns: number;
}

/** How a command is written. */
export interface CommandSpec<
  S extends z.ZodObject,
  A extends readonly ArgumentSpec[],
  Name extends string = string,
> {
  /** `inspect`, or `train ladder` for one of a group. */
  readonly name: Name;
  /** One sentence without a full stop. */
  readonly summary: string;
  /** Whole command lines; the first is what most people want. */
  readonly examples: readonly string[];
  readonly arguments: A;
  /**
   * Keys in camelCase, each with `.describe(...)`, and `.default(...)` or `.optional()` unless it must be given.
   * `.meta({ placeholder: 'file' })` names the value in help.
   */
  readonly options: S;
  run(
    input: { readonly options: z.output<S>; readonly arguments: ArgumentValues<A> },
    context: Context,
  ): Promise<Output>;
}

/** A command as the table holds it, its types checked inside. */
export interface Command<Name extends string = string> {
  readonly name: Name;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionInfo[];
  /**
   * Checks the options and runs.
   * @param values words by argument, as `arguments` asks for.
   * @throws UsageError for an option that is not allowed, and what the command throws.
   */
  execute(
    given: ReadonlyMap<string, Given>,
    values: Readonly<Record<string, string | readonly string[] | undefined>>,
    context: Context,
  ): Promise<Output>;
}

/** For commands without options. */
export const noOptions = z.object({});

/** Makes a command of its description. */
export function command<
  S extends z.ZodObject,
  const A extends readonly ArgumentSpec[],
  const Name extends string,
>(spec: CommandSpec<S, A, Name>): Command<Name> {
  return {
    name: spec.name,
    summary: spec.summary,
    examples: spec.examples,
    arguments: spec.arguments,
    options: optionsOf(spec.options),
    async execute(given, values, context) {
      const options = checkOptions(spec.options, given);
      return spec.run({ options, arguments: values as ArgumentValues<A> }, context);
    },
  };
}
