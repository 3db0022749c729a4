/** Element-wise functions of one input. In each rule x is the input, y the output, dy the output's gradient. */
import type { Value } from '../graph/graph.js';
import { evaluateEach } from './evaluate.js';
import { sameFloat, sameNumber } from './infer.js';
import { filled, masked } from './mask.js';
import { float, type GradientContext, type Op, zero } from './op.js';
import { pointwise } from './receptive-field-rules.js';

type Unary = Op<['X'], object>;

/** An element-wise function by the formula of its gradient. */
const unary = (
  gradient: (context: GradientContext<['X'], object>) => Value,
  cases: Unary['cases'],
  infer: Unary['infer'] = sameFloat,
): Unary => ({
  inputs: ['X'],
  attributes: {},
  infer,
  field: pointwise,
  gradient: (context) => [gradient(context)],
  cases,
});

/** A function of steps: its derivative is zero wherever it exists. */
const stepwise = (infer: Unary['infer'], round?: (x: number) => number): Unary => ({
  inputs: ['X'],
  attributes: {},
  infer,
  ...(round && { evaluate: evaluateEach(round) }),
  field: pointwise,
  gradient: zero('it is constant between its steps'),
  cases: [{ inputs: [[2, 3]] }, { inputs: [[]] }],
});

/** The gradient at 0 is 0. */
export const Abs = unary(
  ({ b, x: [x], dy }) => b.Mul(dy, b.Sign(x)),
  [{ inputs: [{ shape: [2, 3], kinks: [0] }] }],
  sameNumber,
);

export const Neg = unary(
  ({ b, dy }) => b.Neg(dy),
  [{ inputs: [[2, 3]] }, { inputs: [[]] }],
  sameNumber,
);

export const Exp = unary(({ b, y, dy }) => b.Mul(dy, y), [{ inputs: [[2, 3]] }]);

export const Log = unary(
  ({ b, x: [x], dy }) => b.Div(dy, x),
  [{ inputs: [{ shape: [2, 3], range: [0.5, 2] }] }],
);

/** dx = dy / 2y: infinite at 0, as the derivative is. */
export const Sqrt = unary(
  ({ b, y, dy }) => b.Div(b.Mul(dy, 0.5), y),
  [{ inputs: [{ shape: [2, 3], range: [0.5, 2] }] }],
);

/** dx = -y² dy. */
export const Reciprocal = unary(
  ({ b, y, dy }) => b.Neg(b.Mul(dy, b.Mul(y, y))),
  [
    { inputs: [{ shape: [2, 3], range: [0.5, 2] }] },
    { inputs: [{ shape: [2, 2], range: [-2, -0.5] }] },
  ],
);

/** dx = y (1 - y) dy. Not y - y², which cancels where y is near 1. */
export const Sigmoid = unary(
  ({ b, y, dy }) => b.Mul(dy, b.Mul(y, b.Sub(1, y))),
  [{ inputs: [{ shape: [2, 3], range: [-3, 3] }] }],
);

/** dx = (1 - y²) dy. */
export const Tanh = unary(
  ({ b, y, dy }) => b.Mul(dy, b.Sub(1, b.Mul(y, y))),
  [{ inputs: [{ shape: [2, 3], range: [-2, 2] }] }],
);

/** The gradient at 0 is 0. By y rather than x, so that x need not outlive the forward pass. */
export const Relu = unary(
  ({ b, y, dy }) => masked(b, b.Greater(y, 0), dy),
  [{ inputs: [{ shape: [3, 4], kinks: [0] }] }],
  sameNumber,
);

export const Softplus = unary(
  ({ b, x: [x], dy }) => b.Mul(dy, b.Sigmoid(x)),
  [{ inputs: [{ shape: [2, 3], range: [-3, 3] }] }],
);

/** dx = 2/√π exp(-x²) dy; the factor goes into the exponent, where it costs no pass of its own. */
export const Erf = unary(
  ({ b, x: [x], dy }) => b.Mul(dy, b.Exp(b.Sub(Math.log(2 / Math.sqrt(Math.PI)), b.Mul(x, x)))),
  [{ inputs: [{ shape: [2, 3], range: [-2, 2] }] }],
  sameNumber,
);

export const Sign = stepwise(sameNumber);
export const Floor = stepwise(sameFloat, Math.floor);
export const Ceil = stepwise(sameFloat, Math.ceil);
/** Halves go to the even neighbour. */
export const Round = stepwise(sameFloat);

/** The slope at 0 is alpha. */
export const LeakyRelu: Op<['X'], { readonly alpha: number }> = {
  inputs: ['X'],
  attributes: { alpha: float(0.01) },
  infer: sameFloat,
  field: pointwise,
  gradient: ({ b, x: [x], dy, attributes: { alpha } }) => [
    b.Mul(dy, b.Where(b.Greater(x, 0), filled(b, x, 1), filled(b, x, alpha))),
  ],
  cases: [
    { inputs: [{ shape: [3, 4], kinks: [0] }] },
    { inputs: [{ shape: [3, 4], kinks: [0] }], attributes: { alpha: -0.5 } },
  ],
};

/** y = alpha (exp(x) - 1) for x <= 0, where the slope is y + alpha; y = x above, with slope 1. */
export const Elu: Op<['X'], { readonly alpha: number }> = {
  inputs: ['X'],
  attributes: { alpha: float(1) },
  infer: sameFloat,
  field: pointwise,
  gradient: ({ b, x: [x], y, dy, attributes: { alpha } }) => [
    b.Mul(dy, b.Where(b.Greater(x, 0), filled(b, x, 1), b.Add(y, alpha))),
  ],
  cases: [
    { inputs: [{ shape: [3, 4], kinks: [0] }] },
    { inputs: [{ shape: [3, 4], kinks: [0] }], attributes: { alpha: 0.5 } },
  ],
};

/**
 * dx is dy where x is within the bounds or on them, else 0: there alone y equals x. What is below `min` has its
 * gradient go to `min`, what is above `max` to `max`; for `min` <= `max`.
 */
export const Clip: Op<['input', 'min?', 'max?'], object> = {
  inputs: ['input', 'min?', 'max?'],
  attributes: {},
  infer: sameNumber,
  field: pointwise,
  gradient: ({ b, x: [x, min, max], y, dy }) => [
    masked(b, b.Equal(x, y), dy),
    min && masked(b, b.Less(x, min), dy),
    max && masked(b, b.Greater(x, max), dy),
  ],
  cases: [
    { inputs: [[2, 3]] },
    {
      inputs: [
        { shape: [3, 4], range: [-2, 2], kinks: [-1, -0.5, 0.5, 1] },
        { shape: [], range: [-1, -0.5] },
        { shape: [], range: [0.5, 1] },
      ],
    },
    {
      inputs: [
        { shape: [8], kinks: [-0.5, 0.5] },
        { shape: [], range: [-0.5, 0.5] },
      ],
    },
    { inputs: [{ shape: [8], kinks: [-0.5, 0.5] }, null, { shape: [], range: [-0.5, 0.5] }] },
  ],
};
