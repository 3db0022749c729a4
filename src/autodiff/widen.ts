/** A graph in double precision, so that finite differences show the rule's error and not float32's. */
import type { Attribute, Attributes, Graph, Node, ValueInfo } from '../graph/graph.js';
import type { DType } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';

/** TensorProto.DataType of the two (ONNX, onnx.proto). */
const float32Code = 1;
const float64Code = 11;

/** `value` with float32 data as float64; others as they are. */
export function widenTensor(value: Tensor): Tensor {
  if (value.dtype !== 'float32') return value;
  return {
    dtype: 'float64',
    dims: value.dims,
    data: Float64Array.from(value.data as Float32Array),
  };
}

const widenType = (dtype: DType | null): DType | null => (dtype === 'float32' ? 'float64' : dtype);

const widenInfo = (info: ValueInfo): ValueInfo => ({ ...info, dtype: widenType(info.dtype) });

/** Every float32 of `graph` as float64: inputs, outputs, weights, constants and casts. */
export function widen(graph: Graph): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map(widenInfo),
    outputs: graph.outputs.map(widenInfo),
    nodes: graph.nodes.map(widenNode),
    initializers: new Map([...graph.initializers].map(([name, data]) => [name, widenTensor(data)])),
    values: new Map([...graph.values].map(([name, info]) => [name, widenInfo(info)])),
  };
}

function widenNode(node: Node): Node {
  const attributes: Attributes = Object.fromEntries(
    Object.entries(node.attributes).map(([name, attribute]) => [
      name,
      widenAttribute(node, name, attribute),
    ]),
  );
  return { ...node, attributes };
}

function widenAttribute(node: Node, name: string, attribute: Attribute): Attribute {
  if (attribute.type === 'tensor') return { type: 'tensor', value: widenTensor(attribute.value) };
  const isCast = node.op === 'Cast' && name === 'to';
  if (isCast && attribute.type === 'int' && attribute.value === float32Code)
    return { type: 'int', value: float64Code };
  return attribute;
}
