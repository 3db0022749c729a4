/** From a finished graph back into a builder, with every dtype and shape inferred. */
import { ModelError } from '../errors.js';
import { defaultOpset, type Graph, type Model, type Value } from '../graph/graph.js';
import type { Dim } from '../tensor/shape.js';
import { type Builder, builder, type ExtendedOps } from './builder.js';
import { upgrade } from './upgrade.js';

export interface LoadOptions {
  /** Sizes for symbolic dimensions, by name: `{ batch: 100 }`. */
  readonly dimensions?: Readonly<Record<string, number>>;
  /** Operator set that the nodes are written for, from 13 on; what the graph says, or 18, where left out. Older forms are brought up to 18. */
  readonly opset?: number;
  /** Which initializers become trainable parameters; none where left out. */
  readonly trainable?: (name: string) => boolean;
  /** The operators there are; Espalier's own where left out. `{ ...ops, Softsign }` adds one. */
  readonly ops?: ExtendedOps;
}

/** Before it Softmax and its kin flattened their input, and many inputs were attributes. */
const oldestOpset = 13;

/**
 * A builder that holds the graph, ready to be extended or differentiated.
 * @throws ModelError for an operator set before 13; ModelError, ShapeError, OperatorError naming the node at fault.
 */
export function load(graph: Graph, options: LoadOptions = {}): Builder {
  const opset = options.opset ?? graph.opset ?? defaultOpset;
  if (opset < oldestOpset)
    throw new ModelError(
      `unsupported operator set ${opset}: its operators mean other things than those of ${oldestOpset} and later. Export the model again, or convert it with onnx.version_converter.`,
      { expected: oldestOpset, actual: opset },
    );
  const b = builder(Math.max(opset, defaultOpset), options.ops);
  b.reserve(graph.nodes.flatMap((node) => [node.name, ...node.outputs]));
  const bind = (dim: Dim): Dim =>
    typeof dim === 'string' ? (options.dimensions?.[dim] ?? dim) : dim;
  for (const [name, data] of graph.initializers)
    if (options.trainable?.(name)) b.parameter(name, data);
    else b.initializer(name, data);
  for (const input of graph.inputs) {
    if (graph.initializers.has(input.name)) continue;
    if (!input.dtype || !input.shape)
      throw new ModelError(
        `input "${input.name}": the file states no dtype or shape for it. Add them to the model.`,
        { actual: input },
      );
    b.input(input.name, input.dtype, input.shape.map(bind));
  }
  const stated = new Map([
    ...graph.values,
    ...graph.outputs.map((info) => [info.name, info] as const),
  ]);
  for (const node of graph.nodes) b.add(upgrade(b, node, opset), stated);
  for (const output of graph.outputs) b.output(b.value(output.name));
  return b;
}

/** The operator set of the standard domain that a model is written for. */
export function opsetOf(model: Model): number {
  return model.opsets[''] ?? model.opsets['ai.onnx'] ?? defaultOpset;
}

/** As `load`, for a model read from a file, by its operator set. */
export function loadModel(model: Model, options: LoadOptions = {}): Builder {
  return load(model.graph, { ...options, opset: opsetOf(model) });
}

/** dtype and shape of every value of a graph, inputs and weights included, by name. */
export function inferShapes(graph: Graph, options: LoadOptions = {}): ReadonlyMap<string, Value> {
  return load(graph, options).values;
}
