/** State that a forward pass carries from step to step. */
import type { Value } from '../graph/graph.js';
import type { Tensor } from '../tensor/tensor.js';

/** A tensor that the graph reads and gives anew, such as a running mean: no gradient, no optimizer. */
export interface CarriedState {
  /** The graph's input. */
  readonly value: Value;
  readonly initial: Tensor;
  /** The same after the step. */
  readonly next: Value;
}
