/**
 * What an operator of one's own is made of: its entry (signature, shape rule, gradient, cases), the small pieces
 * that entries are written in, and the means to prove it. A table `{ ...ops, Mine }` goes to `builder`, `load`,
 * `differentiate`, `caseGraph` and `checkGradient`; see `examples/define-operator.ts`.
 */
export { type CheckOptions, checkGradient, type GradientCheck } from './autodiff/check.js';
export { type CaseGraph, caseGraph } from './autodiff/check-case.js';
export {
  type AttributeSpec,
  type InferContext,
  type OpRules,
  type OpTable,
  reshaped,
} from './graph/op-rules.js';
export { type Builder, builder, type ExtendedOps } from './ops/builder.js';
export { knownNumbers, padded, reshapedTo, zerosOf } from './ops/emit.js';
export { evaluateEach, evaluatePair, zip } from './ops/evaluate.js';
export {
  broadcast,
  broadcastNumbers,
  checkFloat,
  checkNumber,
  normalizeAxes,
  reducedShape,
  same,
  sameFloat,
  sameNumber,
} from './ops/infer.js';
export { castTo, filled, masked, replaced } from './ops/mask.js';
export {
  type Case,
  type CaseInput,
  float,
  floats,
  type GradientContext,
  type GradientRule,
  int,
  ints,
  type NoGradient,
  none,
  type Op,
  required,
  string,
  tensorAttribute,
  zero,
} from './ops/op.js';
export { ops } from './ops/table.js';
