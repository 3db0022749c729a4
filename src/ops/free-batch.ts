/** Models of a fixed batch size, made for any number of examples at a time. */
import type { Graph, Model, Node } from '../graph/graph.js';
import { tensor, toNumbers } from '../tensor/tensor.js';
import { ops } from './table.js';

/**
 * The model with a symbolic batch dimension, also in the Reshapes on the way where a batch of 1 is written out. Whether
 * every operator then treats examples apart is not known: look at the shapes that loading infers, or compare results.
 * @param input name of the input whose first dimension is the batch
 * @param batch name that the dimension gets
 */
export function withFreeBatch(source: Model, input: string, batch: string): Model {
  const { graph } = source;
  const initializers = new Map(graph.initializers);
  const nodes: Node[] = [];
  const batched = new Set([input]);
  for (const node of graph.nodes) {
    const [data = '', target = ''] = node.inputs;
    if (node.inputs.some((name) => batched.has(name)))
      for (const name of node.outputs) batched.add(name);
    const shape = initializers.get(target);
    const isFixed = node.op === 'Reshape' && batched.has(data) && shape?.data[0] === 1n;
    if (!isFixed || !shape || shape.data.length < 2) {
      nodes.push(node);
      continue;
    }
    // 0 copies the dimension of the input. A target of its own, since others may share this one.
    const free = `${target}/free-batch`;
    initializers.set(free, tensor('int64', shape.dims, [0, ...toNumbers(shape).slice(1)]));
    nodes.push({ ...node, inputs: node.inputs.with(1, free) });
  }
  const inputs = graph.inputs.map((info) =>
    info.name === input && info.shape
      ? { name: info.name, dtype: info.dtype, shape: info.shape.with(0, batch) }
      : info,
  );
  const old = graph.inputs.find(({ name }) => name === input)?.shape?.[0];
  const values = new Map(
    [...graph.values].map(([name, info]) => [
      name,
      batched.has(name) && old !== undefined && info.shape?.[0] === old
        ? { name, dtype: info.dtype, shape: info.shape.with(0, batch) }
        : info,
    ]),
  );
  return { ...source, graph: withoutShapes({ ...graph, inputs, nodes, initializers, values }) };
}

/**
 * Shapes that a file states hold for its own batch size and classes: they are inferred anew, but for those of operators
 * without a rule.
 */
export function withoutShapes(graph: Graph): Graph {
  const isForeign = ({ op, domain }: Node) =>
    (domain !== '' && domain !== 'ai.onnx') || !Object.hasOwn(ops, op);
  const kept = new Set(graph.nodes.filter(isForeign).flatMap(({ outputs }) => outputs));
  return {
    ...graph,
    values: new Map([...graph.values].filter(([name]) => kept.has(name))),
    outputs: graph.outputs.map(({ name, dtype }) => ({ name, dtype, shape: null })),
  };
}
