/** The other side of a comparison: eager PyTorch in a process of its own (`peers/`), where it is installed. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EspalierError } from '../src/errors.js';
import type { Side } from './rounds.js';

const run = promisify(execFile);
const usual = ['python3', '/usr/bin/python3', 'python'];

export interface Peer {
  readonly python: string;
  readonly torch: string;
}

/**
 * The first Python that has PyTorch.
 * @param python the only one to try; the usual ones where left out.
 */
export async function findPeer(python?: string): Promise<Peer | { readonly absent: string }> {
  const candidates = python === undefined ? usual : [python];
  for (const candidate of candidates) {
    const found = await run(candidate, ['-c', 'import torch; print(torch.__version__)']).catch(
      () => null,
    );
    const torch = found?.stdout.trim();
    if (torch) return { python: candidate, torch };
  }
  return {
    absent: `no Python with PyTorch among ${candidates.join(', ')}; name one with --python`,
  };
}

/**
 * Runs one of `peers/` and gives the JSON object that it prints.
 * @throws EspalierError with the program's last words where it fails, or with what it printed instead.
 */
export async function runPeer<T>(peer: Peer, script: string, args: readonly string[]): Promise<T> {
  const path = fileURLToPath(new URL(`peers/${script}`, import.meta.url));
  const { stdout } = await run(peer.python, [path, ...args]).catch((error: unknown) => {
    const said = (error as { readonly stderr?: string }).stderr?.trim().split('\n').at(-1);
    throw new EspalierError(`${script} failed: ${said || String(error)}`, { path, cause: error });
  });
  try {
    return JSON.parse(stdout) as T;
  } catch (cause) {
    // Python prints NaN where JSON has no word for it.
    throw new EspalierError(`${script} printed no JSON object, but ${stdout.slice(0, 200)}`, {
      path,
      cause,
    });
  }
}

/** The losses of the first steps from an exchange folder. */
export async function peerLosses(
  peer: Peer,
  script: string,
  folder: string,
): Promise<readonly number[]> {
  const found = await runPeer<{ losses: number[] }>(peer, script, ['--losses', folder]);
  return found.losses;
}

/**
 * How the peer is written: `plain` as its formulas read, with PyTorch's defaults; `tuned` by hand, down to how long
 * its threads spin. Our time is judged by the first; the second says how far a patient user gets.
 */
export const forms = ['plain', 'tuned'] as const;
export type Form = (typeof forms)[number];
export const peerName = (form: Form): string => `PyTorch, ${form}`;

/** The peer's step, timed by itself, over the parameters and batches of an exchange folder. */
export function peerSide(
  peer: Peer,
  script: string,
  folder: string,
  form: Form,
  threads: number,
): Side {
  return {
    name: peerName(form),
    threads,
    async measure({ steps, warmup }) {
      const amount = ['--steps', String(steps), '--warmup', String(warmup)];
      const args = ['--form', form, '--threads', String(threads), ...amount, '--inputs', folder];
      const found = await runPeer<{ msPerStep: number; minMs: number }>(peer, script, args);
      return { median: found.msPerStep, minimum: found.minMs };
    },
  };
}
