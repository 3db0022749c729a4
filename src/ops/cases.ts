/** Short forms for the inputs of gradient-check cases. */
import { tensor } from '../tensor/tensor.js';
import type { CaseInput } from './op.js';

/** A 1-D list of int64: axes, sizes, indices. */
export const list = (...values: readonly number[]): CaseInput => indices([values.length], values);

/** int64 values in a shape. */
export const indices = (dims: readonly number[], values: readonly number[]): CaseInput => ({
  fixed: tensor('int64', dims, values),
});
