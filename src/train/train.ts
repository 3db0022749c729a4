/** The training loop: runs a compiled step over and over, and can stop and go on at any step, bit for bit. */
import { TrainingError } from '../errors.js';
import type { Feeds, Session } from '../runtime/runtime.js';
import type { Tensor } from '../tensor/tensor.js';
import { Buffers } from './buffers.js';
import { decodeCheckpoint, encodeCheckpoint, type Position, requireFinite } from './checkpoint.js';
import { Clock } from './clock.js';
import type { TrainEvent } from './events.js';
import { fillNoise } from './noise.js';
import { changingInputs, severalSteps } from './several.js';
import { Stack } from './stack.js';
import { scalarName } from './step.js';
import { checkCounts, type TrainOptions, type TrainResult } from './train-options.js';

export type { TrainOptions, TrainResult };

/** Ours: a step of the ladder takes 38.0 ms with eight steps a run, 37.4 with 16, 36.9 with 24 and 36.0 with 32. */
export const mostStepsPerRun = 32;
/** Steps of a run before it is known how long one takes. */
const firstStepsPerRun = 8;
/** Runs after which their number of steps stays: with it the memory that they take does. */
const settlingRuns = 2;
/** What a run should take where nobody says how many steps it has: ours, so that a signal is soon answered. */
const secondsPerRun = 1.25;

/**
 * Trains until `steps`, an interruption or early stopping.
 * @throws TrainingError where a loss or a parameter is not finite (the last good checkpoint stays), DataError
 *   where the checkpoint to resume from does not fit, ShapeError where a batch does not, UsageError for a number of
 *   steps that is not a whole one.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  checkCounts(options);
  const { runtime, step, session } = options;
  // WebAssembly's memory grows with the steps of a run and never shrinks.
  const usual = runtime.writesInPlace ? mostStepsPerRun : firstStepsPerRun;
  const { stepsPerRun = usual } = options;
  const graph = stepsPerRun === 1 ? step.model : severalSteps(step);
  return new Loop(options, await runtime.load(graph, session), stepsPerRun).run();
}

class Loop {
  readonly #options: TrainOptions;
  readonly #session: Session;
  readonly #stepsPerRun: number;
  readonly #stack: Stack;
  readonly #buffers: Buffers;
  #position: Position;
  #saved = -1;
  readonly #clock = new Clock();
  /** Steps of the next run at most, from the time that the first ones took. */
  #pace: number;
  #runs = 0;

  constructor(options: TrainOptions, session: Session, stepsPerRun: number) {
    this.#options = options;
    this.#session = session;
    this.#stepsPerRun = stepsPerRun;
    this.#pace = options.stepsPerRun ?? Math.min(stepsPerRun, firstStepsPerRun);
    this.#stack = new Stack(changingInputs(options.step), stepsPerRun);
    this.#buffers = new Buffers(options.step, stepsPerRun > 1);
    this.#position = { step: 0, seed: options.seed, best: null, sinceBest: 0 };
  }

  async run(): Promise<TrainResult> {
    const { steps, stepsPerEpoch, signal, evaluate } = this.#options;
    const resumed = this.#options.resume === true && (await this.#restore());
    const first = this.#position.step;
    this.#emit({ type: 'start', run: this.#options.run ?? '', step: first, steps, resumed });
    // A run that had stopped early and was killed before its end was written must not go on.
    let reason: TrainResult['reason'] = this.#isOutOfPatience() ? 'stopped early' : 'finished';
    this.#clock.start(first);
    while (reason === 'finished' && this.#position.step < steps) {
      const done = await this.#steps();
      const due = done % (this.#options.evaluateEvery ?? stepsPerEpoch) === 0 || done === steps;
      if (evaluate && due) await this.#evaluate(evaluate);
      if (this.#isOutOfPatience()) reason = 'stopped early';
      if (done % (this.#options.checkpointEvery ?? stepsPerEpoch) === 0) await this.#save('last');
      if (this.#clock.due()) await new Promise((resolve) => setTimeout(resolve, 0));
      if (signal?.aborted && done < steps && reason === 'finished') reason = 'interrupted';
    }
    requireFinite(this.#buffers.current, this.#position.step);
    if (this.#saved !== this.#position.step) await this.#save('last');
    const { step } = this.#position;
    this.#emit({ type: 'end', step, reason, seconds: this.#clock.seconds() });
    return {
      parameters: await this.#result(reason),
      step,
      reason,
      seconds: this.#clock.seconds(),
    };
  }

  /** The last parameters; after early stopping the best, where a store kept them. */
  async #result(reason: TrainResult['reason']): Promise<ReadonlyMap<string, Tensor>> {
    const { step, store, seed } = this.#options;
    const best = reason === 'stopped early' ? await store?.load('best') : null;
    const tensors = best
      ? decodeCheckpoint(best, step.initial, seed).tensors
      : this.#buffers.current;
    const kept = new Set([...step.parameters, ...step.carried]);
    return new Map([...tensors].filter(([name]) => kept.has(name)));
  }

  /** Runs the graph up to the next step at which something else is due, and gives the number of steps done in all. */
  async #steps(): Promise<number> {
    const first = this.#position.step;
    const count = this.#untilDue(first);
    const rates: number[] = [];
    for (let slot = 0; slot < count; slot++) rates.push(await this.#fill(first + slot, slot));
    const { feeds, into } = this.#buffers.run(this.#stack.feeds(count), count);
    const start = performance.now();
    const results = await this.#session.run(feeds, into);
    this.#keepPace((performance.now() - start) / 1000 / count);
    const losses = rates.map((_, slot) => this.#lossesOf(results, slot));
    losses.forEach((row, slot) => {
      this.#guard(row, first + slot);
    });
    this.#buffers.advance(results, this.#options.runtime.writesInPlace);
    this.#position = { ...this.#position, step: first + count };
    losses.forEach((row, slot) => {
      this.#report(first + slot + 1, row, rates[slot] ?? 0);
    });
    return first + count;
  }

  /** Steps from `first` on that can run together. */
  #untilDue(first: number): number {
    const { steps, stepsPerEpoch, evaluate, evaluateEvery, checkpointEvery } = this.#options;
    const periods = [
      checkpointEvery ?? stepsPerEpoch,
      ...(evaluate ? [evaluateEvery ?? stepsPerEpoch] : []),
    ];
    const left = periods.map((period) => period - (first % period));
    return Math.min(this.#pace, steps - first, ...left);
  }

  /** Only how many steps go together depends on the clock: their arithmetic is the same. */
  #keepPace(secondsPerStep: number): void {
    const { stepsPerRun, runtime } = this.#options;
    if (stepsPerRun !== undefined || !runtime.writesInPlace) return;
    if (++this.#runs > settlingRuns) return;
    const fitting = Math.floor(secondsPerRun / secondsPerStep);
    this.#pace = Math.max(1, Math.min(this.#stepsPerRun, fitting));
  }

  /** Fills one slot of the stack with a step's batch, noise and scalars; gives its learning rate. */
  async #fill(index: number, slot: number): Promise<number> {
    const { step, batch, seed, steps, learningRate, schedule } = this.#options;
    const rate = learningRate * schedule(index, steps);
    this.#stack.put(step.batch, await batch(index), slot);
    for (const source of step.stochastic)
      fillNoise(this.#stack.slot(source.value.name, slot) as Float32Array, source, seed, index);
    const scalars = step.optimizer.scalars(index + 1, rate);
    step.optimizer.inputs.forEach((input, i) => {
      this.#stack.slot(scalarName(step.optimizer, input), slot)[0] = scalars[i] ?? 0;
    });
    return rate;
  }

  #lossesOf(results: Feeds, slot: number): Record<string, number> {
    const losses: Record<string, number> = {};
    for (const name of this.#options.step.losses)
      losses[name] = Number(results[`losses/${name}`]?.data[slot]);
    return losses;
  }

  #report(step: number, losses: Readonly<Record<string, number>>, learningRate: number): void {
    const { steps, stepsPerEpoch, reportEvery } = this.#options;
    const every = reportEvery ?? Math.max(1, Math.round(stepsPerEpoch / 100));
    if (step % every === 0 || step % stepsPerEpoch === 0 || step === steps)
      this.#emit({
        type: 'step',
        step,
        steps,
        epoch: step / stepsPerEpoch,
        losses,
        learningRate,
        ...this.#clock.speed(step, steps),
      });
  }

  #guard(losses: Readonly<Record<string, number>>, step: number): void {
    for (const [name, value] of Object.entries(losses))
      if (!Number.isFinite(value))
        throw new TrainingError(
          `training: ${name} became ${value} at step ${step + 1}. ${this.#saved >= 0 ? `The checkpoint of step ${this.#saved} is kept.` : 'No checkpoint had been saved yet.'} Lower the learning rate or clip the gradients.`,
          { actual: value, expected: 'a finite loss' },
        );
  }

  /** Evaluates, and keeps the best. */
  async #evaluate(evaluate: NonNullable<TrainOptions['evaluate']>): Promise<void> {
    const { stepsPerEpoch, watch } = this.#options;
    const { step } = this.#position;
    const metrics = await evaluate(this.#buffers.current, step);
    this.#emit({ type: 'evaluation', step, epoch: step / stepsPerEpoch, metrics });
    if (!watch) return;
    const value = metrics[watch.metric];
    if (value === undefined)
      throw new TrainingError(
        `training: no figure "${watch.metric}" to watch; there are ${Object.keys(metrics).join(', ')}`,
      );
    if (value < (this.#position.best?.value ?? Number.POSITIVE_INFINITY)) {
      this.#position = { ...this.#position, best: { value, step }, sinceBest: 0 };
      await this.#save('best');
    } else this.#position = { ...this.#position, sinceBest: this.#position.sinceBest + 1 };
  }

  #isOutOfPatience(): boolean {
    return this.#position.sinceBest >= (this.#options.watch?.patience ?? Number.POSITIVE_INFINITY);
  }

  async #save(kind: 'last' | 'best'): Promise<void> {
    const { store } = this.#options;
    if (!store) return;
    await store.save(kind, encodeCheckpoint(this.#buffers.current, this.#position));
    if (kind === 'last') this.#saved = this.#position.step;
    this.#emit({ type: 'checkpoint', step: this.#position.step, kind });
  }

  async #restore(): Promise<boolean> {
    const { store, step, seed } = this.#options;
    const bytes = await store?.load('last');
    if (!bytes) return false;
    const { tensors, position } = decodeCheckpoint(bytes, step.initial, seed);
    this.#buffers.restore(tensors);
    this.#position = position;
    this.#saved = position.step;
    return true;
  }

  #emit(event: TrainEvent): void {
    this.#options.onEvent?.(event);
  }
}
