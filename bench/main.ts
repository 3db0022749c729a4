/** `npm run bench -- <name>`: runs one benchmark and prints what it found. */
import { pathToFileURL } from 'node:url';
import { EspalierError } from '../src/errors.js';
import { nodeRuntime } from '../src/runtime/node.js';
import type { Findings } from './benchmark.js';
import { type Machine, machineLines, machineNow } from './machine.js';
import { parseOptions, usage } from './options.js';
import { findPeer } from './peer.js';

export interface Outcome extends Findings {
  readonly benchmark: string;
  readonly machine: Machine;
  /** Steps, rounds and threads as they were, where they count. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/**
 * Runs the benchmark that the arguments name.
 * @param progress told what is going on
 * @throws UsageError for wrong arguments, and what the benchmark throws.
 */
export async function bench(
  args: readonly string[],
  progress: (line: string) => void = () => undefined,
): Promise<Outcome> {
  const options = parseOptions(args);
  const { benchmark, threads, profile, small, peer: wanted, peers, python, ...amounts } = options;
  const { steps, warmup, rounds } = { ...benchmark.amount, ...amounts };
  const machine = await machineNow();
  const runtime = await nodeRuntime();
  const compares = benchmark.kind === 'step' && !profile;
  const peer = compares && wanted ? await findPeer(python) : { absent: 'it was left out' };
  const amount = { steps, warmup, rounds };
  const findings = await benchmark.run({
    ...amount,
    threads,
    runtime,
    peer,
    peers,
    profile,
    small,
    progress,
  });
  const torch = 'torch' in peer ? peer.torch : null;
  return {
    benchmark: benchmark.name,
    machine: { ...machine, runtime: runtime.name, torch },
    settings: profile
      ? { steps, warmup }
      : { ...amount, ...(benchmark.kind === 'host' ? {} : { threads }), ...(small && { small }) },
    ...findings,
  };
}

/** Prints for a program that reads JSON. */
function printJson({ benchmark, machine, settings, figures, failures = [] }: Outcome): void {
  process.stdout.write(
    `${JSON.stringify({ benchmark, machine, settings, ...figures, failures })}\n`,
  );
}

function printLines({ benchmark, machine, settings, lines, failures = [] }: Outcome): void {
  const shown = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  const head = [`${benchmark}: ${shown.join(', ')}`, ...machineLines(machine)];
  const wrong = failures.map((failure) => `FAILED: ${failure}`);
  process.stdout.write(`${[...head, '', ...lines, ...wrong].join('\n')}\n`);
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(usage);
    return;
  }
  try {
    const outcome = await bench(args, (line) => process.stderr.write(`${line}\n`));
    if (args.includes('--json')) printJson(outcome);
    else printLines(outcome);
    if ((outcome.failures ?? []).length > 0) process.exitCode = 5;
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main(process.argv.slice(2));
