/**
 * One run of the command line, with everything around it passed in, so that tests call it as the program does.
 * Standard output carries the result and nothing else. With `--json` it is one JSON document, or nothing after an
 * error; standard error then carries JSON lines: events as in `train/events.ts`, and at the end
 * `{"error": {"name", "message", "exitCode", ...}}`.
 */
import { styleText } from 'node:util';
import { EspalierError, InterruptedError } from '../errors.js';
import type { Context, Output } from './command.js';
import { type CommandEntry, loadAll } from './command-entry.js';
import { commands as allCommands } from './commands/table.js';
import { readConfigFile } from './config-file.js';
import { commandHelp, type HelpStyle, mainHelp } from './help.js';
import { findCommand, type Globals, parseLine, takeGlobals } from './parse.js';
import {
  createBar,
  createProgress,
  type ProgressOptions,
  type ProgressStream,
  progressMode,
  wantsColour,
} from './progress.js';
import { printable } from './progress-format.js';
import { version } from './version.js';

/** What the command line has around it. */
export interface CliIo {
  readonly stdout: ProgressStream;
  readonly stderr: ProgressStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted where the work is to end early. */
  readonly signal: AbortSignal;
}

/**
 * Runs the command line `argv`, without the program's own name.
 * @returns the exit code: 0 ok, 1 failure, 2 usage, 3 data, 4 model or operator, 5 threshold, 130 interrupted.
 */
export async function runCli(
  argv: readonly string[],
  io: CliIo,
  commands: readonly CommandEntry[] = allCommands,
): Promise<number> {
  const globals = takeGlobals(argv);
  const env = globals.set.has('--no-color') ? { ...io.env, NO_COLOR: '1' } : io.env;
  const json = globals.set.has('--json');
  const progress: ProgressOptions = {
    stream: io.stderr,
    mode: progressMode(
      io.stderr,
      { json: json && !globals.set.has('--quiet'), quiet: globals.set.has('--quiet') },
      env,
    ),
    colour: wantsColour(io.stderr, env),
  };
  const drawn = createProgress(progress);
  const context: Context = {
    signal: io.signal,
    progress: drawn,
    bar: (label, total) => createBar(label, total, progress),
    note: (message) => drawn({ type: 'notice', message }),
    json,
    quiet: globals.set.has('--quiet'),
    verbose: globals.set.has('--verbose'),
    env,
    cwd: io.cwd,
    commands,
    columns: columnsOf(io.stdout),
  };
  const sayStopping = () => context.note('stopping after this step; once more to stop at once');
  io.signal.addEventListener('abort', sayStopping, { once: true });
  try {
    const output = await answer(globals, commands, io, context);
    drawn.close();
    // On one line where a program reads it, so that it can be told from what others print before.
    const indent = io.stdout.isTTY === true ? 2 : 0;
    io.stdout.write(`${json ? JSON.stringify(output.json, null, indent) : output.text}\n`);
    if (output.error) throw output.error;
    return io.signal.aborted ? interrupted.exitCode : (output.exitCode ?? 0);
  } catch (error) {
    drawn.close();
    return tell(error, io, context);
  } finally {
    io.signal.removeEventListener('abort', sayStopping);
  }
}

const columnsOf = (stream: ProgressStream): number =>
  stream.isTTY === true ? Math.max(40, stream.columns ?? 80) : 80;

/** Help, the version, or what the command did. */
async function answer(
  { set, rest }: Globals,
  commands: readonly CommandEntry[],
  io: CliIo,
  context: Context,
): Promise<Output> {
  const style: HelpStyle = {
    columns: Math.min(context.columns, 110),
    heading: (text) =>
      wantsColour(io.stdout, context.env)
        ? styleText('bold', text, { validateStream: false })
        : text,
  };
  if (set.has('--version')) return { json: { version }, text: version };
  const asksHelp = set.has('--help') || rest[0] === 'help' || rest.length === 0;
  const words = rest[0] === 'help' ? rest.slice(1) : rest;
  const helpOf = async (shown: readonly CommandEntry[]): Promise<Output> =>
    helpOutput(mainHelp(await loadAll(shown), version, style));
  if (asksHelp && words.length === 0) return helpOf(commands);
  // `espalier train --help` shows the commands of the group.
  const group = commands.filter(({ name }) => name.startsWith(`${words[0]} `));
  if (asksHelp && words.length === 1 && group.length > 0) return helpOf(group);
  const { entry, rest: own } = findCommand(commands, words);
  const command = await entry.load();
  if (asksHelp) return helpOutput(commandHelp(command, style));
  const { given, values, configFile } = parseLine(command, own);
  const fromFile =
    configFile === undefined ? [] : await readConfigFile(configFile, io.cwd, command);
  return command.execute(new Map([...fromFile, ...given]), values, context);
}

const helpOutput = (text: string): Output => ({ json: { help: text }, text });

const interrupted = new InterruptedError('interrupted');

/** Says what went wrong, and gives the exit code. */
function tell(thrown: unknown, io: CliIo, { json, verbose, env }: Context): number {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const isAbort = error.name === 'AbortError';
  const known = isAbort ? interrupted : error;
  const exitCode = known instanceof EspalierError ? known.exitCode : 1;
  const message =
    known instanceof EspalierError
      ? known.message
      : `unexpected ${known.name}: ${known.message}. Please report this, with what --verbose says`;
  if (json) {
    const { cause: _, ...details } = known instanceof EspalierError ? known.details : {};
    const stack = verbose ? { stack: error.stack } : {};
    io.stderr.write(
      `${toJson({ error: { name: known.name, message, exitCode, ...details, ...stack } })}\n`,
    );
    return exitCode;
  }
  const label = exitCode === interrupted.exitCode ? 'stopped' : 'error';
  const shown = wantsColour(io.stderr, env)
    ? styleText(['red', 'bold'], `${label}:`, { validateStream: false })
    : `${label}:`;
  io.stderr.write(`${shown} ${message.split('\n').map(printable).join('\n')}\n`);
  if (verbose) for (const line of stacks(error)) io.stderr.write(`${line}\n`);
  return exitCode;
}

/** The stack of an error and of what caused it. */
function stacks(error: Error): string[] {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? [own, 'caused by', ...stacks(error.cause)] : [own];
}

/** Details may hold anything; bigints have no JSON form. */
const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each));
