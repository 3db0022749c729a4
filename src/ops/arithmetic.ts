/** Element-wise arithmetic of several inputs that broadcast together. The walker sums each gradient to its input. */
import type { Value } from '../graph/graph.js';
import { broadcastShapes } from '../tensor/shape.js';
import { scalar, tensor, toNumbers } from '../tensor/tensor.js';
import type { Builder } from './builder.js';
import { addDims, divideDims, multiplyDims } from './dims.js';
import { evaluatePair } from './evaluate.js';
import { broadcastNumbers, checkNumber } from './infer.js';
import { castTo, masked, replaced } from './mask.js';
import type { Case, Op } from './op.js';
import { pointwise } from './receptive-field-rules.js';

type Pair = Op<['A', 'B'], object>;
type Several = Op<['data_0...'], object>;

const halves = tensor('float32', [4], [-0.5, 0.5, 0.5, -0.5]);

/** Equal shapes, each side smaller, both stretched, and scalars. */
const pairs: readonly Case<object>[] = [
  {
    inputs: [
      [2, 3],
      [2, 3],
    ],
  },
  { inputs: [[2, 3], [3]] },
  { inputs: [[1], [2, 1, 3]] },
  {
    inputs: [
      [2, 1, 3],
      [4, 1],
    ],
  },
  { inputs: [[], [2, 3]] },
  { inputs: [[2, 3], []] },
  { inputs: [[], []] },
];

export const Add: Pair = {
  inputs: ['A', 'B'],
  attributes: {},
  infer: broadcastNumbers,
  field: pointwise,
  evaluate: evaluatePair(
    (a, b) => a + b,
    (a, b) => a + b,
    (a, b) => addDims([a, b]),
  ),
  gradient: ({ dy }) => [dy, dy],
  cases: pairs,
};

export const Sub: Pair = {
  inputs: ['A', 'B'],
  attributes: {},
  infer: broadcastNumbers,
  field: pointwise,
  evaluate: evaluatePair(
    (a, b) => a - b,
    (a, b) => a - b,
    (a, b) => (a === b ? 0 : typeof b === 'number' ? addDims([a], -b) : null),
  ),
  gradient: ({ b, dy }) => [dy, b.Neg(dy)],
  cases: pairs,
};

export const Mul: Pair = {
  inputs: ['A', 'B'],
  attributes: {},
  infer: broadcastNumbers,
  field: pointwise,
  evaluate: evaluatePair(
    (a, b) => a * b,
    (a, b) => a * b,
    (a, b) => multiplyDims([a, b]),
  ),
  gradient: ({ b, x: [a, w], dy }) => [b.Mul(dy, w), b.Mul(dy, a)],
  cases: pairs,
};

/** y = a / w: da = dy / w, and dw = -y da, which shares the division. Integers are truncated. */
export const Div: Pair = {
  inputs: ['A', 'B'],
  attributes: {},
  infer: broadcastNumbers,
  field: pointwise,
  evaluate: (inputs) => (inputs[1] && toNumbers(inputs[1]).includes(0) ? null : divided(inputs)),
  gradient({ b, x: [, w], y, dy }) {
    const da = b.Div(dy, w);
    return [da, b.Neg(b.Mul(da, y))];
  },
  cases: pairs.map(({ inputs: [a, w] }) => ({
    inputs: [a ?? null, { shape: w as readonly number[], range: [0.5, 2] }],
  })),
};

const divided = evaluatePair(
  (a, b) => a / b,
  (a, b) => a / b,
  (a, b) => divideDims([a], [b]),
);

/**
 * y = x^e, where e may have a dtype of its own. dx = e x^(e-1) dy, and 0 where e = 0, at x = 0 as well; for
 * 0 < e < 1 it is infinite at 0, as the derivative is. de = y log(x) dy, and 0 where x = 0, its limit for e > 0;
 * NaN where x < 0, since a power of a negative number has no derivative by the exponent.
 */
export const Pow: Op<['X', 'Y'], object> = {
  inputs: ['X', 'Y'],
  attributes: {},
  infer({ input }) {
    const [x, e] = [checkNumber(input(0)), checkNumber(input(1))];
    return { dtype: x.dtype, shape: broadcastShapes(x.shape, e.shape) };
  },
  field: pointwise,
  gradient({ b, x: [x, exponent], y, dy, needs, constant }) {
    // Of 16-bit floats the data are bits.
    const isWide = exponent.dtype !== 'float16' && exponent.dtype !== 'bfloat16';
    const data = isWide && !needs[1] ? constant(1) : null;
    if (data?.data.length === 1) return [byBase(b, x, toNumbers(data)[0] ?? 0, y, dy), null];
    const e = castTo(b, exponent, x.dtype);
    const atZero = b.Equal(x, 0);
    const base = replaced(b, b.And(atZero, b.Equal(e, 0)), 1, x);
    const dx = b.Mul(b.Mul(dy, e), b.Pow(base, b.Sub(e, 1)));
    const de = b.Mul(b.Mul(dy, y), b.Log(replaced(b, atZero, 1, x)));
    return [dx, castTo(b, de, exponent.dtype)];
  },
  cases: [
    ...[0, 1, 2, 3, -1, 0.5, 1.5].map((e) => ({
      inputs: [{ shape: [2, 3], range: [0.5, 2] as const }, { fixed: scalar('float32', e) }],
    })),
    { inputs: [[2, 3], { fixed: scalar('float32', 2) }] },
    { inputs: [[2, 3], { fixed: scalar('float32', 3) }] },
    { inputs: [[2, 3], { fixed: tensor('int64', [3], [0, 2, 3]) }] },
    { inputs: [{ fixed: tensor('float32', [3], [0, 0, 0]) }, { shape: [3], range: [1, 2] }] },
    ...pairs.map(({ inputs: [a, w] }) => ({
      inputs: [{ shape: a as readonly number[], range: [0.5, 2] as const }, w ?? null],
    })),
  ],
};

/** e x^(e-1) dy for a number e: no power is computed where a product or a root will do. */
function byBase(b: Builder, x: Value, e: number, y: Value, dy: Value): Value | null {
  if (e === 0) return null;
  if (e === 1) return dy;
  const scaled = b.Mul(dy, e);
  if (e === 2) return b.Mul(scaled, x);
  if (e === 0.5) return b.Div(scaled, y);
  if (e === -1) return b.Mul(scaled, b.Mul(y, y));
  return b.Mul(scaled, e === 3 ? b.Mul(x, x) : b.Pow(x, e - 1));
}

/** Each element's gradient goes to the input that gave it; of equal inputs, to the first. */
const extremum: Several = {
  inputs: ['data_0...'],
  attributes: {},
  infer: broadcastNumbers,
  field: pointwise,
  gradient({ b, x, y, dy }) {
    let rest = dy;
    return x.map((input, i) => {
      if (i === x.length - 1) return rest;
      const own = masked(b, b.Equal(input, y), rest);
      rest = b.Sub(rest, own);
      return own;
    });
  },
  cases: [
    { inputs: [[2, 3]] },
    { inputs: [{ shape: [2, 4], kinks: [-0.5, 0.5] }, { fixed: halves }] },
    { inputs: [{ fixed: halves }, { shape: [2, 4], kinks: [-0.5, 0.5] }] },
    { inputs: [[3, 4], [4]] },
    { inputs: [[2, 1, 4], [3, 1], []] },
    { inputs: [[], [5]] },
  ],
};

/** Of two sizes, as shape arithmetic compares them; more inputs are left to the run. */
const largestOfTwo = evaluatePair(Math.max, (a, b) => (a > b ? a : b));

export const Max: Several = {
  ...extremum,
  evaluate: (inputs) => (inputs.length === 2 ? largestOfTwo(inputs) : null),
};
export const Min = extremum;

export const Sum: Several = {
  inputs: ['data_0...'],
  attributes: {},
  infer: broadcastNumbers,
  field: pointwise,
  gradient: ({ x, dy }) => x.map(() => dy),
  cases: [
    { inputs: [[2, 3]] },
    { inputs: [[2, 3], [3], []] },
    {
      inputs: [
        [2, 1],
        [1, 3],
      ],
    },
  ],
};

export const Mean: Several = {
  inputs: ['data_0...'],
  attributes: {},
  infer: broadcastNumbers,
  field: pointwise,
  gradient({ b, x, dy }) {
    const share = b.Mul(dy, 1 / x.length);
    return x.map(() => share);
  },
  cases: [
    { inputs: [[2, 3]] },
    { inputs: [[2, 3], [3], []] },
    {
      inputs: [
        [2, 1],
        [1, 3],
      ],
    },
  ],
};
