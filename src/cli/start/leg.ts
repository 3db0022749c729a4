/** What a part of `espalier start` is: to add one, a file in this folder and a line in `table.ts`. */
import type { Runtime } from '../../runtime/runtime.js';
import type { Context } from '../command.js';

/** What every leg is given. */
export interface LegInput {
  readonly runtime: Runtime;
  /** Folder for the runs of all legs. */
  readonly output: string;
  readonly seed: number;
  /** Of the leg with few labels. */
  readonly labels: number;
  readonly epochs: number;
  readonly context: Context;
}

/** What a leg gives. */
export interface LegOutput {
  /** Keys that the command's JSON has of this leg. */
  readonly json: Readonly<Record<string, unknown>>;
  /** What was measured, in one sentence without a full stop. */
  readonly headline: string;
  /** Its figures, a line each. */
  readonly figures: readonly (readonly [name: string, value: string])[];
  readonly model: string;
  readonly report: string;
  /** Lines for a shell. */
  readonly next: readonly string[];
}

/** A part of `espalier start`. */
export interface Leg {
  readonly name: string;
  /** @throws InterruptedError after a signal; what its training throws. */
  run(input: LegInput): Promise<LegOutput>;
}
