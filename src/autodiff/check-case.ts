/** From an operator's gradient-check case to a graph and feeds for `checkGradient`. */

import type { Graph, Value } from '../graph/graph.js';
import { builder, type ExtendedOps } from '../ops/builder.js';
import type { Case, CaseInput } from '../ops/op.js';
import type { Feeds } from '../runtime/runtime.js';
import { isFloat } from '../tensor/dtype.js';
import { fillNormal, fillUniform, streamKey } from '../tensor/random.js';
import { type Tensor, zeros } from '../tensor/tensor.js';

export interface CaseGraph {
  /** The operator applied, and `loss`: its outputs projected on fixed random vectors. */
  readonly graph: Graph;
  readonly feeds: Feeds;
  /** Inputs to differentiate by. */
  readonly with: readonly string[];
}

/** Distance that inputs keep from a kink: well above the step of the finite differences. */
const clearance = 0.05;

/**
 * Builds one case of the operator `name`. Fixed inputs become constants, as indices and shapes are.
 * @param table the operators there are, where `name` is not one of Espalier's own
 */
export function caseGraph(
  name: string,
  testCase: Case<unknown>,
  seed = 1,
  table?: ExtendedOps,
): CaseGraph {
  const b = builder(undefined, table);
  const feeds: Record<string, Tensor> = {};
  const inputs = testCase.inputs.map((input, i): Value | null => {
    if (input === null) return null;
    if ('fixed' in input) return b.constant(input.fixed);
    const value = draw(input, seed, `${name}/${i}`);
    feeds[`x${i}`] = value;
    return b.input(`x${i}`, value.dtype, value.dims);
  });
  const outputs = b.node(name, inputs, (testCase.attributes ?? {}) as Record<string, unknown>, {
    count: testCase.outputs ?? 1,
  });
  const terms = outputs
    .filter((output) => isFloat(output.dtype))
    .map((output, i) => {
      const cotangent = zeros('float32', output.shape as readonly number[]);
      fillNormal(cotangent.data, streamKey(seed, 1, `${name}/${i}`));
      return b.ReduceSum(b.Mul(output, b.constant(cotangent)), null, { keepdims: 0 });
    });
  b.output(
    terms.reduce((sum, term) => b.Add(sum, term)),
    'loss',
  );
  return { graph: b.build(name), feeds, with: Object.keys(feeds) };
}

function draw(
  input: Exclude<CaseInput, null | { fixed: Tensor }>,
  seed: number,
  name: string,
): Tensor {
  const spec = 'shape' in input ? input : { shape: input };
  const [low, high] = ('range' in spec ? spec.range : undefined) ?? [-1, 1];
  const kinks = ('kinks' in spec ? spec.kinks : undefined) ?? [];
  const made = zeros('float32', spec.shape);
  fillUniform(made.data, streamKey(seed, 0, name));
  made.data.forEach((unit, i) => {
    let value = low + (high - low) * unit;
    for (const kink of kinks)
      if (Math.abs(value - kink) < clearance)
        value = kink + (value < kink ? -clearance : clearance);
    made.data[i] = value;
  });
  return made;
}
