import { beforeAll, describe, expect, it } from 'vitest';
import { DataError, ShapeError, TrainingError, UsageError } from '../errors.js';
import { adam } from '../nn/optimizer.js';
import { builder } from '../ops/builder.js';
import { nodeRuntime } from '../runtime/node.js';
import type { Feeds, Runtime } from '../runtime/runtime.js';
import { webRuntime } from '../runtime/web.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { decodeCheckpoint } from './checkpoint.js';
import type { CheckpointKind, CheckpointStore, TrainEvent } from './events.js';
import { encodeSafetensors } from './safetensors.js';
import { constant } from './schedule.js';
import { compileStep, type TrainingStep } from './step.js';
import { type TrainOptions, type TrainResult, train } from './train.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

/** Three weights towards a target, with noise on the input: mean of ((x + noise) w - y)^2. */
function regression(): TrainingStep {
  const b = builder();
  const x = b.input('x', 'float32', [4, 3]);
  const y = b.input('y', 'float32', [4]);
  const noisy = b.Add(x, b.random('noise', [4, 3], 'normal', 0.1));
  const w = b.parameter('w', tensor('float32', [3], [0, 0, 0]));
  const off = b.Sub(b.MatMul(noisy, w), y);
  const loss = b.ReduceMean(b.Mul(off, off), null, { keepdims: 0 });
  return compileStep(b, { loss, optimizer: adam() });
}
const step = regression();

const batch = (index: number): Feeds => ({
  x: tensor(
    'float32',
    [4, 3],
    Float32Array.from({ length: 12 }, (_, i) => Math.sin(i + index)),
  ),
  y: tensor(
    'float32',
    [4],
    Float32Array.from({ length: 4 }, (_, i) => Math.cos(i + index)),
  ),
});

const memoryStore = (): CheckpointStore & { readonly kept: Map<CheckpointKind, Uint8Array> } => {
  const kept = new Map<CheckpointKind, Uint8Array>();
  return {
    kept,
    save: async (kind, bytes) => {
      kept.set(kind, bytes.slice());
    },
    load: async (kind) => kept.get(kind)?.slice() ?? null,
  };
};

const run = (options: Partial<TrainOptions> = {}): Promise<TrainResult> =>
  train({
    runtime,
    session: { threads: 1 },
    step,
    batch,
    steps: 23,
    stepsPerEpoch: 10,
    learningRate: 0.01,
    schedule: constant,
    seed: 5,
    ...options,
  });

const weights = ({ parameters }: TrainResult): number[] => [
  ...((parameters.get('w') as Tensor).data as Float32Array),
];

/** A list that events are added to, and the listener that adds them. */
function recorder(): { events: TrainEvent[]; onEvent: (event: TrainEvent) => void } {
  const events: TrainEvent[] = [];
  return { events, onEvent: (event) => void events.push(event) };
}

const stepsOf = (events: readonly TrainEvent[], type: TrainEvent['type']): number[] =>
  events.flatMap((event) => (event.type === type && 'step' in event ? [event.step] : []));

describe('steps per run', () => {
  const losses = async (options: Partial<TrainOptions>): Promise<[number[], number[]]> => {
    const { events, onEvent } = recorder();
    const result = await run({ reportEvery: 1, onEvent, ...options });
    const seen = events.flatMap((event) =>
      event.type === 'step' ? [event.losses['loss'] ?? 0] : [],
    );
    return [seen, weights(result)];
  };

  it('change nothing, bit for bit', async () => {
    const one = await losses({ stepsPerRun: 1 });
    expect(one[0]).toHaveLength(23);
    for (const stepsPerRun of [2, 8, 100]) expect(await losses({ stepsPerRun })).toEqual(one);
  });

  it('change nothing where the runtime does not write in place', async () => {
    const web = await webRuntime({ threads: 1 });
    expect(await losses({ runtime: web, stepsPerRun: 8 })).toEqual(
      await losses({ runtime: web, stepsPerRun: 1 }),
    );
  });

  it('stop where an evaluation or a checkpoint is due', async () => {
    const { events, onEvent } = recorder();
    const store = memoryStore();
    const evaluate = async () => ({ error: 1 });
    await run({ onEvent, store, evaluate, evaluateEvery: 7, checkpointEvery: 5 });
    expect(stepsOf(events, 'evaluation')).toEqual([7, 14, 21, 23]);
    expect(stepsOf(events, 'checkpoint')).toEqual([5, 10, 15, 20, 23]);
  });
});

describe('early stopping', () => {
  const errors: Readonly<Record<number, number>> = { 5: 3, 10: 1, 15: 2, 20: Number.NaN };
  const watching = (options: Partial<TrainOptions>, patience = 2): Promise<TrainResult> =>
    run({
      steps: 100,
      evaluate: async (_, at) => ({ error: errors[at] ?? 0 }),
      evaluateEvery: 5,
      watch: { metric: 'error', patience },
      ...options,
    });

  it('ends with the best parameters once patience has run out', async () => {
    const store = memoryStore();
    const result = await watching({ store });
    expect(result).toMatchObject({ step: 20, reason: 'stopped early' });
    expect(weights(result)).toEqual(weights(await run({ steps: 10 })));
  });

  it('is not gone back on by a resumed run', async () => {
    const store = memoryStore();
    const result = await watching({ store });
    const { events, onEvent } = recorder();
    const resumed = await watching({ store, resume: true, onEvent });
    expect(resumed).toMatchObject({ step: 20, reason: 'stopped early' });
    expect(weights(resumed)).toEqual(weights(result));
    expect(stepsOf(events, 'evaluation')).toEqual([]);
    const patient = await watching({ store, resume: true }, 3);
    // Step 25 has the best figure of all, and three evaluations later there is no better one.
    expect(patient).toMatchObject({ step: 40, reason: 'stopped early' });
  });

  it('does not take a figure that is no number for the best', async () => {
    const figures = [Number.NaN, 2, 1];
    const store = memoryStore();
    const evaluate = async () => ({ error: figures.shift() ?? 9 });
    await run({ steps: 3, evaluate, evaluateEvery: 1, watch: { metric: 'error' }, store });
    const { position } = decodeCheckpoint(store.kept.get('best') as Uint8Array, step.initial, 5);
    expect(position.best).toEqual({ value: 1, step: 3 });
  });

  it('names the figures there are where the watched one is missing', async () => {
    const evaluate = async () => ({ accuracy: 1 });
    await expect(run({ evaluate, watch: { metric: 'error' } })).rejects.toThrow(
      /no figure "error" to watch; there are accuracy/,
    );
  });
});

describe('a number that is not finite', () => {
  it('in a loss ends the run, and the last good checkpoint stays', async () => {
    const store = memoryStore();
    const spoilt = (index: number): Feeds =>
      index === 13
        ? { ...batch(index), y: tensor('float32', [4], [Number.POSITIVE_INFINITY, 0, 0, 0]) }
        : batch(index);
    const failed = run({ store, batch: spoilt, checkpointEvery: 10 });
    await expect(failed).rejects.toThrow(TrainingError);
    await expect(failed).rejects.toThrow(/loss became Infinity at step 14\. .*step 10 is kept/);
    const { position } = decodeCheckpoint(store.kept.get('last') as Uint8Array, step.initial, 5);
    expect(position.step).toBe(10);
  });

  it('in a parameter after the last step ends it too, with a store or without', async () => {
    const failing = { steps: 1, learningRate: 1e39 };
    await expect(run(failing)).rejects.toThrow(/in "w" at step 1\b/);
    const store = memoryStore();
    await expect(run({ ...failing, store })).rejects.toThrow(TrainingError);
    expect(store.kept.size).toBe(0);
  });
});

it('is interrupted with a checkpoint, and resumed bit for bit', async () => {
  const store = memoryStore();
  const stop = new AbortController();
  const onEvent = (event: TrainEvent) => {
    if (event.type === 'step' && event.step === 9) stop.abort();
  };
  const cut = await run({ store, signal: stop.signal, stepsPerRun: 3, onEvent });
  expect(cut).toMatchObject({ step: 9, reason: 'interrupted' });
  const resumed = await run({ store, resume: true });
  expect(resumed).toMatchObject({ step: 23, reason: 'finished' });
  expect(weights(resumed)).toEqual(weights(await run()));
});

describe('state that a step carries', () => {
  const carrying = (): TrainingStep => {
    const b = builder();
    const x = b.input('x', 'float32', [4, 3]);
    const y = b.input('y', 'float32', [4]);
    const mean = b.input('mean', 'float32', [3]);
    const w = b.parameter('w', tensor('float32', [3], [0, 0, 0]));
    const now = b.ReduceMean(x, [0], { keepdims: 0 });
    const next = b.Add(b.Mul(mean, 0.9), b.Mul(now, 0.1));
    const off = b.Sub(b.MatMul(b.Sub(x, mean), w), y);
    const loss = b.ReduceMean(b.Mul(off, off), null, { keepdims: 0 });
    const initial = tensor('float32', [3], [0, 0, 0]);
    return compileStep(b, { loss, optimizer: adam(), state: [{ value: mean, initial, next }] });
  };
  const wanted = (): number[] => {
    let mean = [0, 0, 0];
    for (let index = 0; index < 23; index++) {
      const data = batch(index)['x']?.data as Float32Array;
      const column = (i: number) =>
        [0, 1, 2, 3].reduce((sum, n) => sum + (data[3 * n + i] ?? 0), 0);
      mean = mean.map((value, i) => 0.9 * value + (0.1 * column(i)) / 4);
    }
    return mean;
  };

  it('goes from step to step, comes with the result, and is resumed', async () => {
    const step = carrying();
    expect(step.carried).toEqual(['mean']);
    expect(step.batch.map(({ name }) => name)).toEqual(['x', 'y']);
    const whole = await run({ step });
    const means = [...((whole.parameters.get('mean') as Tensor).data as Float32Array)];
    wanted().forEach((value, i) => {
      expect(means[i]).toBeCloseTo(value, 5);
    });
    const store = memoryStore();
    await run({ step, store, steps: 10 });
    const resumed = await run({ step, store, resume: true });
    expect(resumed.parameters).toEqual(whole.parameters);
  });

  it('and batches may be promised', async () => {
    const promised = await run({ batch: async (index) => batch(index) });
    expect(weights(promised)).toEqual(weights(await run()));
  });
});

describe('what cannot be', () => {
  it('is refused: numbers of steps that are no whole ones', async () => {
    for (const wrong of [{ stepsPerRun: 0 }, { evaluateEvery: 0.5 }, { steps: Number.NaN }])
      await expect(run(wrong)).rejects.toThrow(UsageError);
  });

  it('is refused: a batch that does not fit', async () => {
    const { x, y } = batch(0) as { x: Tensor; y: Tensor };
    const short = tensor('float32', [3], [1, 2, 3]);
    for (const wrong of [{ x }, { x, y: short }, { x, y, z: y }])
      await expect(run({ batch: () => wrong as Feeds })).rejects.toThrow(ShapeError);
    await expect(run({ batch: () => ({ x }) })).rejects.toThrow(
      'batch: "y" must be float32[4], got nothing',
    );
  });

  it('is refused: a checkpoint of another seed, another graph, or none of ours', async () => {
    const store = memoryStore();
    await run({ store });
    await expect(run({ store, resume: true, seed: 6 })).rejects.toThrow(/made with seed 5/);
    const { x } = batch(0) as { x: Tensor };
    const position = { step: 3, seed: 5, best: null, sinceBest: 0 };
    const cases: [string, RegExp][] = [
      [JSON.stringify(position), /"w" should be float32\[3\], got float32\[4, 3\]/],
      [JSON.stringify({ ...position, step: -1 }), /no position/],
      ['{', /no position/],
    ];
    for (const [text, sentence] of cases) {
      store.kept.set('last', encodeSafetensors({ w: x }, { position: text }));
      const failed = run({ store, resume: true });
      await expect(failed).rejects.toThrow(DataError);
      await expect(failed).rejects.toThrow(sentence);
    }
  });
});
