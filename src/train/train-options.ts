/** What a training run is told, and what it gives back. */
import { UsageError } from '../errors.js';
import type { Feeds, Runtime, SessionOptions } from '../runtime/runtime.js';
import type { Tensor } from '../tensor/tensor.js';
import type { CheckpointStore, TrainEvent } from './events.js';
import type { Schedule } from './schedule.js';
import type { TrainingStep } from './step.js';

export interface TrainOptions {
  readonly runtime: Runtime;
  readonly session?: SessionOptions;
  readonly step: TrainingStep;
  /**
   * The batch of a step (from 0 on): a pure function, so that a resumed run sees the same data. Steps are asked for in
   * order, and what is given is copied before the next is asked for.
   */
  readonly batch: (step: number) => Feeds | Promise<Feeds>;
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly learningRate: number;
  readonly schedule: Schedule;
  /** Whole number from 0 on. */
  readonly seed: number;
  /** Name of the run in its events. */
  readonly run?: string;
  /**
   * Steps that one run of the graph takes at most. More save copies (see `several.ts`), fewer make an interruption
   * prompter: where left out, up to 32 that together take about a second, 8 in a browser. 1 runs the step's graph as it is, for
   * execution providers without Scan.
   */
  readonly stepsPerRun?: number;
  /** Steps between `step` events; a hundredth of an epoch where left out. By steps, so that equal runs report alike. */
  readonly reportEvery?: number;
  readonly store?: CheckpointStore;
  /** Go on from the store's last checkpoint where it has one. */
  readonly resume?: boolean;
  /** Steps between checkpoints; one epoch where left out. */
  readonly checkpointEvery?: number;
  /** Figures of the parameters as they are, every `evaluateEvery` steps (one epoch) and at the end. */
  readonly evaluate?: (
    parameters: ReadonlyMap<string, Tensor>,
    step: number,
  ) => Promise<Readonly<Record<string, number>>>;
  readonly evaluateEvery?: number;
  /** The figure whose lowest value is kept as `best`; with `patience`, evaluations without a better one end the run. */
  readonly watch?: { readonly metric: string; readonly patience?: number };
  /** Ends training after the run of the graph under way, about a second, with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
}

export interface TrainResult {
  /** The trained parameters, and the state that the step carries beside them. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Steps done in all, those of earlier sittings included. */
  readonly step: number;
  readonly reason: 'finished' | 'interrupted' | 'stopped early';
  readonly seconds: number;
}

/**
 * A period of 0 or half a step would never be reached, and the loop never end.
 * @throws UsageError for a number of steps that is not a whole one.
 */
export function checkCounts(options: TrainOptions): void {
  const names = [
    'stepsPerEpoch',
    'stepsPerRun',
    'reportEvery',
    'checkpointEvery',
    'evaluateEvery',
  ] as const;
  const demand = (name: string, value: number, least: number): void => {
    if (!Number.isSafeInteger(value) || value < least)
      throw new UsageError(`train: ${name} must be a whole number from ${least} on, got ${value}`, {
        expected: `a whole number from ${least} on`,
        actual: value,
      });
  };
  demand('steps', options.steps, 0);
  demand('patience', options.watch?.patience ?? 1, 1);
  for (const name of names) demand(name, options[name] ?? 1, 1);
}
