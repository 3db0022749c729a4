/**
 * Eight well-known networks as PyTorch exports them: every shape as ONNX Runtime has it, loss and the gradient by every
 * parameter as PyTorch computes them (test/fixtures/architectures/export.py).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../src/autodiff/differentiate.js';
import { type Model, model } from '../src/graph/graph.js';
import { trainableWeights } from '../src/methods/classifier/parameters.js';
import type { CarriedState } from '../src/nn/carried-state.js';
import { crossEntropyRows } from '../src/nn/losses.js';
import { trainingForm } from '../src/nn/training-form.js';
import { readModel } from '../src/onnx/read.js';
import type { Builder } from '../src/ops/builder.js';
import { loadModel } from '../src/ops/load.js';
import { nodeRuntime } from '../src/runtime/node.js';
import { type Tensor, tensor, toNumbers } from '../src/tensor/tensor.js';
import { decodeSafetensors } from '../src/train/safetensors.js';
import { computedByRuntime, inferredByRuntime } from './architecture-oracle.js';
import { root } from './imports.js';

const runtime = await nodeRuntime();
const folder = new URL('fixtures/architectures/', import.meta.url);
const file = (name: string): Uint8Array => readFileSync(new URL(name, folder));

/** The largest difference allowed, as a share of the largest element of the same tensor. */
const tolerance = 1e-3;
/** A gradient that is 0 but for the rounding of float64 is below this share of the network's largest. */
const nothing = 1e-12;
/** What may come of such a gradient in float32, as a share of the network's largest. */
const rounding = 1e-6;
/** What a stored gradient's largest element is stored as. */
const steps = 32767;

interface Answers {
  readonly images: Tensor;
  readonly labels: Tensor;
  readonly loss: number;
  readonly logits: readonly number[];
  readonly gradients: ReadonlyMap<string, Tensor>;
}

/** @param prefix of the numbers that are read: '' for inference, `train/` for statistics of the batch */
function answersOf(name: string, prefix: '' | 'train/'): Answers {
  const { tensors, metadata } = decodeSafetensors(file(`${name}.safetensors`));
  const numbers = JSON.parse(metadata['numbers'] ?? '') as Record<string, number>;
  const { pixels, labels } = tensors as Record<'pixels' | 'labels', Tensor>;
  const start = `${prefix}gradient/`;
  const gradients = Object.entries(tensors)
    .filter(([key]) => key.startsWith(start))
    .map(([key, stored]) => {
      const scale = (numbers[key] ?? Number.NaN) / steps;
      const data = toNumbers(stored).map((value) => value * scale);
      return [key.slice(start.length), tensor('float32', stored.dims, data)] as const;
    });
  const bytes = toNumbers(pixels);
  return {
    images: tensor(
      'float32',
      pixels.dims,
      bytes.map((byte) => (byte - 128) / 64),
    ),
    labels,
    loss: numbers[`${prefix}loss`] ?? Number.NaN,
    logits: toNumbers(tensors[`${prefix}logits`] as Tensor),
    gradients: new Map(gradients),
  };
}

/** Largest difference between two lists as a share of `scale`. */
function distance(actual: readonly number[], expected: readonly number[], scale: number): number {
  expect(actual).toHaveLength(expected.length);
  return expected.reduce((most, value, i) => {
    const difference = Math.abs((actual[i] ?? Number.NaN) - value) / scale;
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(most, difference);
  }, 0);
}

const largest = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Adds the loss, differentiates by every parameter, runs, and compares. */
async function expectAnswers(
  b: Builder,
  answers: Answers,
  state: readonly CarriedState[] = [],
): Promise<void> {
  const labels = b.input('labels', 'int64', answers.labels.dims);
  b.output(crossEntropyRows(b, b.value('logits'), labels), 'loss');
  const names = [...answers.gradients.keys()];
  const made = differentiate(model(b.build(), {}, b.opset), { loss: 'loss', with: names });
  const session = await runtime.load(made.model, { threads: 1 });
  const statistics = state.map(({ value, initial }) => [value.name, initial] as const);
  const results = await session.run({
    ...{ images: answers.images, labels: answers.labels },
    ...Object.fromEntries(statistics),
  });
  const numbers = (name: string): number[] => toNumbers(results[name] as Tensor);

  expect(Math.abs((numbers('loss')[0] ?? 0) - answers.loss)).toBeLessThan(tolerance * answers.loss);
  const logits = distance(numbers('logits'), answers.logits, largest(answers.logits));
  expect(logits).toBeLessThan(tolerance);
  const sizes = new Map(
    [...answers.gradients].map(([name, gradient]) => [name, largest(toNumbers(gradient))]),
  );
  const overall = largest([...sizes.values()]);
  for (const [name, gradient] of answers.gradients) {
    const output = made.gradients[name] ?? '';
    expect(results[output]?.dims, name).toEqual(gradient.dims);
    const size = sizes.get(name) ?? 0;
    // A bias that a live normalization takes away again has no influence: both sides hold rounding alone.
    const [scale, allowed] = size < nothing * overall ? [overall, rounding] : [size, tolerance];
    const apart = distance(numbers(output), toNumbers(gradient), scale);
    expect(apart, `gradient of ${name}`).toBeLessThan(allowed);
  }
}

const batch = 3;
const namesOf = (gradients: Answers['gradients']): ((name: string) => boolean) => {
  const names = new Set(gradients.keys());
  return (name) => names.has(name);
};

/** Every shape with the batch bound, and with the batch a name: that of the input. */
async function expectShapes(source: Model): Promise<void> {
  const size = source.graph.inputs[0]?.shape?.[0];
  const dimensions = typeof size === 'string' ? { [size]: batch } : {};
  const bound = loadModel(source, { dimensions }).values;
  for (const [name, type] of await computedByRuntime(source, dimensions)) {
    const { dtype, shape } = bound.get(name) ?? {};
    expect({ dtype, shape }, name).toEqual(type);
  }
  const open = loadModel(source).values;
  const inferred = await inferredByRuntime(source);
  expect(inferred.size).toBe(
    source.graph.nodes.flatMap(({ outputs }) => outputs).filter(Boolean).length,
  );
  for (const [name, type] of inferred) {
    const { dtype, shape } = open.get(name) ?? {};
    expect(dtype, name).toBe(type.dtype);
    // A rank that the runtime cannot tell reads as none, a dimension has no name: we may know them.
    if (type.shape.length === 0 && bound.get(name)?.shape.length !== 0) continue;
    expect(shape, name).toHaveLength(type.shape.length);
    const told = shape?.map((dim, i) => (isTold(type.shape[i], size) ? dim : type.shape[i]));
    expect(told, name).toEqual(type.shape);
  }
}

const isTold = (dim: number | string | undefined, name: unknown): boolean =>
  typeof dim === 'number' ? dim >= 0 : dim === name;

const data = process.env['ESPALIER_DATA'] ?? join(root, '..', 'shared', 'data');

it.for(['mnist', 'cifar10-resnet20', 'squeezenet1.1'])(
  '%s, a file of others, has the shapes that ONNX Runtime gives it',
  async (name, { skip }) => {
    const path = join(data, 'models', `${name}.onnx`);
    skip(!existsSync(path), `no ${path}`);
    await expectShapes(readModel(readFileSync(path)));
  },
);

const networks = [
  'alexnet',
  'vgg16',
  'googlenet',
  'resnet18',
  'squeezenet',
  'mobilenet',
  'densenet121',
  'shufflenet',
];

describe.each(networks)('%s', (name) => {
  const source = readModel(file(`${name}.onnx`));

  it('has the shapes that ONNX Runtime gives it', () => expectShapes(source));

  it('has the loss and gradients of PyTorch', async () => {
    const answers = answersOf(name, '');
    expect(new Set(trainableWeights(source.graph).keys())).toEqual(
      new Set(answers.gradients.keys()),
    );
    const b = loadModel(source, { dimensions: { batch }, trainable: namesOf(answers.gradients) });
    await expectAnswers(b, answers);
  });
});

it.each(['resnet18', 'mobilenet'])(
  '%s with the statistics of the batch has the loss and gradients of PyTorch',
  async (name) => {
    const answers = answersOf(name, 'train/');
    const { b, state } = trainingForm(readModel(file(`${name}.onnx`)), {
      ...{ dimensions: { batch }, trainable: namesOf(answers.gradients) },
      ...{ batchNormalization: 'live', dropout: 'off' },
    });
    expect(state.length).toBeGreaterThan(0);
    await expectAnswers(b, answers, state);
  },
);

describe.each([11, 13, 17])('shufflenet in operator set %i', (opset) => {
  const source = readModel(file(`shufflenet-opset${opset}.onnx`));

  it('is of that operator set, and has the shapes that ONNX Runtime gives it', async () => {
    expect(source.opsets['']).toBe(opset);
    await expectShapes(source);
  });

  it('has the loss and gradients of PyTorch', async () => {
    const answers = answersOf('shufflenet', '');
    const options = { dimensions: { batch }, trainable: namesOf(answers.gradients) };
    await expectAnswers(loadModel(source, options), answers);
  });
});
