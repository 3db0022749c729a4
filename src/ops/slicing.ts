/** Joining and cutting along axes. */
import { ShapeError } from '../errors.js';
import { type InferContext, reshaped } from '../graph/op-rules.js';
import { type Dim, formatShape, normalizeAxis, type Shape, stridesOf } from '../tensor/shape.js';
import { toNumbers } from '../tensor/tensor.js';
import { list } from './cases.js';
import { cutDim, cuts, far, numbersAt, resolve, unknownCut, unslice } from './cut.js';
import { addDims, dimsOf, divideDims, equalDims, nameOf, sameDType, unknownDims } from './dims.js';
import { knownNumbers, zerosOf } from './emit.js';
import { int, type Op, required } from './op.js';
import { flatIndex, joined, rearrange } from './rearrange.js';
import type { FieldContext, FieldResult } from './receptive-field.js';
import { besideField, eachAxis } from './receptive-field-rules.js';

export const Concat: Op<['inputs...'], { readonly axis: number }> = {
  inputs: ['inputs...'],
  attributes: { axis: required(int()) },
  infer({ inputs, input, attributes }) {
    const first = input(0);
    const types = inputs.map((_, i) => input(i));
    const axis = normalizeAxis(attributes.axis, first.shape.length);
    let shape: Shape = first.shape;
    for (const type of types) {
      sameDType(first, type);
      if (type.shape.length !== shape.length)
        throw new ShapeError(
          `inputs must share a rank, got ${shape.length} and ${type.shape.length}`,
          { expected: shape.length, actual: type.shape.length },
        );
      shape = shape.map((dim, i) =>
        i === axis ? dim : equalDims(dim, type.shape[i] ?? 1, `dimensions ${i} of the inputs`),
      );
    }
    const total = addDims(types.map((type) => type.shape[axis] ?? 0));
    return reshaped(
      first,
      shape.map((dim, i) => (i === axis ? total : dim)),
    );
  },
  field: (context) => besideField(context, context.attributes.axis),
  evaluate: (parts, { axis }) => joined(parts, normalizeAxis(axis, parts[0]?.dims.length ?? 0)),
  gradient({ b, x, dy, attributes }) {
    if (x.length === 1) return [dy];
    const axis = normalizeAxis(attributes.axis, dy.shape.length);
    const sizes = x.map((part) => dimsOf(part)[axis] ?? 0);
    return b.node('Split', [dy, sizes], { axis }, { count: x.length });
  },
  cases: [
    {
      inputs: [
        [2, 3],
        [1, 3],
      ],
      attributes: { axis: 0 },
    },
    {
      inputs: [
        [2, 1],
        [2, 3],
        [2, 2],
      ],
      attributes: { axis: -1 },
    },
    { inputs: [[2, 3]], attributes: { axis: 1 } },
  ],
};

/** Attributes of Split. */
export interface SplitAttributes {
  readonly axis: number;
  readonly num_outputs: number | undefined;
}

/** Sizes of the parts: as stated, or equal with a smaller last one. */
function splitSizes(context: InferContext<SplitAttributes>, dim: Dim): Dim[] {
  const { outputs, opset, inputs, constant } = context;
  const sizes = constant(1);
  if (sizes) {
    const known = toNumbers(sizes);
    const total = known.reduce((a, c) => a + c, 0);
    if (known.length !== outputs || (typeof dim === 'number' && total !== dim))
      throw new ShapeError(
        `split ${formatShape(known)} must hold ${outputs} sizes that add up to ${dim}`,
        { expected: dim, actual: known },
      );
    return known;
  }
  if (inputs[1]) return unknownDims(nameOf(inputs[1]), outputs);
  if (opset >= 18 && context.attributes.num_outputs !== outputs)
    throw new ShapeError(
      `give split, or num_outputs equal to the ${outputs} outputs, got ${context.attributes.num_outputs ?? 'neither'}`,
      { expected: outputs, actual: context.attributes.num_outputs },
    );
  if (typeof dim === 'string') return Array(outputs).fill(divideDims([dim], [outputs]));
  const part = Math.ceil(dim / outputs);
  const rest = dim - part * (outputs - 1);
  // The last part may be smaller, but not empty.
  if (rest < Math.min(part, 1) || (opset < 18 && rest !== part))
    throw new ShapeError(`dimension ${dim} does not split into ${outputs} parts. Give split`, {
      expected: outputs,
      actual: dim,
    });
  return Array.from({ length: outputs }, (_, i) => (i === outputs - 1 ? rest : part));
}

export const Split: Op<['input', 'split?'], SplitAttributes> = {
  inputs: ['input', 'split?'],
  outputs: ['outputs...'],
  attributes: { axis: int(0), num_outputs: int() },
  infer(context) {
    const type = context.input(0);
    const axis = normalizeAxis(context.attributes.axis, type.shape.length);
    return splitSizes(context, type.shape[axis] ?? 1).map((size) =>
      reshaped(
        type,
        type.shape.map((dim, i) => (i === axis ? size : dim)),
      ),
    );
  },
  field: (context) => besideField(context, context.attributes.axis),
  gradient({ b, x: [x], ys, dys, attributes: { axis } }) {
    if (dys.length === 1) return [dys[0] ?? null, null];
    const parts = dys.map((dy, i) => dy ?? zerosOf(b, x.dtype, dimsOf(ys[i] ?? x)));
    return [b.Concat(...parts, { axis }), null];
  },
  cases: [
    { inputs: [[2, 6]], attributes: { axis: 1, num_outputs: 3 }, outputs: 3 },
    { inputs: [[2, 5]], attributes: { axis: -1, num_outputs: 2 }, outputs: 2 },
    { inputs: [[4, 2], list(1, 2, 1)], outputs: 3 },
    { inputs: [[3, 2]], attributes: { num_outputs: 1 }, outputs: 1 },
  ],
};

export const Slice: Op<['data', 'starts', 'ends', 'axes?', 'steps?'], object> = {
  inputs: ['data', 'starts', 'ends', 'axes?', 'steps?'],
  attributes: {},
  infer(context) {
    const { shape } = context.input(0);
    const lists = numbersAt(context);
    if (lists.some((list, i) => !list && context.inputs[i + 1]))
      return reshaped(context.input(0), unknownCut(context, shape));
    const dims = [...shape];
    for (const cut of cuts(shape.length, lists)) dims[cut.axis] = cutDim(dims[cut.axis] ?? 1, cut);
    return reshaped(context.input(0), dims);
  },
  field: slicedField,
  evaluate([data, ...lists]) {
    if (!data) return null;
    const all = cuts(data.dims.length, lists.map(toNumbers));
    const dims = [...data.dims];
    const strides = stridesOf(data.dims);
    let origin = 0;
    const moved = [...strides];
    for (const cut of all) {
      const { first, length } = resolve(data.dims[cut.axis] ?? 1, cut);
      dims[cut.axis] = length;
      origin += first * (strides[cut.axis] ?? 1);
      moved[cut.axis] = cut.step * (strides[cut.axis] ?? 1);
    }
    return rearrange(data, dims, (position) => origin + flatIndex(position, moved));
  },
  gradient({ b, x: [x, , , axes, steps], dy, constant }) {
    const numbers = (i: number, what: string) => knownNumbers(constant(i), what);
    const all = cuts(x.shape.length, [
      numbers(1, 'starts'),
      numbers(2, 'ends'),
      axes && numbers(3, 'axes'),
      steps && numbers(4, 'steps'),
    ]);
    return [unslice(b, dy, dimsOf(x), all), null, null, null, null];
  },
  cases: [
    { inputs: [[4, 3], list(1), list(3)] },
    { inputs: [[4, 5], list(0, -3), list(2, 99), list(0, -1)] },
    { inputs: [[7, 2], list(1), list(99), list(0), list(2)] },
    { inputs: [[7, 5], list(0, 1), list(7, 5), list(0, 1), list(3, 2)] },
    { inputs: [[5, 2], list(-1), list(-far), list(0), list(-1)] },
    { inputs: [[7, 3], list(5, -1), list(0, 0), list(0, 1), list(-2, -1)] },
    { inputs: [[6], list(4), list(5), list(0), list(-3)] },
    { inputs: [[5, 2], list(3), list(1)] },
  ],
};

/** A slice begins at another pixel, and by steps it skips some. */
function slicedField(context: FieldContext): FieldResult {
  const { fields, inputs, output } = context;
  const [field, ...others] = fields;
  const lists = numbersAt(context);
  const isKnown = lists.every((list, i) => list || !inputs[i + 1]);
  if (!field || !isKnown || others.some((other) => other)) return 'unknown';
  const { shape = [] } = inputs[0] ?? {};
  const all = cuts(shape.length, lists);
  return eachAxis(field, (axis) => {
    const cut = all.find((each) => each.axis === axis.axis);
    if (!cut || axis.axis === null) return axis;
    const [dim, count] = [shape[axis.axis], output.shape[axis.axis]];
    // From the beginning on, the size does not matter.
    const isFree = cut.start >= 0 && cut.step > 0;
    if ((typeof dim !== 'number' && !isFree) || axis.merged) return null;
    const first = typeof dim === 'number' ? resolve(dim, cut).first : cut.start;
    return {
      ...axis,
      offset: axis.offset + first * axis.stride,
      stride: axis.stride * cut.step,
      count: typeof count === 'number' ? count : null,
    };
  });
}
