/** What all reductions share: which axes they reduce, the shape that is left, and the form of their gradient. */
import { OperatorError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import type { InferContext } from '../graph/op-rules.js';
import { normalizeAxis, sizeOf } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { list } from './cases.js';
import { dimsOf } from './dims.js';
import { knownNumbers, reshapedTo } from './emit.js';
import { checkNumber, normalizeAxes, reducedShape } from './infer.js';
import { type Case, type CaseInput, int, ints, type Op, zero } from './op.js';
import { contracted, numbersOf } from './receptive-field-rules.js';

/** Attributes of the Reduce operators. */
export interface ReductionAttributes {
  /** Which axes are reduced; an input in newer operator sets. */
  readonly axes: readonly number[] | undefined;
  readonly keepdims: number;
  /** Whether no axes means none, rather than all. */
  readonly noop_with_empty_axes: number;
}
type Reduction = Op<['data', 'axes?'], ReductionAttributes>;

/** What the gradient rule of a reduction sees. */
export interface Reduced {
  readonly b: Builder;
  readonly x: Value;
  /** The output and its gradient, with 1 in the place of the reduced axes. */
  readonly y: Value;
  readonly dy: Value;
  /** The reduced axes, ascending; none where the node reduces nothing. */
  readonly axes: readonly number[];
  /** How many elements make one of y. */
  readonly count: number;
  /** The sum over the reduced axes of a value of x's shape; of y's shape. */
  sum(value: Value): Value;
}

type RandomInput = Extract<CaseInput, { readonly shape: unknown }>;

interface ReductionRule {
  gradient(context: Reduced): Value;
  /** The operator set that made `axes` an input. */
  readonly axesInputSince?: number;
  /** Input of three axes for the gradient check. */
  readonly input?: RandomInput;
  /** More cases than the common ones. */
  readonly cases?: readonly Case<ReductionAttributes>[];
}

/** An operator that reduces axes to one number each. */
export function reduction(rule: ReductionRule): Reduction {
  const { gradient, axesInputSince = 18, input = { shape: [2, 3, 2] }, cases = [] } = rule;
  return {
    inputs: ['data', 'axes?'],
    attributes: { axes: ints(), keepdims: int(1), noop_with_empty_axes: int(0) },
    infer(context) {
      const { dtype, shape } = checkNumber(context.input(0));
      const axes = reducedAxes(
        axesGiven(context, axesInputSince),
        shape.length,
        context.attributes.noop_with_empty_axes,
      );
      return { dtype, shape: reducedShape(shape, axes, context.attributes.keepdims !== 0) };
    },
    field(context) {
      const { fields, inputs, attributes } = context;
      const given = numbersOf(context, 1, attributes.axes);
      if (!fields[0] || !inputs[0] || given === null) return 'unknown';
      const { noop_with_empty_axes, keepdims } = attributes;
      const axes = reducedAxes(given, inputs[0].shape.length, noop_with_empty_axes);
      return contracted(fields[0], axes, keepdims !== 0);
    },
    gradient({ b, attributes, x: [x, given], y, dy, constant }) {
      const listed = given ? knownNumbers(constant(1), 'axes') : attributes.axes;
      const axes = reducedAxes(listed, x.shape.length, attributes.noop_with_empty_axes);
      const kept = reducedShape(dimsOf(x), axes, true) as number[];
      return [
        gradient({
          b,
          x,
          y: reshapedTo(b, y, kept),
          dy: reshapedTo(b, dy, kept),
          axes,
          count: sizeOf(axes.map((axis) => dimsOf(x)[axis] ?? 1)),
          sum: (value) => (axes.length === 0 ? value : b.ReduceSum(value, axes, { keepdims: 1 })),
        }),
        null,
      ];
    },
    cases: [...casesOf(input), ...cases],
  };
}

function axesGiven(
  { opset, inputs, attributes, numbers }: InferContext<ReductionAttributes>,
  inputSince: number,
): readonly number[] | undefined {
  const form = (expected: string): OperatorError =>
    new OperatorError(`axes must be ${expected} in operator set ${opset}`, { expected });
  if (attributes.axes && opset >= inputSince) throw form('an input');
  if (inputs[1] && opset < inputSince) throw form('an attribute');
  return inputs[1] ? numbers(1) : attributes.axes;
}

function reducedAxes(given: readonly number[] | undefined, rank: number, isNoop: number): number[] {
  if (given && given.length > 0) return normalizeAxes(given, rank);
  return isNoop ? [] : Array.from({ length: rank }, (_, axis) => axis);
}

const casesOf = (input: RandomInput): Case<ReductionAttributes>[] => [
  { inputs: [input] },
  { inputs: [input, list(1)] },
  { inputs: [input], attributes: { keepdims: 0 } },
  { inputs: [input, list(0)], attributes: { keepdims: 0 } },
  { inputs: [input, list(-1, 0)], attributes: { keepdims: 0 } },
  { inputs: [input, list(2, 1)] },
  { inputs: [input], attributes: { noop_with_empty_axes: 1 } },
  { inputs: [{ ...input, shape: [4] }, list(-1)] },
  { inputs: [{ ...input, shape: [] }] },
];

/** Attributes of ArgMax and ArgMin. */
export interface ArgAttributes {
  readonly axis: number;
  readonly keepdims: number;
  /** Of equal elements the last rather than the first. */
  readonly select_last_index: number;
}

/** An operator that gives the place of an element along one axis, in int64. */
export const argument = (): Op<['data'], ArgAttributes> => ({
  inputs: ['data'],
  attributes: { axis: int(0), keepdims: int(1), select_last_index: int(0) },
  infer({ input, attributes: { axis, keepdims } }) {
    const { shape } = checkNumber(input(0));
    const axes = [normalizeAxis(axis, shape.length)];
    return { dtype: 'int64', shape: reducedShape(shape, axes, keepdims !== 0) };
  },
  field: ({ fields: [field], inputs: [x], attributes: { axis, keepdims } }) =>
    field && x
      ? contracted(field, [normalizeAxis(axis, x.shape.length)], keepdims !== 0)
      : 'unknown',
  gradient: zero('it gives indices'),
  cases: [
    { inputs: [[2, 3]] },
    { inputs: [[2, 3]], attributes: { axis: -1, keepdims: 0 } },
    { inputs: [[2, 3, 2]], attributes: { axis: 1, select_last_index: 1 } },
  ],
});
