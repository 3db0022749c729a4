/** Values that come from shapes, attributes or numbers rather than from data. */
import { ShapeError } from '../errors.js';
import type { TensorType } from '../graph/graph.js';
import { isFloat } from '../tensor/dtype.js';
import { type Dim, sizeOf } from '../tensor/shape.js';
import { scalar, type Tensor, tensor, toNumbers, zeros } from '../tensor/tensor.js';
import { lengthOf, nameOf, sameDType, unknownDims } from './dims.js';
import { float, floats, int, ints, none, type Op, tensorAttribute, zero } from './op.js';
import { independent } from './receptive-field-rules.js';

/** Attributes of Shape. */
export interface ShapeAttributes {
  readonly start: number;
  readonly end: number | undefined;
}

/** The dimensions of its input from `start` to `end`, which clamp like a slice's. */
export const Shape: Op<['data'], ShapeAttributes> = {
  inputs: ['data'],
  attributes: { start: int(0), end: int() },
  infer: ({ input, attributes: { start, end } }) => ({
    dtype: 'int64',
    shape: [input(0).shape.slice(start, end).length],
  }),
  evaluate([data], { start, end }) {
    const dims = data?.dims.slice(start, end);
    return dims ? tensor('int64', [dims.length], dims) : null;
  },
  field: independent,
  gradient: zero('a shape does not depend on the values'),
  cases: [{ inputs: [[2, 3, 4]] }, { inputs: [[2, 3, 4]], attributes: { start: -2, end: 9 } }],
};

export const Size: Op<['data'], object> = {
  inputs: ['data'],
  attributes: {},
  infer: () => ({ dtype: 'int64', shape: [] }),
  evaluate: ([data]) => (data ? tensor('int64', [], [sizeOf(data.dims)]) : null),
  field: independent,
  gradient: zero('a size does not depend on the values'),
  cases: [{ inputs: [[2, 3]] }],
};

/** Attributes of Constant: exactly one of them is given. */
export interface ConstantAttributes {
  readonly value: Tensor | undefined;
  readonly value_float: number | undefined;
  readonly value_floats: readonly number[] | undefined;
  readonly value_int: number | undefined;
  readonly value_ints: readonly number[] | undefined;
}

/** The one value that the attributes state. @throws ShapeError where there is none, or more than one. */
function stated(attributes: ConstantAttributes): Tensor {
  const { value, value_float, value_floats, value_int, value_ints } = attributes;
  const given: Tensor[] = [];
  if (value) given.push(value);
  if (value_float !== undefined) given.push(tensor('float32', [], [value_float]));
  if (value_floats) given.push(tensor('float32', [value_floats.length], value_floats));
  if (value_int !== undefined) given.push(tensor('int64', [], [value_int]));
  if (value_ints) given.push(tensor('int64', [value_ints.length], value_ints));
  const [only] = given;
  if (!only || given.length > 1)
    throw new ShapeError(
      `state one of value, value_float, value_floats, value_int and value_ints, got ${given.length}`,
      { expected: 1, actual: given.length },
    );
  return only;
}

const typeOf = ({ dtype, dims }: Tensor): TensorType => ({ dtype, shape: dims });

export const Constant: Op<[], ConstantAttributes> = {
  inputs: [],
  attributes: {
    value: tensorAttribute(),
    value_float: float(),
    value_floats: floats(),
    value_int: int(),
    value_ints: ints(),
  },
  infer: ({ attributes }) => typeOf(stated(attributes)),
  evaluate: (_, attributes) => stated(attributes),
  gradient: zero('a constant has no inputs'),
  cases: [
    { inputs: [], attributes: { value: tensor('float32', [2, 2], [1, 2, 3, 4]) } },
    { inputs: [], attributes: { value_float: 0.5 } },
    { inputs: [], attributes: { value_floats: [0.5, 2] } },
    { inputs: [], attributes: { value_int: 3 } },
    { inputs: [], attributes: { value_ints: [3, 4, 5] } },
  ],
};

/** Attributes of ConstantOfShape. */
export interface FillAttributes {
  readonly value: Tensor | undefined;
}

const filling = ({ value }: FillAttributes): Tensor => value ?? zeros('float32', [1]);

/** One value, float32 zero unless stated, in the shape that the input lists. */
export const ConstantOfShape: Op<['input'], FillAttributes> = {
  inputs: ['input'],
  attributes: { value: tensorAttribute() },
  field: independent,
  infer({ input, dims, attributes }) {
    const { dtype, data } = filling(attributes);
    if (data.length !== 1)
      throw new ShapeError(`value must hold one element, got ${data.length}`, {
        expected: 1,
        actual: data.length,
      });
    const shape = dims(0) ?? unknownDims(nameOf(input(0)), lengthOf(input(0), 'input'));
    const negative = shape.find((dim) => typeof dim === 'number' && dim < 0);
    if (negative !== undefined)
      throw new ShapeError(`input asks for a dimension of ${negative}`, { actual: shape });
    return { dtype, shape };
  },
  evaluate([dims], attributes) {
    if (!dims) return null;
    const shape = toNumbers(dims);
    const { dtype, data } = filling(attributes);
    // A large one would never be kept: it is no shape arithmetic.
    if (sizeOf(shape) > 4096) return null;
    const values = Array<number | bigint | string>(sizeOf(shape)).fill(data[0] ?? 0);
    return tensor(dtype, shape, values);
  },
  gradient: zero('its input is a shape'),
  cases: [
    { inputs: [{ fixed: tensor('int64', [2], [2, 3]) }] },
    {
      inputs: [{ fixed: tensor('int64', [1], [3]) }],
      attributes: { value: tensor('int64', [1], [7]) },
    },
  ],
};

/** How many steps of `delta` from `start` lie before `limit`. */
function steps([start, limit, delta]: readonly number[]): number {
  if (start === undefined || limit === undefined || !delta)
    throw new ShapeError(`start, limit and delta must be numbers and delta not 0, got ${delta}`);
  return Math.max(0, Math.ceil((limit - start) / delta));
}

const single = (data: Tensor): number => toNumbers(data)[0] ?? Number.NaN;

/** start, start + delta, … up to but not with limit. */
export const Range: Op<['start', 'limit', 'delta'], object> = {
  inputs: ['start', 'limit', 'delta'],
  attributes: {},
  infer({ input, constant }) {
    const known = [constant(0), constant(1), constant(2)];
    const type = input(0);
    for (const i of [1, 2]) sameDType(type, input(i));
    const all = known.every((data) => data !== null);
    const names = [0, 1, 2].map((i) => nameOf(input(i)));
    const length: Dim = all ? steps(known.map(single)) : `range(${names.join(', ')})`;
    return { dtype: type.dtype, shape: [length] };
  },
  evaluate([start, limit, delta]) {
    // Runtimes add float steps up, with their rounding; shape arithmetic is integers.
    if (!start || !limit || !delta || isFloat(start.dtype)) return null;
    const [first, step] = [single(start), single(delta)];
    const length = steps([first, single(limit), step]);
    if (length > 4096) return null;
    const values = Array.from({ length }, (_, i) => first + i * step);
    return tensor(start.dtype, [length], values);
  },
  gradient: none('its length is static only where its inputs are constants'),
  cases: [
    {
      inputs: [
        { fixed: scalar('int64', 2) },
        { fixed: scalar('int64', 9) },
        { fixed: scalar('int64', 3) },
      ],
    },
    {
      inputs: [
        { fixed: scalar('float32', 1) },
        { fixed: scalar('float32', -1) },
        { fixed: scalar('float32', -0.5) },
      ],
    },
  ],
};
