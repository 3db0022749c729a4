/** Operators that only move elements into another shape; their gradients move them back. */
import { ShapeError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { type InferContext, reshaped } from '../graph/op-rules.js';
import { type Dim, formatShape, normalizeAxis, type Shape, stridesOf } from '../tensor/shape.js';
import { toNumbers } from '../tensor/tensor.js';
import { list } from './cases.js';
import { dimsOf, divideDims, lengthOf, multiplyDims, nameOf, unknownDims } from './dims.js';
import { reshapedTo } from './emit.js';
import { normalizeAxes } from './infer.js';
import { type GradientContext, int, ints, type Op } from './op.js';
import { flatIndex, rearrange, withDims } from './rearrange.js';
import { reshapedField, transposedField } from './receptive-field-rules.js';

interface Context extends Pick<GradientContext<[], unknown>, 'b' | 'dy'> {
  readonly x: readonly [Value, ...unknown[]];
}

/** dx is dy in x's shape; the second input is a list of numbers. */
const back = ({ b, x, dy }: Context): [Value, null] => [reshapedTo(b, dy, dimsOf(x[0])), null];

const isSize = (dim: number): boolean => Number.isInteger(dim) && dim >= -1;

/** The shape that Reshape gives: 0 copies a dimension unless `allowzero`, -1 takes what is left. */
function reshapedDims(from: Shape, wanted: Shape, allowzero: number): Dim[] {
  const sentence = `${formatShape(from)} cannot become ${formatShape(wanted)}`;
  const open = wanted.filter((dim) => dim === -1).length;
  if (open > 1 || !wanted.every((dim) => typeof dim === 'string' || isSize(dim)))
    throw new ShapeError(`${sentence}: one dimension may be -1, the others must be sizes`, {
      actual: wanted,
    });
  const dims = wanted.map((dim, i): Dim => {
    if (dim !== 0 || allowzero) return dim;
    const copied = from[i];
    if (copied === undefined)
      throw new ShapeError(`${sentence}: 0 copies dimension ${i}, which is not there`);
    return copied;
  });
  const given = dims.filter((dim) => dim !== -1);
  if (open > 0 && given.includes(0))
    throw new ShapeError(`${sentence}: beside a dimension of 0 nothing tells what -1 is`);
  const rest = given.includes(0) ? (from.includes(0) ? 1 : null) : divideDims(from, given);
  if (rest === null || (open === 0 && typeof rest === 'number' && rest !== 1))
    throw new ShapeError(`${sentence}: the number of elements differs`, {
      expected: from,
      actual: wanted,
    });
  return dims.map((dim) => (dim === -1 ? rest : dim));
}

export const Reshape: Op<['data', 'shape'], { readonly allowzero: number }> = {
  inputs: ['data', 'shape'],
  attributes: { allowzero: int(0) },
  infer({ input, dims, attributes: { allowzero } }) {
    const shape = dims(1);
    if (shape) return reshaped(input(0), reshapedDims(input(0).shape, shape, allowzero));
    const expression = `reshape(${nameOf(input(0))}, ${nameOf(input(1))})`;
    return reshaped(input(0), unknownDims(expression, lengthOf(input(1), 'shape')));
  },
  field: reshapedField,
  evaluate: ([data, shape], { allowzero }) =>
    data && shape
      ? withDims(data, reshapedDims(data.dims, toNumbers(shape), allowzero) as number[])
      : null,
  gradient: back,
  cases: [
    { inputs: [[2, 6], list(3, 2, 2)] },
    { inputs: [[2, 3, 4], list(0, -1)] },
    { inputs: [[1, 1], list()] },
    {
      inputs: [[2, 6], list(-1, 4)],
      attributes: { allowzero: 1 },
    },
  ],
};

export const Flatten: Op<['input'], { readonly axis: number }> = {
  inputs: ['input'],
  attributes: { axis: int(1) },
  infer({ input, attributes: { axis } }) {
    const { shape } = input(0);
    // The axis may lie behind the last dimension: then all of them are rows.
    const split = axis === shape.length ? axis : normalizeAxis(axis, shape.length);
    return reshaped(input(0), [
      multiplyDims(shape.slice(0, split)),
      multiplyDims(shape.slice(split)),
    ]);
  },
  field: reshapedField,
  gradient: ({ b, x: [x], dy }) => [reshapedTo(b, dy, dimsOf(x))],
  cases: [
    { inputs: [[2, 3, 2]] },
    { inputs: [[2, 3, 2]], attributes: { axis: 0 } },
    { inputs: [[2, 3, 2]], attributes: { axis: -1 } },
    { inputs: [[2, 3]], attributes: { axis: 2 } },
    { inputs: [[]], attributes: { axis: 0 } },
  ],
};

/** The order of axes; reversed unless stated. @throws ShapeError where it is no permutation. */
function permutation(perm: readonly number[] | undefined, rank: number): readonly number[] {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  if (!perm) return axes.reverse();
  if (perm.length !== rank || axes.some((axis) => !perm.includes(axis)))
    throw new ShapeError(`perm ${formatShape(perm)} is no order of ${rank} axes`, {
      expected: axes,
      actual: perm,
    });
  return perm;
}

export const Transpose: Op<['data'], { readonly perm: readonly number[] | undefined }> = {
  inputs: ['data'],
  attributes: { perm: ints() },
  infer({ input, attributes: { perm } }) {
    const { shape } = input(0);
    return reshaped(
      input(0),
      permutation(perm, shape.length).map((axis) => shape[axis] ?? 1),
    );
  },
  field: ({ fields: [field], inputs: [x], attributes: { perm } }) =>
    field && x ? transposedField(field, permutation(perm, x.shape.length)) : 'unknown',
  evaluate([data], { perm }) {
    if (!data) return null;
    const order = permutation(perm, data.dims.length);
    const strides = stridesOf(data.dims);
    const moved = order.map((axis) => strides[axis] ?? 1);
    return rearrange(
      data,
      order.map((axis) => data.dims[axis] ?? 1),
      (position) => flatIndex(position, moved),
    );
  },
  gradient({ b, x: [x], dy, attributes: { perm } }) {
    const order = permutation(perm, x.shape.length);
    return [b.Transpose(dy, { perm: order.map((_, axis) => order.indexOf(axis)) })];
  },
  cases: [
    { inputs: [[2, 3]] },
    { inputs: [[2, 3, 4]], attributes: { perm: [1, 2, 0] } },
    { inputs: [[2, 1, 3, 2]], attributes: { perm: [0, 2, 3, 1] } },
    { inputs: [[]] },
  ],
};

/** The axes as an attribute, as operator sets before 13 have them. */
export interface AxesAttribute {
  readonly axes: readonly number[] | undefined;
}

/** Axes as an input, as since operator set 13, or as the attribute that they were before. */
function axesOf({ inputs, numbers, attributes }: InferContext<AxesAttribute>) {
  return inputs[1] ? numbers(1) : attributes.axes;
}

function squeezedShape(shape: Shape, given: readonly number[] | undefined): Dim[] {
  // Runtimes take an empty list for none.
  if (!given?.length) {
    const unknown = shape.find((dim) => typeof dim === 'string');
    if (unknown !== undefined)
      throw new ShapeError(
        `without axes every dimension of 1 goes, but the size of ${unknown} is not known. Give axes`,
        { actual: shape },
      );
    return shape.filter((dim) => dim !== 1);
  }
  const axes = normalizeAxes(given, shape.length);
  for (const axis of axes) {
    const dim = shape[axis];
    if (typeof dim === 'number' && dim !== 1)
      throw new ShapeError(`dimension ${axis} of ${formatShape(shape)} is ${dim}, not 1`, {
        expected: 1,
        actual: dim,
      });
  }
  return shape.filter((_, axis) => !axes.includes(axis));
}

export const Squeeze: Op<['data', 'axes?'], AxesAttribute> = {
  inputs: ['data', 'axes?'],
  attributes: { axes: ints() },
  infer: (context) =>
    reshaped(context.input(0), squeezedShape(context.input(0).shape, axesOf(context))),
  field: reshapedField,
  evaluate: ([data, axes], attributes) =>
    data
      ? withDims(
          data,
          squeezedShape(data.dims, axes ? toNumbers(axes) : attributes.axes) as number[],
        )
      : null,
  gradient: back,
  cases: [
    { inputs: [[1, 3, 1], list(0, -1)] },
    { inputs: [[2, 1, 3], list(1)] },
    { inputs: [[1, 3, 1]] },
  ],
};

function unsqueezedShape(shape: Shape, given: readonly number[] | undefined): Dim[] {
  if (!given) throw new ShapeError('missing axes: say where the new dimensions go');
  const rank = shape.length + given.length;
  const axes = normalizeAxes(given, rank);
  const old = shape[Symbol.iterator]();
  return Array.from({ length: rank }, (_, axis) =>
    axes.includes(axis) ? 1 : (old.next().value ?? 1),
  );
}

export const Unsqueeze: Op<['data', 'axes?'], AxesAttribute> = {
  inputs: ['data', 'axes?'],
  attributes: { axes: ints() },
  infer: (context) =>
    reshaped(context.input(0), unsqueezedShape(context.input(0).shape, axesOf(context))),
  field: reshapedField,
  evaluate: ([data, axes], attributes) =>
    data
      ? withDims(
          data,
          unsqueezedShape(data.dims, axes ? toNumbers(axes) : attributes.axes) as number[],
        )
      : null,
  gradient: back,
  cases: [
    { inputs: [[3, 2], list(0)] },
    { inputs: [[3, 2], list(-1, 1)] },
    { inputs: [[], list(0)] },
  ],
};
