/** Softmax and its logarithm along one axis (operator set 13 and later). */
import { OperatorError } from '../errors.js';
import { normalizeAxis } from '../tensor/shape.js';
import { checkFloat } from './infer.js';
import { type Case, int, type Op } from './op.js';
import { mixedAlong } from './receptive-field-rules.js';

/** The axis along which the results sum to 1. */
export interface AxisAttribute {
  readonly axis: number;
}
type AlongAxis = Op<['input'], AxisAttribute>;

const infer: AlongAxis['infer'] = (context) => {
  if (context.opset < 13)
    throw new OperatorError(
      `operator set ${context.opset} flattens the input first. Convert the model to operator set 13.`,
      { expected: 13, actual: context.opset },
    );
  normalizeAxis(context.attributes.axis, context.input(0).shape.length);
  return checkFloat(context.input(0));
};

const cases: readonly Case<AxisAttribute>[] = [
  { inputs: [[3, 4]] },
  { inputs: [[3, 4]], attributes: { axis: 0 } },
  { inputs: [[2, 3, 2]], attributes: { axis: -2 } },
  { inputs: [[4]] },
  { inputs: [[2, 1]] },
];

/** dx = y (dy - Σ y dy). */
export const Softmax: AlongAxis = {
  inputs: ['input'],
  attributes: { axis: int(-1) },
  infer,
  field: (context) => mixedAlong(context, [context.attributes.axis]),
  gradient({ b, y, dy, attributes: { axis } }) {
    const along = b.ReduceSum(b.Mul(dy, y), [axis], { keepdims: 1 });
    return [b.Mul(y, b.Sub(dy, along))];
  },
  cases,
};

/** dx = dy - exp(y) Σ dy. */
export const LogSoftmax: AlongAxis = {
  inputs: ['input'],
  attributes: { axis: int(-1) },
  infer,
  field: (context) => mixedAlong(context, [context.attributes.axis]),
  gradient({ b, y, dy, attributes: { axis } }) {
    const total = b.ReduceSum(dy, [axis], { keepdims: 1 });
    return [b.Sub(dy, b.Mul(b.Exp(y), total))];
  },
  cases,
};
