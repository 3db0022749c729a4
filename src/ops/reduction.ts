/**
 * Reductions over axes. In each rule y and dy have the reduced axes back, with size 1, so that they broadcast
 * against x.
 */
import { castTo, replaced } from './mask.js';
import { argument, type Reduced, reduction } from './reduce.js';

const positive = { shape: [2, 3, 2], range: [0.5, 2] } as const;
const signed = { shape: [2, 3, 2], kinks: [0] } as const;

export const ReduceSum = reduction({ axesInputSince: 13, gradient: ({ dy }) => dy });

export const ReduceMean = reduction({ gradient: ({ b, dy, count }) => b.Mul(dy, 1 / count) });

/** The gradient is shared evenly by the elements that are equal to the result. */
const extremum = ({ b, x, y, dy, sum }: Reduced) => {
  const chosen = castTo(b, b.Equal(x, y), dy.dtype);
  return b.Mul(chosen, b.Div(dy, sum(chosen)));
};
export const ReduceMax = reduction({ gradient: extremum });
export const ReduceMin = reduction({ gradient: extremum });

/** dx = sign(x) dy. */
export const ReduceL1 = reduction({
  gradient: ({ b, x, dy }) => b.Mul(b.Sign(x), dy),
  input: signed,
});

/** dx = x dy / y, and 0 where all elements are 0. */
export const ReduceL2 = reduction({
  gradient: ({ b, x, y, dy }) => b.Mul(x, b.Div(dy, replaced(b, b.Equal(y, 0), 1, y))),
  input: signed,
});

/** dx = 2 x dy. */
export const ReduceSumSquare = reduction({ gradient: ({ b, x, dy }) => b.Mul(x, b.Mul(dy, 2)) });

/** dx = dy / exp(y): the sum itself, got back without another pass over x. */
export const ReduceLogSum = reduction({
  gradient: ({ b, y, dy }) => b.Div(dy, b.Exp(y)),
  input: positive,
});

/** dx = exp(x - y) dy, as stable as the forward pass. */
export const ReduceLogSumExp = reduction({
  gradient: ({ b, x, y, dy }) => b.Mul(b.Exp(b.Sub(x, y)), dy),
});

export const ArgMax = argument();
export const ArgMin = argument();
