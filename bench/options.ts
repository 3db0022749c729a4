/** The command line of the benchmarks. */
import { parseArgs } from 'node:util';
import { didYouMean } from '../src/cli/suggest.js';
import { UsageError } from '../src/errors.js';
import type { Amount, Benchmark } from './benchmark.js';
import { benchmarks } from './table.js';

export interface BenchOptions extends Partial<Amount> {
  readonly benchmark: Benchmark;
  readonly threads: readonly number[];
  readonly json: boolean;
  readonly profile: boolean;
  /** Whether the peer is to be run. */
  readonly peer: boolean;
  /** Whether sizes are to be those of a test. */
  readonly small: boolean;
  /** Libraries for browsers that are peers too. */
  readonly peers: readonly string[];
  /** The Python to run it with; found where left out. */
  readonly python?: string;
}

export const usage = `npm run bench -- <name> [options]

${benchmarks.map(({ name, summary }) => `  ${name.padEnd(20)}${summary}`).join('\n')}

  --steps N       timed steps in a round
  --warmup N      steps of a round before the clock starts
  --rounds N      times that all sides have their turn
  --threads LIST  numbers of threads to try on either side (1,2)
  --profile       the time by operator and node instead (ladder-step, mlp-step)
  --small         sizes that show whether it works, and no speed: no bar holds for them
  --no-peer       leave the peers out
  --peers LIST    libraries to time in Chromium (tfjs,jax-js)
  --python PATH   the Python with PyTorch (found among the usual ones)
  --json          one JSON object on standard output
`;

const flags = {
  steps: { type: 'string' },
  warmup: { type: 'string' },
  rounds: { type: 'string' },
  threads: { type: 'string', default: '1,2' },
  peers: { type: 'string', default: 'tfjs,jax-js' },
  python: { type: 'string' },
  profile: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  small: { type: 'boolean', default: false },
  'no-peer': { type: 'boolean', default: false },
} as const;

/** @throws UsageError for an unknown benchmark or option, or a value that is no whole number. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  const [name = '', ...others] = positionals;
  const benchmark = benchmarks.find((known) => known.name === name);
  if (!benchmark || others.length > 0)
    throw new UsageError(
      `${name === '' ? 'missing benchmark' : others.length > 0 ? `one benchmark at a time, got ${positionals.join(' ')}` : `unknown benchmark "${name}".${didYouMean(name, names)}`}\n\n${usage}`,
      { actual: positionals, expected: names },
    );
  const { steps, warmup, rounds, python } = values;
  if (values.profile && benchmark.kind !== 'step')
    throw new UsageError(`--profile is for training steps in Node; ${name} is none`);
  return {
    benchmark,
    ...(steps === undefined ? {} : { steps: whole('steps', steps, 1) }),
    ...(warmup === undefined ? {} : { warmup: whole('warmup', warmup, 0) }),
    ...(rounds === undefined ? {} : { rounds: whole('rounds', rounds, 1) }),
    ...(python === undefined ? {} : { python }),
    threads: values.threads.split(',').map((count) => whole('threads', count, 1)),
    json: values.json,
    profile: values.profile,
    small: values.small,
    peer: !values['no-peer'],
    peers: values['no-peer'] ? [] : values.peers.split(','),
  };
}

const names = benchmarks.map(({ name }) => name);

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: true });
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message}\n\n${usage}`, { cause });
  }
}

function whole(option: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
    throw new UsageError(
      `invalid --${option}: give a whole number from ${least} on, got "${text}"`,
      {
        actual: text,
      },
    );
  return value;
}
