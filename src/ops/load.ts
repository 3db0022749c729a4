/** From a finished graph back into a builder, with every dtype and shape inferred. */
import { ModelError, OperatorError } from '../errors.js';
import { defaultOpset, type Graph, type Model, type Node, type Value } from '../graph/graph.js';
import { inOrder, namesIn } from '../graph/order.js';
import { supportedOpsets, unreadInitializers } from '../onnx/read.js';
import { isFloat } from '../tensor/dtype.js';
import type { Dim } from '../tensor/shape.js';
import { type Builder, builder, type ExtendedOps } from './builder.js';
import { foldInitializers } from './fold.js';
import { takenBranch } from './taken-branch.js';
import { upgrade } from './upgrade.js';
import type { Surroundings } from './upgrade-node.js';

export interface LoadOptions {
  /** Sizes for symbolic dimensions, by name: `{ batch: 100 }`. */
  readonly dimensions?: Readonly<Record<string, number>>;
  /**
   * Operator set that the nodes are written for, 7 to 22; what the graph says, or 18, where left out. Older forms are
   * brought up to 18.
   */
  readonly opset?: number;
  /**
   * Which initializers become trainable parameters; none where left out. Only floats do: integers are shapes and
   * indices. Weights that the graph computes from constants alone (see `foldInitializers`) count as initializers here.
   */
  readonly trainable?: (name: string) => boolean;
  /** The operators there are; Espalier's own where left out. `{ ...ops, Softsign }` adds one. */
  readonly ops?: ExtendedOps;
}

/**
 * A builder that holds the graph, ready to be extended or differentiated. Nodes may stand in any order. Where the
 * condition of an If is known, its branch stands in its place.
 * @throws ModelError for an operator set that is not supported, a cycle, or a value that nothing makes; ModelError,
 * ShapeError, OperatorError naming the node at fault.
 */
export function load(source: Graph, options: LoadOptions = {}): Builder {
  const opset = options.opset ?? source.opset ?? defaultOpset;
  checkOpset(opset);
  const { trainable } = options;
  const graph = trainable ? foldInitializers(source, { keep: trainable }) : source;
  const b = builder(Math.max(opset, defaultOpset), options.ops);
  b.reserve(namesIn(graph.nodes));
  for (const [name, data] of graph.initializers)
    if (isFloat(data.dtype) && trainable?.(name)) b.parameter(name, data);
    else b.initializer(name, data);
  const bind = binder(options.dimensions ?? {});
  addInputs(b, graph, bind);
  const stated = new Map(
    [...graph.values.values(), ...graph.outputs].map((info) => [
      info.name,
      { ...info, shape: info.shape?.map(bind) ?? null },
    ]),
  );
  /** Values that nodes make, or are still to make: a branch that takes the place of its If may have used their names. */
  const promised = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const add = (old: Node): void => {
    for (const input of old.inputs) if (input !== '') needs(b, graph, input, old);
    const branch = takenBranch(b, old, promised);
    for (const name of branch?.flatMap(({ outputs }) => outputs) ?? []) promised.add(name);
    if (branch) for (const node of inOrder(branch)) add(node);
    else for (const node of upgrade(old, opset, surroundings(b))) b.add(node, stated);
  };
  for (const node of inOrder(graph.nodes)) add(node);
  for (const { name } of graph.outputs) {
    needs(b, graph, name, null);
    b.output(b.value(name));
  }
  return b;
}

/** @throws ModelError where Espalier does not know what operators mean in this operator set. */
function checkOpset(opset: number): void {
  const { oldest, newest } = supportedOpsets;
  if (opset >= oldest && opset <= newest) return;
  throw new ModelError(
    `unsupported operator set ${opset}, supported are ${oldest} to ${newest}. Export the model again with one of these.`,
    { expected: supportedOpsets, actual: opset },
  );
}

/** Gives the symbolic dimensions that have a size their size. */
const binder =
  (sizes: Readonly<Record<string, number>>) =>
  (dim: Dim): Dim =>
    typeof dim === 'string' && Object.hasOwn(sizes, dim) ? (sizes[dim] ?? dim) : dim;

function addInputs(b: Builder, graph: Graph, bind: (dim: Dim) => Dim): void {
  for (const input of graph.inputs) {
    if (graph.initializers.has(input.name)) continue;
    if (!input.dtype || !input.shape)
      throw new ModelError(
        `input "${input.name}": the file states no dtype or shape for it. Add them to the model.`,
        { actual: input },
      );
    b.input(input.name, input.dtype, input.shape.map(bind));
  }
}

/** @throws ModelError, OperatorError where no value `name` is there for `node`, or for the outputs where that is null. */
function needs(b: Builder, graph: Graph, name: string, node: Node | null): void {
  if (b.values.has(name)) return;
  const id = node?.name || node?.outputs[0] || '';
  const user = node ? `${node.op} at node "${id}" needs it` : 'it is an output of the graph';
  const details = { ...(node && { op: node.op, node: id }), actual: name };
  const kind = unreadInitializers(graph).get(name);
  if (kind)
    throw new OperatorError(`unsupported initializer "${name}" of kind ${kind}: ${user}.`, details);
  throw new ModelError(
    `missing value "${name}": ${user}, but it is no input or initializer and no node makes it. Export the model again.`,
    details,
  );
}

const surroundings = (b: Builder): Surroundings => ({
  constant: (data) => b.constant(data).name,
  fresh: (stem) => b.fresh(stem),
  known: (name) => b.known(name),
  type: (name) => b.values.get(name) ?? null,
});

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
