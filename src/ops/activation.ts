/** Activations that have parameters or a formula of more than one piece. x is the input, y the output, dy its gradient. */
import { ShapeError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { broadcastShapes, formatShape, normalizeAxis, sameShape } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { sameDType } from './dims.js';
import { checkFloat, checkNumber, sameFloat } from './infer.js';
import { castTo, filled } from './mask.js';
import { type CaseInput, float, type GradientContext, int, type Op, string, zero } from './op.js';
import { mixedAlong, pointwise } from './receptive-field-rules.js';

/** Attributes of Celu and ThresholdedRelu. */
export interface AlphaAttribute {
  readonly alpha: number;
}
/** Attributes of HardSigmoid. */
export interface HardSigmoidAttributes extends AlphaAttribute {
  readonly beta: number;
}
/** Attributes of Selu. */
export interface SeluAttributes extends AlphaAttribute {
  readonly gamma: number;
}
/** Attributes of Gelu. */
export interface GeluAttributes {
  /** `none` or `tanh`. */
  readonly approximate: string;
}

type Activation<A = object> = Op<['X'], A>;

/** An activation by its slope, dy/dx. */
const bySlope = <A>(
  attributes: Activation<A>['attributes'],
  slope: (context: GradientContext<['X'], A>) => Value,
  cases: Activation<A>['cases'],
): Activation<A> => ({
  inputs: ['X'],
  attributes,
  infer: sameFloat,
  field: pointwise,
  gradient: (context) => [context.b.Mul(context.dy, slope(context))],
  cases,
});

const away = (...kinks: readonly number[]): CaseInput => ({
  shape: [4, 5],
  range: [-4, 4],
  kinks,
});
const wide: CaseInput = { shape: [3, 4], range: [-4, 4] };

/** y = x for x > 0, else slope x, where slope broadcasts to X. */
export const PRelu: Op<['X', 'slope'], object> = {
  inputs: ['X', 'slope'],
  attributes: {},
  infer({ input }) {
    const [x, slope] = [checkNumber(input(0)), input(1)];
    sameDType(x, slope);
    if (!sameShape(broadcastShapes(x.shape, slope.shape), x.shape))
      throw new ShapeError(
        `slope ${formatShape(slope.shape)} must broadcast to X ${formatShape(x.shape)}`,
        { expected: x.shape, actual: slope.shape },
      );
    return x;
  },
  field: pointwise,
  gradient: ({ b, x: [x, slope], dy, needs }) => [
    b.Mul(dy, b.Where(b.Greater(x, 0), filled(b, x, 1), slope)),
    needs[1] ? b.Mul(dy, b.Min(x, 0)) : null,
  ],
  cases: [
    { inputs: [away(0), []] },
    { inputs: [{ shape: [2, 3, 2, 2], kinks: [0] }, [3, 1, 1]] },
    { inputs: [{ shape: [3, 4], kinks: [0] }, [4]] },
  ],
};

/**
 * y = x Φ(x), whose slope is Φ(x) + x φ(x); or, with `tanh`, y = x (1 + t) / 2, t = tanh(√(2/π) (x + 0.044715 x³)).
 * Hendrycks and Gimpel 2016.
 */
export const Gelu: Activation<GeluAttributes> = {
  ...bySlope<GeluAttributes>(
    { approximate: string('none') },
    ({ b, x: [x], attributes }) => (attributes.approximate === 'tanh' ? byTanh(b, x) : byErf(b, x)),
    [{ inputs: [wide] }, { inputs: [wide], attributes: { approximate: 'tanh' } }],
  ),
  since: 20,
  infer({ input, attributes: { approximate } }) {
    if (approximate === 'none' || approximate === 'tanh') return checkFloat(input(0));
    throw new ShapeError(`unknown approximate "${approximate}". Use none or tanh`, {
      expected: ['none', 'tanh'],
      actual: approximate,
    });
  },
};

/** Φ(x) + x φ(x); the factor of the density goes into its exponent. */
function byErf(b: Builder, x: Value): Value {
  const below = b.Mul(b.Add(b.Erf(b.Mul(x, Math.SQRT1_2)), 1), 0.5);
  const density = b.Exp(b.Sub(-Math.log(2 * Math.PI) / 2, b.Mul(b.Mul(x, x), 0.5)));
  return b.Add(below, b.Mul(x, density));
}

/** (1 + t) / 2 + x (1 - t²) u' / 2, with u' = √(2/π) (1 + 3 · 0.044715 x²). */
function byTanh(b: Builder, x: Value): Value {
  const root = Math.sqrt(2 / Math.PI);
  const cubic = 0.044715 * root;
  const square = b.Mul(x, x);
  const t = b.Tanh(b.Mul(x, b.Add(b.Mul(square, cubic), root)));
  const inner = b.Mul(x, b.Add(b.Mul(square, 1.5 * cubic), root / 2));
  return b.Add(b.Mul(b.Add(t, 1), 0.5), b.Mul(b.Sub(1, b.Mul(t, t)), inner));
}

/** y = max(0, min(1, alpha x + beta)); the slope is alpha strictly between 0 and 1. */
export const HardSigmoid: Activation<HardSigmoidAttributes> = bySlope<HardSigmoidAttributes>(
  { alpha: float(0.2), beta: float(0.5) },
  ({ b, y, attributes: { alpha } }) =>
    b.Mul(castTo(b, b.And(b.Greater(y, 0), b.Less(y, 1)), y.dtype), alpha),
  [
    { inputs: [away(-2.5, 2.5)] },
    { inputs: [away(-1.5, 0.5)], attributes: { alpha: 0.5, beta: 0.75 } },
    { inputs: [away(-2, 2)], attributes: { alpha: -0.25 } },
  ],
);

/** y = x max(0, min(1, x / 6 + 1/2)); the slope is x / 3 + 1/2 between -3 and 3. */
export const HardSwish: Activation = bySlope(
  {},
  ({ b, x: [x] }) => {
    const inside = b.And(b.Greater(x, -3), b.Less(x, 3));
    const outside = castTo(b, b.Greater(x, 0), x.dtype);
    return b.Where(inside, b.Add(b.Mul(x, 1 / 3), 0.5), outside);
  },
  [{ inputs: [away(-3, 3)] }],
);

/** y = x t with t = tanh(softplus(x)); the slope is t + x (1 - t²) sigmoid(x). Misra 2019. */
export const Mish: Activation = bySlope(
  {},
  ({ b, x: [x] }) => {
    const t = b.Tanh(b.Softplus(x));
    return b.Add(t, b.Mul(b.Mul(x, b.Sigmoid(x)), b.Sub(1, b.Mul(t, t))));
  },
  [{ inputs: [wide] }],
);

/** y = gamma x for x > 0, else gamma alpha (exp(x) - 1), where the slope is y + gamma alpha. Klambauer et al. 2017. */
export const Selu: Activation<SeluAttributes> = bySlope<SeluAttributes>(
  { alpha: float(1.6732631921768188), gamma: float(1.0507010221481323) },
  ({ b, x: [x], y, attributes: { alpha, gamma } }) =>
    b.Where(b.Greater(x, 0), filled(b, x, gamma), b.Add(y, gamma * alpha)),
  [{ inputs: [away(0)] }, { inputs: [away(0)], attributes: { alpha: 0.5, gamma: 2 } }],
);

/** y = max(0, x) + min(0, alpha (exp(x / alpha) - 1)); below 0 the slope is y / alpha + 1. Barron 2017. */
export const Celu: Activation<AlphaAttribute> = bySlope<AlphaAttribute>(
  { alpha: float(1) },
  ({ b, x: [x], y, attributes: { alpha } }) =>
    b.Where(b.Greater(x, 0), filled(b, x, 1), b.Add(b.Mul(y, 1 / alpha), 1)),
  [{ inputs: [away(0)] }, { inputs: [away(0)], attributes: { alpha: 2 } }],
);

/** y = x for x > alpha, else 0. */
export const ThresholdedRelu: Activation<AlphaAttribute> = bySlope<AlphaAttribute>(
  { alpha: float(1) },
  ({ b, x: [x], attributes: { alpha } }) => castTo(b, b.Greater(x, alpha), x.dtype),
  [{ inputs: [away(1)] }, { inputs: [away(-0.5)], attributes: { alpha: -0.5 } }],
);

/** y = x / (1 + |x|); the slope is (1 - |y|)². */
export const Softsign: Activation = bySlope(
  {},
  ({ b, y }) => {
    const root = b.Sub(1, b.Abs(y));
    return b.Mul(root, root);
  },
  [{ inputs: [away(0)] }],
);

/** 1 at the first of the largest elements along `axis`, 0 elsewhere. */
export const Hardmax: Op<['input'], { readonly axis: number }> = {
  inputs: ['input'],
  attributes: { axis: int(-1) },
  infer({ input, attributes: { axis } }) {
    normalizeAxis(axis, input(0).shape.length);
    return checkFloat(input(0));
  },
  field: (context) => mixedAlong(context, [context.attributes.axis]),
  gradient: zero('it is constant between its steps'),
  cases: [{ inputs: [[2, 3]] }, { inputs: [[2, 3, 2]], attributes: { axis: 1 } }],
};
