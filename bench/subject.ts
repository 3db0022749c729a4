/** A training step to be measured, run just as a user's is: through `train`, noise, batch and buffers included. */
import { internal } from '../src/errors.js';
import type { Feeds, Runtime, Session } from '../src/runtime/runtime.js';
import type { Tensor } from '../src/tensor/tensor.js';
import type { TrainEvent } from '../src/train/events.js';
import type { TrainingStep } from '../src/train/step.js';
import { mostStepsPerRun, train } from '../src/train/train.js';
import { stacked, writeExchange } from './exchange.js';
import type { Side } from './rounds.js';

export interface Subject {
  readonly step: TrainingStep;
  /** The batch of a step, in buffers that the next call may fill anew. */
  readonly batch: (step: number) => Feeds;
  readonly learningRate: number;
  readonly seed: number;
  /** The program of `peers/` that does the same step. */
  readonly script: string;
  /** What the peer needs beside parameters and batches, as it names and lays it out: the noise of some first steps. */
  readonly extra?: (steps: number) => ReadonlyMap<string, Tensor<'float32'>>;
  /** What the peer's manifest holds beside the number of steps. */
  readonly settings?: Readonly<Record<string, number | string>>;
  /** As in `TrainOptions`. */
  readonly stepsPerRun?: number;
}

/** Steps over which losses are compared: few, so that rounding cannot grow into a difference. */
const comparedSteps = 3;

/** Our side: it can be timed, and asked for the losses of its first steps. */
export interface OurSide extends Side {
  losses(): Promise<readonly number[]>;
}

/** The step under `train`; each turn begins with the initial parameters. */
export async function ourSide(
  subject: Subject,
  runtime: Runtime,
  threads: number,
): Promise<OurSide> {
  const { stepsPerRun = mostStepsPerRun } = subject;
  // One session serves all turns: loading one takes longer than a turn.
  let session: Promise<Session> | null = null;
  const load: Runtime['load'] = (model) => {
    session ??= runtime.load(model, { threads });
    return session;
  };
  const trainFor = (steps: number, onEvent: (event: TrainEvent) => void) =>
    train({
      ...subject,
      stepsPerRun,
      runtime: { ...runtime, load },
      steps,
      stepsPerEpoch: steps,
      schedule: () => 1,
      reportEvery: 1,
      onEvent,
    });
  return {
    name: 'Espalier',
    threads,
    async measure({ steps, warmup }) {
      const times: number[] = [];
      let last = { step: 0, time: 0 };
      const total = warmup + steps;
      await trainFor(total, (event) => {
        if (event.type === 'start') last = { step: 0, time: performance.now() };
        if (event.type !== 'step') return;
        // Steps of one run are told of together, at its end.
        const { step } = event;
        if (step % stepsPerRun !== 0 && step !== total) return;
        const time = performance.now();
        // A run that begins in the warm-up does not count, unless there is no other.
        if (last.step >= Math.min(warmup, stepsPerRun) || total <= stepsPerRun)
          times.push((time - last.time) / (step - last.step));
        last = { step, time };
      });
      return times;
    },
    async losses() {
      const losses: number[] = [];
      await trainFor(comparedSteps, (event) => {
        if (event.type === 'step') losses.push(event.losses['loss'] ?? Number.NaN);
      });
      return losses;
    },
  };
}

/** Writes what the peer needs in order to see the same first steps as we do. */
export async function writeSubject(folder: string, subject: Subject): Promise<void> {
  const { step, batch, extra, settings } = subject;
  const tensors = new Map<string, Tensor<'float32'>>();
  for (const name of step.parameters) {
    const initial = step.initial.get(name);
    if (initial) tensors.set(name, initial as Tensor<'float32'>);
  }
  for (const name of Object.keys(batch(0)))
    tensors.set(
      name,
      stacked(
        comparedSteps,
        (k) => batch(k)[name] ?? internal(`no ${name} in the batch of step ${k}`),
      ),
    );
  for (const [name, data] of extra?.(comparedSteps) ?? []) tensors.set(name, data);
  await writeExchange(folder, tensors, { steps: comparedSteps, ...settings });
}
