/** Shape rules that many operators share. */
import { ShapeError } from '../errors.js';
import type { TensorType } from '../graph/graph.js';
import type { InferContext } from '../graph/op-rules.js';
import { type DType, isFloat } from '../tensor/dtype.js';
import { broadcastShapes, type Dim, normalizeAxis, type Shape } from '../tensor/shape.js';

type Infer = (context: InferContext<never>) => TensorType;

/** The type of the first input. */
export const same: Infer = ({ input }) => input(0);

const kinds = {
  'a float': isFloat,
  'a number': (dtype: DType) => dtype !== 'bool' && dtype !== 'string',
  bool: (dtype: DType) => dtype === 'bool',
};

/** @throws ShapeError where the dtype is not of this kind. */
function check(kind: keyof typeof kinds, type: TensorType): TensorType {
  if (kinds[kind](type.dtype)) return type;
  throw new ShapeError(`dtype must be ${kind}, got ${type.dtype}. Cast it first.`, {
    expected: kind,
    actual: type.dtype,
  });
}

/** @throws ShapeError where the dtype is no float. */
export const checkFloat = (type: TensorType): TensorType => check('a float', type);
/** @throws ShapeError where the dtype is bool or string. */
export const checkNumber = (type: TensorType): TensorType => check('a number', type);
/** @throws ShapeError where the dtype is not bool. */
export const checkBool = (type: TensorType): TensorType => check('bool', type);

/** The type of the first input, a float. */
export const sameFloat: Infer = ({ input }) => checkFloat(input(0));
/** The type of the first input, a float or an integer. */
export const sameNumber: Infer = ({ input }) => checkNumber(input(0));

/** All inputs broadcast together; they must share a dtype. */
export const broadcast: Infer = ({ inputs, input }) => {
  const types = inputs.map((_, i) => input(i));
  const dtype = input(0).dtype;
  for (const type of types)
    if (type.dtype !== dtype)
      throw new ShapeError(
        `inputs must share a dtype, got ${types.map((t) => t.dtype).join(' and ')}`,
        {
          expected: dtype,
          actual: type.dtype,
        },
      );
  return { dtype, shape: broadcastShapes(...types.map((type) => type.shape)) };
};

/** As `broadcast`, for floats and integers. */
export const broadcastNumbers: Infer = (context) => checkNumber(broadcast(context));

/** As `broadcast`, for booleans. */
export const broadcastBools: Infer = (context) => checkBool(broadcast(context));

/** Two inputs of one dtype broadcast together into booleans. */
export const comparison: Infer = (context) => ({ dtype: 'bool', shape: broadcast(context).shape });

/** As `comparison`, for floats and integers. */
export const ordering: Infer = (context) => {
  checkNumber(context.input(0));
  return comparison(context);
};

/** `axes` as non-negative numbers, ascending. @throws ShapeError where one is outside the rank or repeated. */
export function normalizeAxes(axes: readonly number[], rank: number): number[] {
  const normalized = axes.map((axis) => normalizeAxis(axis, rank)).sort((a, b) => a - b);
  normalized.forEach((axis, i) => {
    if (axis === normalized[i - 1]) throw new ShapeError(`axis ${axis} is given twice`);
  });
  return normalized;
}

/** `shape` with `axes` (normalised) removed, or set to 1. */
export function reducedShape(shape: Shape, axes: readonly number[], keepdims: boolean): Dim[] {
  return shape.flatMap((dim, i) => (axes.includes(i) ? (keepdims ? [1] : []) : [dim]));
}
