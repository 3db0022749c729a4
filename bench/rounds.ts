/** Sides of a comparison that take turns, so that a drift of the machine hits all of them alike. */
import { internal } from '../src/errors.js';
import type { BenchContext } from './benchmark.js';

/** One thing that is timed. */
export interface Side {
  readonly name: string;
  readonly threads: number;
  /** Milliseconds of each of `steps` steps after `warmup` others, or figures that sum them up. */
  measure(amount: { readonly steps: number; readonly warmup: number }): Promise<number[] | Timing>;
}

/** Milliseconds of a step. */
export interface Timing {
  readonly median: number;
  readonly minimum: number;
}

/** A side over all rounds: the median of the rounds' medians, the least of their minima. */
export interface Timed extends Timing {
  readonly name: string;
  readonly threads: number;
}

/** Times every side in each round. */
export async function inRounds(sides: readonly Side[], context: BenchContext): Promise<Timed[]> {
  const timings = sides.map((): Timing[] => []);
  for (let round = 1; round <= context.rounds; round++)
    for (const [i, side] of sides.entries()) {
      const measured = await side.measure(context);
      const timing = Array.isArray(measured) ? summary(measured) : measured;
      timings[i]?.push(timing);
      const what = `${side.name}, ${threadsText(side.threads)}`;
      context.progress(`round ${round} of ${context.rounds}: ${what}: ${ms(timing.median)} ms`);
    }
  return sides.map(({ name, threads }, i) => ({
    name,
    threads,
    median: median((timings[i] ?? []).map((timing) => timing.median)),
    minimum: Math.min(...(timings[i] ?? []).map((timing) => timing.minimum)),
  }));
}

/** The one of these names with the lowest median, whatever its threads; null where none was timed. */
export function best(timed: readonly Timed[], name: string): Timed | null {
  const own = timed.filter((side) => side.name === name);
  return own.reduce<Timed | null>((a, b) => (a && a.median <= b.median ? a : b), null);
}

/** One side's time over another's. */
export interface Ratio {
  readonly ofMedians: number;
  readonly ofMinima: number;
  /** What `ofMedians` should not exceed; null where nobody said. */
  readonly wanted: number | null;
}

export function ratio(a: Timed, b: Timed, wanted: number | null): Ratio {
  return { ofMedians: a.median / b.median, ofMinima: a.minimum / b.minimum, wanted };
}

export function summary(times: readonly number[]): Timing {
  return { median: median(times), minimum: Math.min(...times) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(half)], sorted[Math.ceil(half)]];
  if (low === undefined || high === undefined) return internal('the median of nothing');
  return (low + high) / 2;
}

export const ms = (value: number): string => value.toFixed(value < 1 ? 4 : 2);
export const threadsText = (n: number): string => (n === 1 ? '1 thread' : `${n} threads`);

/** A table of sides, a line each. */
export function timedLines(timed: readonly Timed[]): string[] {
  const row = (...cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(22) : cell.padStart(12))).join('');
  return [
    row('milliseconds', 'threads', 'median', 'minimum'),
    ...timed.map((side) => row(side.name, String(side.threads), ms(side.median), ms(side.minimum))),
  ];
}

export function ratioLine(what: string, { ofMedians, ofMinima, wanted }: Ratio): string {
  const figures = `${what}: ${ofMedians.toFixed(3)} (of the minima ${ofMinima.toFixed(3)})`;
  if (wanted === null) return figures;
  return `${figures}; at most ${wanted}: ${ofMedians <= wanted ? 'as wanted' : 'MISSED'}`;
}
