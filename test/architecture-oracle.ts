/** What ONNX Runtime says of every value of a graph: the oracle of shape inference. */
import type { InferenceSession } from 'onnxruntime-common';
import type { Model, ValueInfo } from '../src/graph/graph.js';
import { writeModel } from '../src/onnx/write.js';
import { loadNative } from '../src/runtime/node.js';
import { zeros } from '../src/tensor/tensor.js';

const ort = await loadNative();

export interface KnownType {
  readonly dtype: string;
  readonly shape: readonly (number | string)[];
}

/** Everything that a node makes is an output, in the order of the nodes. */
function exposed({ graph, ...file }: Model, bind: Readonly<Record<string, number>>): Model {
  const stated = new Map(graph.outputs.map((info) => [info.name, info]));
  const names = graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== ''));
  const outputs = names.map(
    (name): ValueInfo => stated.get(name) ?? { name, dtype: null, shape: null },
  );
  const inputs = graph.inputs.map(
    ({ name, dtype, shape }): ValueInfo => ({
      ...{ name, dtype },
      shape: shape?.map((dim) => (typeof dim === 'string' ? (bind[dim] ?? dim) : dim)) ?? null,
    }),
  );
  return { ...file, graph: { ...graph, inputs, outputs } };
}

const session = (bytes: Uint8Array): Promise<InferenceSession> =>
  ort.InferenceSession.create(bytes, {
    ...{ graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 3 },
  });

/**
 * What the runtime infers before it computes: a dimension that it cannot tell has no name.
 * @returns dtype and shape by the value's name
 */
export async function inferredByRuntime(source: Model): Promise<ReadonlyMap<string, KnownType>> {
  const { outputMetadata } = await session(writeModel(exposed(source, {})));
  return new Map(
    outputMetadata.flatMap((value) =>
      value.isTensor ? [[value.name, { dtype: value.type, shape: value.shape }] as const] : [],
    ),
  );
}

/** What comes out when the network is run with the symbolic dimensions bound. */
export async function computedByRuntime(
  source: Model,
  bind: Readonly<Record<string, number>>,
): Promise<ReadonlyMap<string, KnownType>> {
  const bound = exposed(source, bind);
  const feeds = bound.graph.inputs
    .filter(({ name }) => !bound.graph.initializers.has(name))
    .map(({ name, dtype, shape }) => {
      const { data, dims } = zeros(dtype ?? 'float32', (shape ?? []) as readonly number[]);
      return [name, new ort.Tensor('float32', data as Float32Array, dims)] as const;
    });
  const results = await (await session(writeModel(bound))).run(Object.fromEntries(feeds));
  return new Map(
    Object.entries(results).map(([name, { type, dims }]) => [name, { dtype: type, shape: dims }]),
  );
}
