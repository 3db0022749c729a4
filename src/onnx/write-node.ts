/** Node -> NodeProto, Attribute -> AttributeProto. */
import { clearField } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import type { Attribute, Graph, Node } from '../graph/graph.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type GraphProto,
  type NodeProto,
  NodeProtoSchema,
} from './generated/onnx_pb.js';
import { keptAs, startFrom } from './kept.js';
import { type WriteState, writeTensor } from './write-tensor.js';

/** Largest INT; as a number it is rounded up to 2^63. */
const maximumInt = 2n ** 63n - 1n;

/**
 * One node; `writeGraph` writes the graphs of If, Loop and Scan.
 * @throws ModelError where an attribute's value does not fit its ONNX type.
 */
export function writeNode(
  node: Node,
  state: WriteState,
  writeGraph: (graph: Graph) => GraphProto,
): NodeProto {
  const kept = keptAs(NodeProtoSchema, node.kept);
  const shells = new Map(kept?.attribute.map((shell) => [shell.name, shell] as const));
  const proto = startFrom(NodeProtoSchema, kept);
  if (node.name !== '') proto.name = node.name;
  if (node.domain !== '') proto.domain = node.domain;
  proto.opType = node.op;
  proto.input = [...node.inputs];
  proto.output = [...node.outputs];
  proto.attribute = Object.entries(node.attributes).map(([name, attribute]) => {
    const where = `attribute "${name}" of ${node.op} at node "${node.name}"`;
    const shell = shells.get(name) ?? null;
    const written = writeAttribute(attribute, shell, where, state, writeGraph);
    written.name = name;
    return written;
  });
  return proto;
}

function writeAttribute(
  attribute: Attribute,
  shell: AttributeProto | null,
  where: string,
  state: WriteState,
  writeGraph: (graph: Graph) => GraphProto,
): AttributeProto {
  if (attribute.type === 'opaque') {
    const kept = keptAs(AttributeProtoSchema, attribute.kept);
    if (kept === null)
      throw new ModelError(`writeModel: ${where} is opaque, but was not read from an ONNX file`);
    return startFrom(AttributeProtoSchema, kept);
  }
  const proto = startFrom(AttributeProtoSchema, shell);
  // The shell's own integers and tensor are only for an attribute that still has that type and value.
  clearField(proto, AttributeProtoSchema.field.i);
  clearField(proto, AttributeProtoSchema.field.t);
  proto.ints = [];
  const encoder = new TextEncoder();
  switch (attribute.type) {
    case 'int': {
      const [i = 0n] = toInts([attribute.value], shell === null ? [] : [shell.i], where);
      return Object.assign(proto, { type: AttributeType.INT, i });
    }
    case 'float': {
      const [f = 0] = toFloats([attribute.value], where);
      return Object.assign(proto, { type: AttributeType.FLOAT, f });
    }
    case 'string':
      return Object.assign(proto, {
        type: AttributeType.STRING,
        s: encoder.encode(attribute.value),
      });
    case 'ints': {
      const ints = toInts(attribute.value, shell?.ints ?? [], where);
      return Object.assign(proto, { type: AttributeType.INTS, ints });
    }
    case 'floats': {
      const floats = toFloats(attribute.value, where);
      return Object.assign(proto, { type: AttributeType.FLOATS, floats });
    }
    case 'strings': {
      const strings = attribute.value.map((text) => encoder.encode(text));
      return Object.assign(proto, { type: AttributeType.STRINGS, strings });
    }
    case 'tensor': {
      const kept = shell?.t ?? null;
      const t = writeTensor(kept?.name ?? '', attribute.value, kept, state, false);
      return Object.assign(proto, { type: AttributeType.TENSOR, t });
    }
    case 'graph':
      return Object.assign(proto, { type: AttributeType.GRAPH, g: writeGraph(attribute.value) });
  }
}

/** Whole numbers -> int64; where they are those of the file, rounded, the file's own. */
function toInts(
  values: readonly number[],
  originals: readonly bigint[],
  where: string,
): readonly bigint[] {
  if (
    originals.length === values.length &&
    values.every((value, k) => value === Number(originals[k]))
  )
    return originals;
  return values.map((value) => {
    if (!Number.isInteger(value) || Math.abs(value) > 2 ** 63)
      throw new ModelError(`writeModel: ${where} takes 64-bit integers, got ${value}`);
    return value === 2 ** 63 ? maximumInt : BigInt(value);
  });
}

function toFloats(values: readonly number[], where: string): readonly number[] {
  return values.map((value) => {
    const rounded = Math.fround(value);
    if (Number.isFinite(value) && !Number.isFinite(rounded))
      throw new ModelError(`writeModel: ${where} takes 32-bit floats, got ${value}`);
    return rounded;
  });
}
