/** NodeProto -> Node, AttributeProto -> Attribute. The protos are emptied of what is read; the rest is kept. */
import { clearField, isFieldSet } from '@bufbuild/protobuf';
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
import { isBare } from './kept.js';
import { decodeStrings, readTensor } from './read-tensor.js';
import { tensorShell } from './tensor-shell.js';

const fields = AttributeProtoSchema.field;

/** '' for the standard domain, whichever of its two names a file uses. */
export function normalizeDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/**
 * One node. `readGraph` reads the graphs of If, Loop and Scan.
 * @throws ModelError where it has no operator, or an attribute twice, or an attribute that cannot be read.
 */
export function readNode(proto: NodeProto, readGraph: (proto: GraphProto) => Graph): Node {
  const { name, opType, domain, input, output, attribute } = proto;
  const where = `${opType} at node "${name === '' ? (output[0] ?? '') : name}"`;
  if (opType === '') throw new ModelError(`readModel: node "${name}" names no operator`);
  const shells: AttributeProto[] = [];
  const attributes = new Map<string, Attribute>();
  for (const each of attribute) {
    if (attributes.has(each.name))
      throw new ModelError(`readModel: ${where} has the attribute "${each.name}" twice`);
    const read = readAttribute(each, where, readGraph);
    attributes.set(each.name, read);
    const shell = read.type === 'opaque' ? null : attributeShell(each);
    if (shell !== null) shells.push(shell);
  }
  for (const field of ['name', 'opType', 'domain'] as const)
    clearField(proto, NodeProtoSchema.field[field]);
  Object.assign(proto, { input: [], output: [], attribute: shells });
  const node: Node = {
    name,
    op: opType,
    domain: normalizeDomain(domain),
    inputs: input,
    outputs: output,
    attributes: Object.fromEntries(attributes),
  };
  return isBare(NodeProtoSchema, proto) ? node : { ...node, kept: proto };
}

function readAttribute(
  proto: AttributeProto,
  where: string,
  readGraph: (proto: GraphProto) => Graph,
): Attribute {
  const opaque: Attribute = { type: 'opaque', kept: proto };
  if (proto.refAttrName !== '') return opaque;
  switch (typeOf(proto)) {
    case AttributeType.FLOAT:
      return { type: 'float', value: proto.f };
    case AttributeType.INT:
      return { type: 'int', value: Number(proto.i) };
    case AttributeType.FLOATS:
      return { type: 'floats', value: proto.floats };
    case AttributeType.INTS:
      return { type: 'ints', value: proto.ints.map(Number) };
    case AttributeType.STRING: {
      const value = decodeStrings([proto.s])?.[0];
      return value === undefined ? opaque : { type: 'string', value };
    }
    case AttributeType.STRINGS: {
      const value = decodeStrings(proto.strings);
      return value === null ? opaque : { type: 'strings', value };
    }
    case AttributeType.TENSOR: {
      const label = `attribute "${proto.name}" of ${where}`;
      const value = proto.t === undefined ? null : readTensor(proto.t, label);
      return value === null ? opaque : { type: 'tensor', value };
    }
    case AttributeType.GRAPH:
      return proto.g === undefined ? opaque : { type: 'graph', value: readGraph(proto.g) };
    default:
      return opaque;
  }
}

/** The stated type, or in files of IR version 1, which state none, that of the one field that is set. */
function typeOf(proto: AttributeProto): number {
  if (isFieldSet(proto, fields.type) || (proto.$unknown ?? []).length > 0) return proto.type;
  const candidates: readonly [boolean, number][] = [
    [isFieldSet(proto, fields.f), AttributeType.FLOAT],
    [isFieldSet(proto, fields.i), AttributeType.INT],
    [isFieldSet(proto, fields.s), AttributeType.STRING],
    [proto.t !== undefined, AttributeType.TENSOR],
    [proto.g !== undefined, AttributeType.GRAPH],
    [proto.floats.length > 0, AttributeType.FLOATS],
    [proto.ints.length > 0, AttributeType.INTS],
    [proto.strings.length > 0, AttributeType.STRINGS],
  ];
  const present = candidates.filter(([isSet]) => isSet);
  return present.length === 1
    ? (present[0]?.[1] ?? AttributeType.UNDEFINED)
    : AttributeType.UNDEFINED;
}

/** What the attribute says beyond name, type and value; null where that is nothing. */
function attributeShell(proto: AttributeProto): AttributeProto | null {
  const { name } = proto;
  for (const field of ['name', 'type', 'f', 's', 'g'] as const) clearField(proto, fields[field]);
  Object.assign(proto, { floats: [], strings: [] });
  // Integers beyond 2^53 are kept, since a number holds them rounded.
  if (Number.isSafeInteger(Number(proto.i))) clearField(proto, fields.i);
  if (proto.ints.every((value) => Number.isSafeInteger(Number(value)))) proto.ints = [];
  const shell = proto.t === undefined ? null : tensorShell(proto.t);
  if (shell === null) clearField(proto, fields.t);
  if (isBare(AttributeProtoSchema, proto)) return null;
  proto.name = name;
  return proto;
}
