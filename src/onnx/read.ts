/** Reads an ONNX file into a Model. What the graph does not model goes into its `kept` fields. */
import { clearField } from '@bufbuild/protobuf';
import { ModelError } from '../errors.js';
import type { Graph, Model, ValueInfo } from '../graph/graph.js';
import type { Tensor } from '../tensor/tensor.js';
import { decodeModel } from './decode.js';
import { dataTypeName } from './dtypes.js';
import { inlineExternal, type ReadExternal } from './external.js';
import {
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './generated/onnx_pb.js';
import { isBare, keptAs, startFrom } from './kept.js';
import { normalizeDomain, readNode } from './read-node.js';
import { readTensor } from './read-tensor.js';
import { isShell, tensorShell } from './tensor-shell.js';
import { dimNames, type NameDims, readValueInfo } from './value-info.js';

/** The operator-set versions of the standard domain that are read. */
export const supportedOpsets = { oldest: 7, newest: 22 } as const;

/** How to read a model beyond its own bytes. */
export interface ReadOptions {
  /** Gives the bytes of tensors that lie in other files; without it such a model is refused. */
  readonly external?: ReadExternal;
}

/**
 * A model from the bytes of an ONNX file, of operator set 7 to 22. Tensors may be views on `bytes`, which must
 * not change afterwards. Inputs that have an initializer (all of them up to IR version 3) count as initializers
 * only; `writeModel` lists them among the inputs again. Dimensions without a value or a name are called `?1`, `?2` …
 * @throws ModelError where `bytes` are not an ONNX model or a truncated one, where it has no graph or an operator
 * set that is not supported, or where a tensor does not hold what its dims ask for.
 */
export function readModel(bytes: Uint8Array, options: ReadOptions = {}): Model {
  const proto = decodeModel(bytes);
  inlineExternal(proto, options.external);
  const opsets = readOpsets(proto);
  const irVersion = readVersion(proto.irVersion, 'IR version');
  const { producerName } = proto;
  const graph = readGraph(proto.graph, dimNames());
  const metadata = Object.fromEntries(
    proto.metadataProps.map(({ key, value }) => [key, value] as const),
  );
  for (const field of ['irVersion', 'producerName', 'graph'] as const)
    clearField(proto, ModelProtoSchema.field[field]);
  Object.assign(proto, { opsetImport: [], metadataProps: [] });
  const model: Model = { graph, opsets, irVersion, producer: producerName, metadata };
  return isBare(ModelProtoSchema, proto) ? model : { ...model, kept: proto };
}

/**
 * Initializers that are kept but cannot be used, because Espalier does not model their kind: name -> kind, for
 * example `FLOAT8E4M3FN` or `sparse`. A node that needs one of them can be named in an error.
 */
export function unreadInitializers(graph: Graph): ReadonlyMap<string, string> {
  const kept = keptAs(GraphProtoSchema, graph.kept);
  const sparse = kept?.sparseInitializer ?? [];
  const dense = (kept?.initializer ?? []).filter((proto) => !isShell(proto));
  return new Map([
    ...sparse.map((proto) => [proto.values?.name ?? '', 'sparse'] as const),
    ...dense.map((proto) => [proto.name, dataTypeName(proto.dataType)] as const),
  ]);
}

function readVersion(version: bigint, what: string): number {
  const number = Number(version);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new ModelError(`readModel: invalid ${what} ${version}: the file is damaged`, {
    actual: version,
  });
}

function readOpsets(proto: ModelProto): Readonly<Record<string, number>> {
  const opsets = Object.fromEntries(
    proto.opsetImport.map(({ domain, version }) => [
      normalizeDomain(domain),
      readVersion(version, `version of the operator set "${domain}"`),
    ]),
  );
  const version = opsets[''];
  const { oldest, newest } = supportedOpsets;
  if (version === undefined) {
    const node = proto.graph?.node.find((each) => normalizeDomain(each.domain) === '');
    if (node === undefined) return opsets;
    throw new ModelError(
      `readModel: missing operator set: the model uses ${node.opType} but states no version of the standard operators. Export it again with operator set ${oldest} to ${newest}.`,
      { op: node.opType, node: node.name },
    );
  }
  if (version < oldest || version > newest)
    throw new ModelError(
      `readModel: unsupported operator set ${version}, supported are ${oldest} to ${newest}. Export the model again with one of these.`,
      { expected: supportedOpsets, actual: version },
    );
  return opsets;
}

function readGraph(proto: GraphProto | undefined, nameDim: NameDims): Graph {
  if (proto === undefined) throw new ModelError('readModel: missing graph');
  const { name } = proto;
  const { tensors, unread } = readInitializers(proto);
  const sparse = proto.sparseInitializer.map((each) => each.values?.name ?? '');
  const isConstant = (each: ValueInfoProto) =>
    tensors.has(each.name) ||
    unread.some((tensor) => tensor.name === each.name) ||
    sparse.includes(each.name);
  const inputs = proto.input.filter((each) => !isConstant(each));
  const read = (each: ValueInfoProto): ValueInfo => readValueInfo(each, nameDim);
  const graph: Graph = {
    name,
    inputs: inputs.map(read),
    outputs: proto.output.map(read),
    nodes: proto.node.map((node) => readNode(node, (inner) => readGraph(inner, nameDim))),
    initializers: tensors,
    values: new Map(proto.valueInfo.map((each) => [each.name, read(each)] as const)),
  };
  clearField(proto, GraphProtoSchema.field.name);
  const shells = proto.initializer.flatMap((each) =>
    unread.includes(each) ? [each] : shellOf(each),
  );
  Object.assign(proto, {
    node: [],
    output: [],
    valueInfo: [],
    initializer: shells,
    // The constants with all that the file says of them, the true inputs as names: their place in the order.
    input:
      inputs.length === proto.input.length
        ? []
        : proto.input.map((each) => (isConstant(each) ? each : nameOnly(each))),
  });
  return isBare(GraphProtoSchema, proto) ? graph : { ...graph, kept: proto };
}

function readInitializers(proto: GraphProto): {
  tensors: ReadonlyMap<string, Tensor>;
  unread: readonly TensorProto[];
} {
  const tensors = new Map<string, Tensor>();
  const unread: TensorProto[] = [];
  for (const each of proto.initializer) {
    if (tensors.has(each.name))
      throw new ModelError(`readModel: the initializer "${each.name}" is given twice`);
    const tensor = readTensor(each, `initializer "${each.name}"`);
    if (tensor === null) unread.push(each);
    else tensors.set(each.name, tensor);
  }
  return { tensors, unread };
}

/** The rest of an initializer that was read, under its name; none where there is no rest. */
function shellOf(proto: TensorProto): TensorProto[] {
  const { name } = proto;
  clearField(proto, TensorProtoSchema.field.name);
  const shell = tensorShell(proto);
  if (shell === null) return [];
  shell.name = name;
  return [shell];
}

function nameOnly(proto: ValueInfoProto): ValueInfoProto {
  const { name } = proto;
  return Object.assign(startFrom(ValueInfoProtoSchema, null), { name });
}
