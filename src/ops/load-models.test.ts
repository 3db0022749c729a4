/** Real models of three exporters: loaded, inferred, and differentiated by all that can be trained. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.js';
import { type Model, model } from '../graph/graph.js';
import { readModel } from '../onnx/read.js';
import { nodeRuntime } from '../runtime/node.js';
import { fillUniform, streamKey } from '../tensor/random.js';
import { hasDType, type Tensor, zeros } from '../tensor/tensor.js';
import { inferShapes, loadModel, opsetOf } from './load.js';

const folder = process.env['ESPALIER_DATA'] ?? join(import.meta.dirname, '../../../shared/data');
const runtime = await nodeRuntime();

const models = [
  { name: 'mnist', input: [1, 1, 28, 28], scores: [1, 10], parameters: 5994, range: 255 },
  {
    name: 'cifar10-resnet20',
    input: [2, 3, 32, 32],
    scores: ['N', 10],
    parameters: 269_034,
    range: 2,
  },
  {
    name: 'squeezenet1.1',
    input: [1, 3, 227, 227],
    scores: [1, 1000],
    parameters: 1_235_496,
    range: 100,
  },
];

const imageOf = (dims: readonly number[], range: number): Tensor<'float32'> => {
  const image = zeros('float32', dims);
  fillUniform(image.data, streamKey(1, 0, 'image'));
  return { ...image, data: image.data.map((value) => value * range) };
};

describe.each(models)('$name', ({ name, input, scores, parameters, range }) => {
  const path = join(folder, 'models', `${name}.onnx`);
  const read = (): { source: Model; x: string; y: string } => {
    const source = readModel(readFileSync(path));
    const [[x], [y]] = [source.graph.inputs, source.graph.outputs];
    return { source, x: x?.name ?? '', y: y?.name ?? '' };
  };

  it('has a shape for every value, and the symbols of its inputs in the last', ({ skip }) => {
    skip(!existsSync(path), 'skipped: no such data');
    const { source, y } = read();
    const types = inferShapes(source.graph, { opset: opsetOf(source) });
    expect(types.get(y)?.shape).toEqual(scores);
    for (const { outputs } of source.graph.nodes)
      for (const each of outputs) expect(types.has(each)).toBe(true);
  });

  it('computes the same when it is brought up to date', async ({ skip }) => {
    skip(!existsSync(path), 'skipped: no such data');
    const { source, x, y } = read();
    const b = loadModel(source);
    const feeds = { [x]: imageOf(input, range) };
    const run = async (given: Model) => (await (await runtime.load(given)).run(feeds))[y];
    const [expected, actual] = [await run(source), await run(model(b.build(), {}, b.opset))];
    expect(actual?.dims).toEqual(expected?.dims);
    expect(actual?.data).toEqual(expected?.data);
  });

  it('is differentiated by all its weights', async ({ skip }) => {
    skip(!existsSync(path), 'skipped: no such data');
    const { source, x, y } = read();
    const b = loadModel(source, { dimensions: { N: 2 }, trainable: () => true });
    const names = [...b.parameters.keys()];
    const size = names.reduce((sum, each) => sum + (b.parameters.get(each)?.data.length ?? 0), 0);
    expect(size).toBe(parameters);
    const scored = b.value(y);
    const loss = b.output(b.ReduceMean(b.Mul(scored, scored), null, { keepdims: 0 }), 'loss');
    const wrt = names.map((each) => b.value(each));
    for (const [i, gradient] of backward(b, loss, wrt).entries())
      b.output(gradient, `gradient ${i}`);
    const graph = b.build();
    const feeds = { [x]: imageOf(input, range) };
    const run = async (initializers: ReadonlyMap<string, Tensor>) =>
      (await runtime.load(model({ ...graph, initializers }, {}, b.opset))).run(feeds);
    const results = await run(graph.initializers);
    const gradients = names.map((_, i) => results[`gradient ${i}`]?.data as Float32Array);
    const squares = gradients.map((each) => each.reduce((sum, value) => sum + value * value, 0));
    const length = Math.sqrt(squares.reduce((sum, each) => sum + each, 0));
    // A step along the gradient changes the loss by its length times the gradient's.
    const step = (0.002 * (results['loss']?.data[0] as number)) / length;
    const moved = (by: number): ReadonlyMap<string, Tensor> =>
      new Map(
        [...graph.initializers].map(([each, data]) => {
          const gradient = gradients[names.indexOf(each)];
          if (!gradient || !hasDType(data, 'float32')) return [each, data];
          const shift = (value: number, i: number) => value + (by / length) * (gradient[i] ?? 0);
          return [each, { ...data, data: data.data.map(shift) }];
        }),
      );
    const [up, down] = [await run(moved(step)), await run(moved(-step))];
    const slope = (Number(up['loss']?.data[0]) - Number(down['loss']?.data[0])) / (2 * step);
    expect(slope / length).toBeCloseTo(1, 2);
  });
});
