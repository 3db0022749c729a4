/** Rounds of Algorithm 1 against PyTorch: test/fixtures/confident-round.py made the numbers. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../autodiff/differentiate.js';
import { buildModel } from '../../nn/models/build-model.js';
import { models } from '../../nn/models/table.js';
import { builder } from '../../ops/builder.js';
import { nodeRuntime } from '../../runtime/node.js';
import { sizeOf } from '../../tensor/shape.js';
import { type Tensor, tensor, toNumbers } from '../../tensor/tensor.js';
import { nextName, scalarName, type TrainingStep } from '../../train/step.js';
import { classifierNetwork } from '../classifier/network.js';
import { labelsName } from '../classifier/step.js';
import { type ConfidentConfig, confidentPresets } from './config.js';
import { pullAway } from './losses.js';
import { confidentParts } from './parts.js';
import { confidentRound, confidentUpdates, names } from './updates.js';

interface Case {
  readonly method: ConfidentConfig['method'];
  readonly generatorLoss: ConfidentConfig['generatorLoss'];
  readonly pullAway: number;
  readonly losses: readonly Readonly<Record<string, number>>[];
  readonly gradients: Readonly<Record<string, readonly number[]>>;
  readonly after?: Readonly<Record<string, readonly number[]>>;
}

interface Fixture {
  readonly rows: number;
  readonly classes: number;
  readonly side: number;
  readonly latentCount: number;
  readonly beta: number;
  readonly learningRate: number;
  readonly ganRate: number;
  readonly ganBeta1: number;
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly cases: Readonly<Record<string, Case>>;
}

const path = new URL('../../../test/fixtures/confident-round.json', import.meta.url);
const fixture = JSON.parse(readFileSync(path, 'utf8')) as Fixture;
const { rows, classes, side, latentCount } = fixture;
const runtime = await nodeRuntime();

function configOf({ method, generatorLoss, pullAway }: Case): ConfidentConfig {
  const { beta, learningRate, ganRate, ganBeta1 } = fixture;
  return {
    ...confidentPresets.svhn,
    ...{ method, generatorLoss, pullAway, beta, learningRate, ganRate, ganBeta1 },
    ...{ batchSize: rows, latents: latentCount, ganWidth: 1 / 32 },
  };
}

const image = [1, side, side] as const;
const small = buildModel(models['small-cnn'], { classes, input: image, width: 0.05 });
const network = classifierNetwork(small, { classes, head: 'keep', seed: 0 });
const partsOf = (config: ConfidentConfig) =>
  confidentParts(network, config, image, { factor: [1], shift: [0] });

/** The weights that the fixture begins with, in a step's tensors. */
function begin(step: TrainingStep): Record<string, Tensor> {
  return Object.fromEntries(
    [...step.initial].map(([name, value]) => {
      const known = fixture.weights[name];
      return [name, known ? tensor('float32', value.dims, known) : value];
    }),
  );
}

/** Everything that changes from round to round. */
function feedsOf(step: TrainingStep, k: number, learningRate: number): Record<string, Tensor> {
  const at = (name: string, dims: readonly number[]): Tensor => {
    const size = sizeOf(dims);
    const numbers = fixture.inputs[name]?.slice(k * size, (k + 1) * size) ?? [];
    return tensor(name === 'labels' ? 'int64' : 'float32', dims, numbers);
  };
  const all: Record<string, Tensor> = {
    image: at('images', [rows, ...image]),
    [labelsName]: at('labels', [rows]),
    [names.outside]: at('outside', [rows, ...image]),
    [names.latents]: at('latents', [rows, latentCount]),
    [names.freshLatents]: at('fresh', [rows, latentCount]),
    [names.beta]: tensor('float32', [], [fixture.beta]),
  };
  const scalars = step.optimizer.scalars(k + 1, learningRate);
  step.optimizer.inputs.forEach((input, i) => {
    all[scalarName(step.optimizer, input)] = tensor('float32', [], [scalars[i] ?? 0]);
  });
  const taken = new Set(step.model.graph.inputs.map(({ name }) => name));
  return Object.fromEntries(Object.entries(all).filter(([name]) => taken.has(name)));
}

/** Largest difference, over the largest number there should be. */
function difference(found: ArrayLike<number>, wanted: readonly number[]): number {
  const largest = Math.max(...wanted.map(Math.abs));
  return (
    Math.max(...wanted.map((value, i) => Math.abs((found[i] ?? Number.NaN) - value))) / largest
  );
}

describe('rounds as PyTorch takes them', () => {
  it.each(Object.entries(fixture.cases))('%s: losses and weights', async (_, wanted) => {
    const config = configOf(wanted);
    const round = confidentRound(partsOf(config), config);
    const session = await runtime.load(round.model);
    let tensors = begin(round);
    for (const [k, losses] of wanted.losses.entries()) {
      const results = await session.run({
        ...tensors,
        ...feedsOf(round, k, config.learningRate),
      });
      for (const [name, value] of Object.entries(losses)) {
        const found = Number(results[`losses/${name}`]?.data[0]);
        expect(Math.abs(found / value - 1), `${name} of round ${k + 1}`).toBeLessThan(1e-4);
      }
      tensors = Object.fromEntries(
        Object.keys(tensors).map((name) => [name, results[nextName(name)] as Tensor]),
      );
    }
    for (const [name, values] of Object.entries(wanted.after ?? {}))
      expect(difference(tensors[name]?.data as Float32Array, values), name).toBeLessThan(1e-4);
  });

  it.each(Object.entries(fixture.cases))('%s: gradients of each update', async (_, wanted) => {
    const config = configOf(wanted);
    // What each update leaves is what the next one reads.
    let known: Record<string, Tensor> = {};
    for (const { step, rate } of confidentUpdates(partsOf(config), config)) {
      const session = await runtime.load(step.model);
      const others = step.batch.flatMap(({ name, shape }) => {
        const values = fixture.weights[name];
        return values ? [[name, tensor('float32', shape as number[], values)] as const] : [];
      });
      const results = await session.run({
        ...begin(step),
        ...Object.fromEntries(others.map(([name, value]) => [name, known[name] ?? value])),
        ...feedsOf(step, 0, config.learningRate * rate),
      });
      for (const name of step.parameters)
        known = { ...known, [name]: results[nextName(name)] as Tensor };
      // Adam's first mean of gradients, kept as a multiple, is the gradient itself.
      const found = results[nextName('small-parameters.M')]?.data as Float32Array;
      let from = 0;
      for (const name of step.parameters) {
        const values = wanted.gradients[name] ?? [];
        const own = found.subarray(from, from + values.length);
        expect(difference(own, values), name).toBeLessThan(1e-4);
        from += values.length;
      }
      expect(from).toBe(found.length);
    }
  });
});

it('the pull-away term takes a black image as one like no other', async () => {
  const b = builder();
  b.output(pullAway(b, b.input('images', 'float32', [3, 2])), 'term');
  const { model: graph, gradients } = differentiate(b.build(), { loss: 'term', with: ['images'] });
  const images = tensor('float32', [3, 2], [0, 0, 1, 0, 1, 1]);
  const results = await (await runtime.load(graph)).run({ images });
  // One pair of three has a squared cosine of a half, the others none.
  expect(results['term']?.data[0]).toBeCloseTo(1 / 6, 6);
  expect(toNumbers(results[gradients.images] as Tensor).every(Number.isFinite)).toBe(true);
});
