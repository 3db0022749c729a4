/** Reading and writing slices by index vectors, which are the last axis of the indices. */
import { GradientError, ShapeError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { type InferContext, reshaped } from '../graph/op-rules.js';
import { type Dim, formatShape, type Shape, sizeOf } from '../tensor/shape.js';
import { scalar, type Tensor, toNumbers } from '../tensor/tensor.js';
import type { Builder } from './builder.js';
import { indices } from './cases.js';
import { dimsOf, equalDims, sameDType } from './dims.js';
import { reshapedTo, zerosOf } from './emit.js';
import { int, type Op, string } from './op.js';

/** What lies at the places that the indices name: (...indices but the last axis, ...rest of data). */
function slicesOf({ input }: Pick<InferContext, 'input'>, batch: number): Dim[] {
  const [data, at] = [input(0).shape, input(1)];
  if (at.dtype !== 'int64')
    throw new ShapeError(`indices must be int64, got ${at.dtype}. Cast them`, {
      actual: at.dtype,
    });
  const depth = at.shape.at(-1);
  if (typeof depth !== 'number' || batch < 0 || batch >= Math.min(data.length, at.shape.length))
    throw new ShapeError(
      `indices ${formatShape(at.shape)} must end in a known number of axes of data ${formatShape(data)}, after ${batch} common ones`,
      { actual: at.shape },
    );
  if (depth < 1 || batch + depth > data.length)
    throw new ShapeError(
      `index vectors hold ${depth} numbers, for ${data.length - batch} axes of data ${formatShape(data)}`,
      { expected: data.length - batch, actual: depth },
    );
  for (let axis = 0; axis < batch; axis++)
    equalDims(data[axis] ?? 1, at.shape[axis] ?? 1, `dimensions ${axis} of data and indices`);
  return [...at.shape.slice(0, -1), ...data.slice(batch + depth)];
}

/** Attributes of GatherND. */
export interface GatherNdAttributes {
  /** How many first axes data and indices have in common. */
  readonly batch_dims: number;
}

/** Slices of `data`; their gradients are added up where they came from. */
export const GatherND: Op<['data', 'indices'], GatherNdAttributes> = {
  inputs: ['data', 'indices'],
  attributes: { batch_dims: int(0) },
  infer: (context) => reshaped(context.input(0), slicesOf(context, context.attributes.batch_dims)),
  gradient({ b, x: [x, at], dy, attributes: { batch_dims } }) {
    const whole = withBatch(b, at, batch_dims);
    const nothing = zerosOf(b, dy.dtype, dimsOf(x));
    return [b.ScatterND(nothing, whole, dy, { reduction: 'add' }), null];
  },
  cases: [
    { inputs: [[3, 4], indices([2, 2], [0, 1, -1, 3])] },
    { inputs: [[3, 4], indices([3, 1], [2, 0, 2])] },
    { inputs: [[2, 3, 2], indices([2, 1], [1, -3])], attributes: { batch_dims: 1 } },
    {
      inputs: [[2, 2, 3], indices([2, 2, 2, 1], [0, 1, 2, 2, -1, 0, 1, 1])],
      attributes: { batch_dims: 2 },
    },
  ],
};

/** Index vectors that begin with their own place on the common axes. */
function withBatch(b: Builder, at: Value, batch: number): Value {
  const dims = dimsOf(at).slice(0, -1);
  const number = (value: number): Value => b.constant(scalar('int64', value));
  const places = dims.slice(0, batch).map((dim, axis) => {
    const steps = b.Range(number(0), number(dim), number(1));
    const along = reshapedTo(
      b,
      steps,
      [...dims, 1].map((_, i) => (i === axis ? dim : 1)),
    );
    return b.Expand(along, [...dims, 1]);
  });
  return places.length === 0 ? at : b.Concat(...places, at, { axis: -1 });
}

/** Attributes of ScatterND. */
export interface ScatterNdAttributes {
  readonly reduction: string;
}

/** `data` with slices written at the places that the indices name, or combined with what is there by `reduction`. */
export const ScatterND: Op<['data', 'indices', 'updates'], ScatterNdAttributes> = {
  inputs: ['data', 'indices', 'updates'],
  attributes: { reduction: string('none') },
  infer(context) {
    const { input, attributes } = context;
    const slices: Shape = slicesOf(context, 0);
    sameDType(input(0), input(2));
    const { shape } = input(2);
    if (shape.length !== slices.length)
      throw new ShapeError(`updates must be ${formatShape(slices)}, got ${formatShape(shape)}`, {
        expected: slices,
        actual: shape,
      });
    slices.forEach((dim, i) => {
      equalDims(dim, shape[i] ?? 1, `dimensions ${i} of the slices and updates`);
    });
    if (!['none', 'add', 'mul', 'max', 'min'].includes(attributes.reduction))
      throw new ShapeError(`unknown reduction "${attributes.reduction}"`, {
        actual: attributes.reduction,
      });
    return input(0);
  },
  gradient({ b, x: [data, at, updates], dy, needs, constant, attributes: { reduction } }) {
    switch (reduction) {
      case 'add':
        return [dy, null, b.GatherND(dy, at)];
      case 'none': {
        // What is written over no longer counts. Where a place occurs twice ONNX does not say which update stays.
        const nothing = zerosOf(b, dy.dtype, dimsOf(updates));
        return [b.ScatterND(dy, at, nothing), null, b.GatherND(dy, at)];
      }
      case 'mul': {
        if (needs[2]) checkDistinct(constant(1), dimsOf(data));
        const dx = b.ScatterND(dy, at, updates, { reduction });
        return [dx, null, b.GatherND(b.Mul(dy, data), at)];
      }
      default:
        throw new GradientError(
          `the gradient of reduction "${reduction}" is not known. Use "add", or "none" with distinct indices`,
          { op: 'ScatterND', actual: reduction },
        );
    }
  },
  cases: [
    { inputs: [[4, 2], indices([2, 1], [3, 0]), [2, 2]] },
    { inputs: [[3, 3], indices([2, 2], [0, -1, 2, 1]), [2]] },
    { inputs: [[3, 2], indices([3, 1], [1, 1, -1]), [3, 2]], attributes: { reduction: 'add' } },
    { inputs: [[2, 3], indices([2, 2], [0, 1, 1, -1]), [2]], attributes: { reduction: 'mul' } },
  ],
};

/**
 * As for ScatterElements: with two updates at one place each has the other in its gradient.
 * @throws GradientError where the places are not known, or one occurs twice.
 */
function checkDistinct(at: Tensor | null, dims: readonly number[]): void {
  const message = 'the gradient of reduction "mul" by updates needs indices that are constant';
  if (!at) throw new GradientError(`${message}, but they are computed`);
  const depth = at.dims.at(-1) ?? 1;
  const numbers = toNumbers(at);
  const places = Array.from({ length: sizeOf(at.dims) / depth }, (_, i) =>
    numbers
      .slice(i * depth, (i + 1) * depth)
      .map((index, axis) => (index < 0 ? index + (dims[axis] ?? 1) : index))
      .join(),
  );
  if (new Set(places).size < places.length)
    throw new GradientError(`${message} and distinct, but some occur twice`);
}
