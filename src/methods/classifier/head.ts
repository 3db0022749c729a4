/** The head of a classifier: the layer whose outputs are the classes, and how it is made anew. */
import { ModelError } from '../../errors.js';
import type { Graph, Node } from '../../graph/graph.js';
import { filled, normal } from '../../nn/init.js';
import { weightsBehind } from '../../ops/tied.js';
import { isStatic } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';

export interface Head {
  /** The last Gemm, MatMul or Conv before the output. */
  readonly node: Node;
  /** Name of the initializer, which the node may read in another form where others read it too. */
  readonly weight: string;
  /** Null where the layer has none. */
  readonly bias: string | null;
  /** Axis of the weight, as the node reads it, that the classes lie on. */
  readonly axis: number;
  readonly classes: number;
  /** The value that a softmax turns, or would turn, into probabilities. */
  readonly logits: string;
  /** Nodes between the layer and the output, the last one first. */
  readonly after: readonly Node[];
}

/** What may stand between the last layer and the output: none of it mixes classes. */
const passed = new Set([
  ...['Softmax', 'LogSoftmax', 'Sigmoid', 'Relu', 'LeakyRelu', 'Clip', 'Dropout', 'Identity'],
  ...['Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'Transpose', 'Cast'],
  ...['GlobalAveragePool', 'GlobalMaxPool', 'AveragePool', 'ReduceMean'],
]);

/** Standard deviation of a new head's weights (Simonyan and Zisserman 2015, section 3.1; SqueezeNet's conv10 too). */
const headStd = 0.01;

/**
 * Finds the head by walking back from an output.
 * @throws ModelError where something other than a layer with trainable weights is met first.
 */
export function findHead(graph: Graph, output: string): Head {
  const producers = new Map(
    graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])),
  );
  const after: Node[] = [];
  let logits = output;
  let bias: string | null = null;
  for (let at = output; ; ) {
    const node = producers.get(at);
    if (!node) throw noHead(output, `"${at}" is not computed by a node`);
    const layer = layerOf(graph, node);
    if (layer) return { node, ...layer, bias: layer.bias ?? bias, logits, after };
    after.push(node);
    if (node.op === 'Add' || node.op === 'Sum') {
      bias = node.inputs.find((name) => graph.initializers.has(name)) ?? null;
      at = node.inputs.find((name) => !graph.initializers.has(name)) ?? '';
      continue;
    }
    if (!passed.has(node.op)) throw noHead(output, `${node.op} at node "${node.name}" comes first`);
    at = node.inputs[0] ?? '';
    if (node.op === 'Softmax' || node.op === 'LogSoftmax') logits = at;
  }
}

function noHead(output: string, reason: string): ModelError {
  return new ModelError(
    `no head found before the output "${output}": ${reason}. A classifier ends in a Gemm, MatMul or Conv whose weights are initializers.`,
    { actual: output },
  );
}

/** What of a node is a layer's: its weight, bias and class axis; null where it is none. */
function layerOf(
  graph: Graph,
  { op, inputs, attributes }: Node,
): Pick<Head, 'weight' | 'bias' | 'axis' | 'classes'> | null {
  const read = inputs[1] ?? '';
  const weight = weightsBehind(graph).get(read);
  const dims = graph.initializers.get(read)?.dims ?? graph.values.get(read)?.shape;
  if (weight === undefined || !dims || !isStatic(dims)) return null;
  const isTransposed = attributes['transB']?.type === 'int' && attributes['transB'].value === 1;
  const axis =
    op === 'Conv'
      ? 0
      : op === 'MatMul'
        ? dims.length - 1
        : op === 'Gemm'
          ? isTransposed
            ? 0
            : 1
          : -1;
  if (axis < 0) return null;
  const third = inputs[2] ?? '';
  return {
    weight,
    bias: graph.initializers.has(third) ? third : null,
    axis,
    classes: dims[axis] ?? 1,
  };
}

/**
 * The graph with a new head for `classes` classes, its weights drawn under `seed` and its bias 0. Reshapes after the
 * head that name the number of classes are set to the new one.
 * @throws ModelError where the head's weights or bias serve another node too.
 */
export function replaceHead(graph: Graph, head: Head, classes: number, seed: number): Graph {
  for (const shared of [head.weight, head.bias]) {
    const users = graph.nodes.filter(({ inputs }) => shared !== null && inputs.includes(shared));
    if (users.length > 1)
      throw new ModelError(
        `the head's weights "${shared}" serve ${users.map(({ name }) => `"${name}"`).join(' and ')}: they cannot be replaced. Keep the head (--head keep), or export the model with weights of its own for it.`,
        { actual: shared },
      );
  }
  const initializers = new Map(graph.initializers);
  const dims = graph.initializers.get(head.weight)?.dims ?? [];
  initializers.set(head.weight, normal(seed, head.weight, dims.with(head.axis, classes), headStd));
  const bias = head.bias === null ? undefined : graph.initializers.get(head.bias);
  if (head.bias !== null && bias) {
    const size = bias.dims.map((dim) => (dim === head.classes ? classes : dim));
    initializers.set(head.bias, filled(size, 0));
  }
  for (const { op, inputs } of head.after) {
    const shape = op === 'Reshape' ? graph.initializers.get(inputs[1] ?? '') : undefined;
    if (shape) initializers.set(inputs[1] ?? '', resized(shape, head.classes, classes));
  }
  return { ...graph, initializers };
}

/** A Reshape's target with the number of classes changed. */
function resized(shape: Tensor, from: number, to: number): Tensor {
  const data = BigInt64Array.from(shape.data as BigInt64Array, (dim) =>
    dim === BigInt(from) ? BigInt(to) : dim,
  );
  return { ...shape, data };
}
