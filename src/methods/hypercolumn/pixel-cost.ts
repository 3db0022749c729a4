/** The cost of a classifier of pixels over all its examples, and its gradient, as one graph that a runtime runs. */
import { differentiate } from '../../autodiff/differentiate.js';
import { ModelError } from '../../errors.js';
import type { Value } from '../../graph/graph.js';
import { builder } from '../../ops/builder.js';
import type { Feeds, Runtime, Session, SessionOptions } from '../../runtime/runtime.js';
import { hasDType, type Tensor, tensor, zeros } from '../../tensor/tensor.js';
import type { PixelLayer } from './pixel-head.js';

/** (outputs, inputs) of a layer. */
export type LayerShape = readonly [outputs: number, inputs: number];

/** What a cost is computed of. */
export interface CostOptions {
  readonly runtime: Runtime;
  readonly session?: SessionOptions | undefined;
  readonly shapes: readonly LayerShape[];
  /** Times the squared weights is added. */
  readonly penalty: number;
  /** float32 (count, features) */
  readonly x: Tensor<'float32'>;
  /** float32 (count, classes): the weight of each example in the column of its class, 0 elsewhere. */
  readonly targets: Tensor<'float32'>;
}

/** A function of all weights and biases, one behind the other: layer by layer, each its weights, then its biases. */
export interface PixelCost {
  /** @param gradient written over */
  at(point: Float64Array, gradient: Float64Array): Promise<number>;
  /** The cross-entropy alone, and the scores' logarithms of probabilities, float32 (count, classes). */
  look(point: Float64Array): Promise<{
    readonly loss: number;
    readonly logProbabilities: Float32Array;
  }>;
}

/** Makes the graph and loads it. */
export async function pixelCost(options: CostOptions): Promise<PixelCost> {
  const { runtime, session, shapes, x, targets } = options;
  const { model, gradients } = costModel(options);
  const network: Session = await runtime.load(model, session);
  const parameters = shapes.flatMap((shape, i) => {
    const [weights, bias] = namesOf(i);
    return [
      [weights, zeros('float32', shape)] as const,
      [bias, zeros('float32', shape.slice(0, 1))] as const,
    ];
  });
  const feeds: Feeds = { x, targets, ...Object.fromEntries(parameters) };
  const into: Record<string, Tensor<'float32'>> = { cost: zeros('float32', []) };
  for (const [name, { dims }] of parameters) into[gradients[name] ?? ''] = zeros('float32', dims);
  const place = (point: Float64Array): void => {
    let at = 0;
    for (const [, { data }] of parameters) {
      data.set(point.subarray(at, at + data.length));
      at += data.length;
    }
  };
  return {
    async at(point, gradient) {
      place(point);
      const results = await network.run(feeds, into);
      let at = 0;
      for (const [name] of parameters) {
        const { data } = floats(results, gradients[name] ?? '');
        gradient.set(data, at);
        at += data.length;
      }
      return floats(results, 'cost').data[0] ?? Number.NaN;
    },
    async look(point) {
      place(point);
      const results = await network.run(feeds);
      return {
        loss: floats(results, 'loss').data[0] ?? Number.NaN,
        logProbabilities: floats(results, 'logProbabilities').data,
      };
    },
  };
}

const namesOf = (layer: number) => [`layer${layer}.weights`, `layer${layer}.bias`] as const;

function costModel({ shapes, penalty, x: { dims }, targets }: CostOptions) {
  const b = builder();
  let x = b.input('x', 'float32', dims);
  const squares: Value[] = [];
  shapes.forEach(([outputs, inputs], i) => {
    const [weights, bias] = namesOf(i);
    const w = b.input(weights, 'float32', [outputs, inputs]);
    x = b.Gemm(i === 0 ? x : b.Relu(x), w, b.input(bias, 'float32', [outputs]), { transB: 1 });
    squares.push(b.ReduceSum(b.Mul(w, w), null, { keepdims: 0 }));
  });
  const logProbabilities = b.LogSoftmax(x, { axis: 1 });
  const right = b.Mul(b.input('targets', 'float32', targets.dims), logProbabilities);
  const loss = b.Neg(b.ReduceSum(right, null, { keepdims: 0 }));
  b.output(logProbabilities, 'logProbabilities');
  b.output(loss, 'loss');
  b.output(
    squares.reduce((sum, each) => b.Add(sum, b.Mul(each, penalty)), loss),
    'cost',
  );
  const wanted = shapes.flatMap((_, i) => [...namesOf(i)]);
  return differentiate(b.build('pixels'), { loss: 'cost', with: wanted });
}

function floats(results: Feeds, name: string): Tensor<'float32'> {
  const found = results[name];
  if (found && hasDType(found, 'float32')) return found;
  throw new ModelError(`the runtime gave no "${name}"`, { actual: name });
}

/** All numbers of the layers, one behind the other. */
export function packed(layers: readonly PixelLayer[]): Float64Array {
  const parts = layers.flatMap(({ weights, bias }) => [weights.data, bias.data]);
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The layers of numbers that are one behind the other. */
export function unpacked(point: Float64Array, shapes: readonly LayerShape[]): PixelLayer[] {
  let at = 0;
  const take = (count: number): Float32Array<ArrayBuffer> => {
    at += count;
    return Float32Array.from(point.subarray(at - count, at));
  };
  return shapes.map(([outputs, inputs]) => ({
    weights: tensor('float32', [outputs, inputs], take(outputs * inputs)),
    bias: tensor('float32', [outputs], take(outputs)),
  }));
}
