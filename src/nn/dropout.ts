/** Dropout with a mask that comes from outside. */
import type { Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';

/**
 * Each element is 0 with probability `ratio`, else divided by 1 - ratio (Srivastava et al. 2014, section 10, "inverted").
 * @param name of the stochastic input that is the mask: 1 where an element stays, of the shape of x
 * @param ratio in [0, 1)
 * @param output name of the result, if it must have one
 */
export function dropout(b: Builder, x: Value, name: string, ratio: number, output?: string): Value {
  const keep = b.random(name, x.shape as readonly number[], 'bernoulli', 1 - ratio);
  const named = output === undefined ? {} : { outputs: [output] };
  return b.node('Mul', [b.Mul(x, 1 / (1 - ratio)), keep], {}, named)[0] as Value;
}
