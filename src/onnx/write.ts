/** Writes a Model as an ONNX file: deterministic, and with all that a read kept. */
import { create, toBinary } from '@bufbuild/protobuf';
import { UsageError } from '../errors.js';
import type { Graph, Model } from '../graph/graph.js';
import type { Tensor } from '../tensor/tensor.js';
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type ValueInfoProto,
} from './generated/onnx_pb.js';
import { keptAs, startFrom } from './kept.js';
import { isShell } from './tensor-shell.js';
import { dimNames, readValueInfo, writeValueInfo } from './value-info.js';
import { writeNode } from './write-node.js';
import { assertWritable, type ExternalFile, type WriteState, writeTensor } from './write-tensor.js';

/** A model in two files. */
export interface ModelWithExternalData {
  /** The ONNX file; its large tensors point into the other one. */
  readonly bytes: Uint8Array;
  /** The other file, to be stored under `location` in the same folder. */
  readonly data: Uint8Array;
}

/**
 * The bytes of an ONNX file. Equal models give equal bytes; numeric tensors are stored as `raw_data`.
 * @throws ModelError where the file would exceed 2 GB, or a value does not fit its ONNX type.
 */
export function writeModel(model: Model): Uint8Array {
  return encode(model, null);
}

/**
 * The same with initializers of at least `minimumBytes` (1024, as the `onnx` package does) in a second file.
 * @param location name of the second file, relative to the model's folder.
 * @throws UsageError where `location` is not a relative path inside that folder; ModelError as `writeModel`.
 */
export function writeModelWithExternalData(
  model: Model,
  location: string,
  minimumBytes = 1024,
): ModelWithExternalData {
  const steps = location.split('/');
  if (/^[a-z]:|\\|\0/i.test(location) || steps.some((step) => ['', '.', '..'].includes(step)))
    throw new UsageError(
      `writeModelWithExternalData: invalid location "${location}". Give a file name, such as "model.onnx.data".`,
      { path: location },
    );
  const external: ExternalFile = { location, minimumBytes, parts: [], size: 0 };
  const bytes = encode(model, external);
  const data = new Uint8Array(external.size);
  for (const part of external.parts) data.set(part.bytes, part.offset);
  return { bytes, data };
}

function encode(model: Model, external: ExternalFile | null): Uint8Array {
  const state: WriteState = { irVersion: model.irVersion, inlineBytes: 0, external };
  const proto = startFrom(ModelProtoSchema, keptAs(ModelProtoSchema, model.kept));
  proto.irVersion = BigInt(model.irVersion);
  if (model.producer !== '') proto.producerName = model.producer;
  proto.opsetImport = Object.entries(model.opsets).map(([domain, version]) =>
    create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
  );
  proto.metadataProps = Object.entries(model.metadata).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value }),
  );
  proto.graph = writeGraph(model.graph, state);
  const bytes = toBinary(ModelProtoSchema, proto);
  assertWritable(bytes.length);
  return bytes;
}

function writeGraph(graph: Graph, state: WriteState): GraphProto {
  const kept = keptAs(GraphProtoSchema, graph.kept);
  const keptTensors = kept?.initializer ?? [];
  const shells = new Map(keptTensors.filter(isShell).map((each) => [each.name, each] as const));
  const unread = keptTensors.filter((each) => !isShell(each) && !graph.initializers.has(each.name));
  const proto = startFrom(GraphProtoSchema, kept);
  if (graph.name !== '') proto.name = graph.name;
  proto.node = graph.nodes.map((node) =>
    writeNode(node, state, (inner) => writeGraph(inner, state)),
  );
  proto.initializer = [
    ...[...graph.initializers].map(([name, tensor]) =>
      writeTensor(name, tensor, shells.get(name) ?? null, state, true),
    ),
    ...unread,
  ];
  proto.input = writeInputs(graph, kept, state);
  proto.output = graph.outputs.map(writeValueInfo);
  proto.valueInfo = [...graph.values.values()].map(writeValueInfo);
  return proto;
}

/**
 * The graph's inputs and, between them where the file had them, those that have an initializer. Up to IR version 3
 * every initializer must be an input.
 */
function writeInputs(graph: Graph, kept: GraphProto | null, state: WriteState): ValueInfoProto[] {
  const inputs = graph.inputs.map(writeValueInfo);
  const listed = new Set(graph.inputs.map(({ name }) => name));
  const isConstant = (name: string) =>
    graph.initializers.has(name) ||
    kept?.initializer.some((each) => each.name === name && !isShell(each)) ||
    kept?.sparseInitializer.some((each) => each.values?.name === name);
  for (const [position, each] of (kept?.input ?? []).entries())
    if (isConstant(each.name) && !listed.has(each.name)) {
      const tensor = graph.initializers.get(each.name);
      inputs.splice(Math.min(position, inputs.length), 0, tensor ? describe(each, tensor) : each);
      listed.add(each.name);
    }
  if (state.irVersion < 4)
    for (const [name, { dtype, dims }] of graph.initializers)
      if (!listed.has(name)) inputs.push(writeValueInfo({ name, dtype, shape: dims }));
  return inputs;
}

/** What the file said of an initializer among its inputs, unless the initializer is another one by now. */
function describe(stated: ValueInfoProto, { dtype, dims }: Tensor): ValueInfoProto {
  const { name, dtype: statedDtype, shape } = readValueInfo(stated, dimNames());
  const fits =
    statedDtype === dtype &&
    (shape === null ||
      (shape.length === dims.length &&
        shape.every((dim, i) => typeof dim === 'string' || dim === dims[i])));
  return fits ? stated : writeValueInfo({ name, dtype, shape: dims, kept: stated });
}
