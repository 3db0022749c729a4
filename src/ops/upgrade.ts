/** Nodes of older operator sets in the form that the builder writes, so that one graph has one operator set. */
import type { Node } from '../graph/graph.js';
import { tensor } from '../tensor/tensor.js';
import type { Builder } from './builder.js';

/** Reductions whose axes became an input with operator set 18 (ReduceSum's did with 13). */
const reductions = new Set([
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceMax',
  'ReduceMean',
  'ReduceMin',
  'ReduceProd',
  'ReduceSumSquare',
]);

/**
 * A node as operator set 18 has it; `opset` is the one that it was written for, from 13 on.
 * @see the "Changes" section of each operator in the ONNX specification
 */
export function upgrade(b: Builder, node: Node, opset: number): Node {
  if (opset >= 18 || (node.domain !== '' && node.domain !== 'ai.onnx')) return node;
  if (reductions.has(node.op)) return axesAsInput(b, node);
  if (node.op === 'Split' && !node.inputs[1])
    return {
      ...node,
      attributes: {
        ...node.attributes,
        num_outputs: { type: 'int', value: node.outputs.length },
      },
    };
  return node;
}

function axesAsInput(b: Builder, node: Node): Node {
  const { axes, ...attributes } = node.attributes;
  if (axes?.type !== 'ints') return node;
  const constant = b.constant(tensor('int64', [axes.value.length], axes.value));
  return { ...node, inputs: [node.inputs[0] ?? '', constant.name], attributes };
}
