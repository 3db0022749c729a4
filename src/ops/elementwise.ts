/** Element-wise functions of one input. In each rule x is the input, y the output, dy the output's gradient. */

import type { Value } from '../graph/graph.js';
import { same } from './infer.js';
import type { GradientContext, Op } from './op.js';

type Unary = Op<['X'], object>;

/** An element-wise function by the formula of its gradient. */
const unary = (
  gradient: (context: GradientContext<['X'], object>) => Value,
  cases: Unary['cases'],
): Unary => ({
  inputs: ['X'],
  attributes: {},
  infer: same,
  gradient: (context) => [gradient(context)],
  cases,
});

export const Neg = unary(({ b, dy }) => b.Neg(dy), [{ inputs: [[2, 3]] }]);
