/** What a runtime of ONNX graphs is to the rest of Espalier, whichever library runs them. */
import type { Model } from '../graph/graph.js';
import type { Tensor } from '../tensor/tensor.js';

export type Feeds = Readonly<Record<string, Tensor>>;

export interface SessionOptions {
  /** Threads inside one operator; the machine's cores where left out. */
  readonly threads?: number;
  /** Execution providers in order of preference: `cpu`, `webgpu`, `cuda`, `wasm`. */
  readonly providers?: readonly string[];
  /** Let the runtime rewrite the graph as well; on by default. Off to see the graph as it was written. */
  readonly optimize?: boolean;
  /**
   * Lay convolutions with trained weights out in blocks of channels, where the runtime is ONNX Runtime's native build on
   * the CPU and `optimize` is on; on by default. Results differ by rounding alone.
   */
  readonly blocked?: boolean;
}

/** Time spent in one node, summed over the runs profiled. */
export interface NodeTime {
  readonly node: string;
  readonly op: string;
  readonly milliseconds: number;
  readonly runs: number;
}

/** A graph made ready to run. There is nothing to dispose of: it goes when nobody holds it. */
export interface Session {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /**
   * Runs the graph.
   * @param into tensors to write outputs into, by name, so that nothing is allocated; where given, only these
   *   outputs are computed. A runtime that cannot write in place returns fresh tensors instead: use what is returned.
   * @throws ShapeError for a missing or ill-shaped feed, ModelError where the runtime refuses.
   */
  run(feeds: Feeds, into?: Feeds): Promise<Feeds>;
}

export interface Runtime {
  /** For example `onnxruntime-node 1.30.0`. */
  readonly name: string;
  /** Whether `Session.run` writes into the tensors of `into`. */
  readonly writesInPlace: boolean;
  /** Prepares a model. @throws ModelError naming what the runtime does not support. */
  load(model: Model | Uint8Array, options?: SessionOptions): Promise<Session>;
}
