/** What a figure was measured on. */
import { execFile } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { promisify } from 'node:util';

/** Above this, something else is running and the figures are rough. */
const quiet = 0.5;

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly runtime: string;
  /** null where there is no PyTorch, or no use for it. */
  readonly torch: string | null;
  /** null outside a clone. */
  readonly commit: string | null;
  /** Tracked files differ from the commit. */
  readonly changed: boolean;
  /** Processes that were running or waiting in the last minute, before the benchmark began. */
  readonly load: number;
}

/** Looks at the machine; the load is taken as it is now, so this comes before any work. */
export async function machineNow(): Promise<Omit<Machine, 'runtime' | 'torch'>> {
  const load = loadavg()[0] ?? 0;
  const [first] = cpus();
  const commit = await git('rev-parse', '--short', 'HEAD');
  const changes = await git('status', '--porcelain', '--untracked-files=no');
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    node: process.versions.node,
    commit,
    changed: changes !== null && changes !== '',
    load,
  };
}

export function machineLines(machine: Machine): string[] {
  const { commit, changed, load } = machine;
  const parts = [
    `${machine.cpu}, ${machine.cores} cores`,
    `node ${machine.node}`,
    machine.runtime,
    ...(machine.torch === null ? [] : [`PyTorch ${machine.torch}`]),
    commit === null ? 'no commit' : `commit ${commit}${changed ? ' with changes' : ''}`,
    `load ${load.toFixed(2)}`,
  ];
  const warning = `WARNING: the load is above ${quiet}: other work disturbs these figures`;
  return [parts.join(' | '), ...(load > quiet ? [warning] : [])];
}

/** What git says in this clone, or null where there is none. */
async function git(...args: readonly string[]): Promise<string | null> {
  const cwd = new URL('.', import.meta.url);
  return promisify(execFile)('git', [...args], { cwd }).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
}
