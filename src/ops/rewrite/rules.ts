/** Rewrite rules by operator: each offers a cheaper equal of its node, or null. The first offer is taken. */
import type { Value } from '../../graph/graph.js';
import {
  doubleNegation,
  isPositive,
  negationInSum,
  neutral,
  regroup,
  sameType,
  square,
  withoutExpand,
  withoutTrailingOnes,
  zeroMinus,
} from './algebra.js';
import { affineOverChannels } from './channels.js';
import { reshapeOnce, transposeOnce } from './movement.js';
import type { RewriteContext } from './optimize.js';
import { accumulate, scaleIntoGemm, transposeIntoGemm } from './products.js';
import { constantFactor, dropReduced, negationOut, onlyOnes, sumOfSquares } from './reductions.js';

export type Rule = (context: RewriteContext) => Value | null;

export const rules: Readonly<Record<string, readonly Rule[]>> = {
  Add: [
    withoutExpand,
    neutral,
    affineOverChannels,
    accumulate,
    negationInSum,
    regroup,
    withoutTrailingOnes,
  ],
  Cast: [sameType, isPositive],
  Div: [withoutExpand, neutral, withoutTrailingOnes],
  Expand: [sameType],
  Gemm: [transposeIntoGemm],
  Identity: [sameType],
  MatMul: [transposeIntoGemm],
  Mul: [withoutExpand, neutral, scaleIntoGemm, regroup, withoutTrailingOnes],
  Neg: [doubleNegation],
  Pow: [square],
  ReduceMean: [onlyOnes],
  ReduceSum: [onlyOnes, sumOfSquares, negationOut, constantFactor],
  Reshape: [sameType, dropReduced, reshapeOnce],
  Squeeze: [dropReduced, reshapeOnce],
  Sub: [withoutExpand, neutral, zeroMinus, negationInSum, withoutTrailingOnes],
  Transpose: [transposeOnce],
  Unsqueeze: [reshapeOnce],
};
