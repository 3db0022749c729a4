/** Choosing, comparing, logic and casts. Conditions are booleans, through which no gradient flows. */
import { OperatorError } from '../errors.js';
import { dataTypeName, dtypeOf } from '../onnx/dtypes.js';
import { isFloat } from '../tensor/dtype.js';
import { broadcastShapes } from '../tensor/shape.js';
import { type Tensor, tensor, toNumbers } from '../tensor/tensor.js';
import { sameDType } from './dims.js';
import { zip } from './evaluate.js';
import { broadcastBools, checkBool, checkFloat, comparison, ordering, same } from './infer.js';
import { castTo, filled } from './mask.js';
import { int, type Op, required, zero } from './op.js';
import { pointwise } from './receptive-field-rules.js';

type Pair = Op<['A', 'B'], object>;

const mask = tensor('bool', [2, 3], [1, 0, 1, 0, 0, 1]);
const row = tensor('bool', [3], [1, 0, 1]);
const holds = tensor('bool', [], [1]);

/** dx is dy where the condition holds, else zero; the other way round for y. */
export const Where: Op<['condition', 'X', 'Y'], object> = {
  inputs: ['condition', 'X', 'Y'],
  attributes: {},
  infer({ input }) {
    const [condition, x, y] = [checkBool(input(0)), input(1), input(2)];
    sameDType(x, y);
    return { dtype: x.dtype, shape: broadcastShapes(condition.shape, x.shape, y.shape) };
  },
  field: pointwise,
  evaluate: ([condition, x, y]) =>
    condition && x && y ? zip(x.dtype, [condition, x, y], (c, a, b) => (c ? a : b) ?? 0) : null,
  gradient({ b, x: [condition], dy }) {
    const none = filled(b, dy, 0);
    return [null, b.Where(condition, dy, none), b.Where(condition, none, dy)];
  },
  cases: [
    { inputs: [{ fixed: mask }, [2, 3], [2, 3]] },
    { inputs: [{ fixed: row }, [2, 3], []] },
    { inputs: [{ fixed: mask }, [], [3]] },
    { inputs: [{ fixed: row }, [2, 1], [4, 1, 3]] },
    { inputs: [{ fixed: holds }, [2, 1], [3]] },
  ],
};

const truth = (infer: Pair['infer'], cases: Pair['cases']): Pair => ({
  inputs: ['A', 'B'],
  attributes: {},
  infer,
  field: pointwise,
  gradient: zero('it gives booleans'),
  cases,
});

const compared: Pair['cases'] = [{ inputs: [[2, 3], [3]] }, { inputs: [[], [2, 1]] }];
const combined: Pair['cases'] = [{ inputs: [{ fixed: mask }, { fixed: row }] }];

export const Equal: Pair = {
  ...truth(comparison, compared),
  evaluate: ([a, b]) =>
    a && b && a.dtype === b.dtype ? zip('bool', [a, b], (left, right) => left === right) : null,
};
export const Greater = truth(ordering, compared);
export const GreaterOrEqual = truth(ordering, compared);
export const Less = truth(ordering, compared);
export const LessOrEqual = truth(ordering, compared);
export const And = truth(broadcastBools, combined);
export const Or = truth(broadcastBools, combined);
export const Xor = truth(broadcastBools, combined);

export const Not: Op<['X'], object> = {
  inputs: ['X'],
  attributes: {},
  infer: ({ input }) => checkBool(input(0)),
  field: pointwise,
  gradient: zero('it gives booleans'),
  cases: [{ inputs: [{ fixed: mask }] }],
};

const isKind = <A>(attributes: Op<['X'], A>['attributes']): Op<['X'], A> => ({
  inputs: ['X'],
  attributes,
  infer({ input }) {
    return { dtype: 'bool', shape: checkFloat(input(0)).shape };
  },
  field: pointwise,
  gradient: zero('it gives booleans'),
  cases: [{ inputs: [[2, 3]] }],
});

export const IsNaN = isKind<object>({});
export const IsInf = isKind<{
  readonly detect_negative: number;
  readonly detect_positive: number;
}>({ detect_negative: int(1), detect_positive: int(1) });

/** Attributes of Cast. */
export interface CastAttributes {
  /** Number of the ONNX enumeration: 1 is float32, 7 int64, 9 bool. */
  readonly to: number;
  /** Whether what float8 cannot hold becomes its largest number; since operator set 19, and for float8 alone. */
  readonly saturate: number;
}

/** Between floats dx is dy in x's dtype; from or to anything else no gradient flows. */
export const Cast: Op<['input'], CastAttributes> = {
  inputs: ['input'],
  attributes: { to: required(int()), saturate: int(1) },
  infer({ input, attributes: { to } }) {
    const dtype = dtypeOf(to);
    if (dtype) return { dtype, shape: input(0).shape };
    throw new OperatorError(`unsupported dtype ${dataTypeName(to)} to cast to`, { actual: to });
  },
  field: pointwise,
  evaluate: ([input], { to }) => (input ? cast(input, to) : null),
  gradient: ({ b, x: [x], y, dy }) => [
    isFloat(x.dtype) && isFloat(y.dtype) ? castTo(b, dy, x.dtype) : null,
  ],
  cases: [
    { inputs: [[2, 3]], attributes: { to: 1 } },
    { inputs: [[]], attributes: { to: 1 } },
  ],
};

function cast(input: Tensor, to: number): Tensor | null {
  const dtype = dtypeOf(to);
  if (dtype === 'bool') return zip(dtype, [input], (x) => Number(x) !== 0);
  if (dtype === 'float32') return zip(dtype, [input], Number);
  const numbers = toNumbers(input);
  if (dtype !== 'int64' || !numbers.every(Number.isFinite)) return null;
  return zip(dtype, [input], (x) => (typeof x === 'bigint' ? x : BigInt(Math.trunc(x))));
}

export const Identity: Op<['input'], object> = {
  inputs: ['input'],
  attributes: {},
  infer: same,
  field: pointwise,
  evaluate: ([input]) => input ?? null,
  gradient: ({ dy }) => [dy],
  cases: [{ inputs: [[2, 3]] }, { inputs: [[]] }],
};
