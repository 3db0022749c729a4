/** A runtime over either build of ONNX Runtime: both share the interface of onnxruntime-common. */
import type * as ort from 'onnxruntime-common';
import { ModelError, ShapeError } from '../errors.js';
import type { Model } from '../graph/graph.js';
import { writeModel } from '../onnx/write.js';
import type { DType } from '../tensor/dtype.js';
import { formatShape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Feeds, Runtime, Session, SessionOptions } from './runtime.js';

/** What is used of ONNX Runtime's module. */
export type Ort = Pick<typeof ort, 'InferenceSession' | 'Tensor'>;

/** Runs on WebGPU crash when two sessions overlap, so all of them wait for one another here. */
let gpuQueue: Promise<unknown> = Promise.resolve();

/** Wraps one build of ONNX Runtime. `defaults` are the session options that it starts from. */
export function ortRuntime(
  name: string,
  module: Ort,
  writesInPlace: boolean,
  defaults: ort.InferenceSession.SessionOptions,
): Runtime {
  return {
    name,
    writesInPlace,
    async load(model, options = {}) {
      const bytes = model instanceof Uint8Array ? model : writeModel(model as Model);
      const session = await module.InferenceSession.create(
        bytes,
        sessionOptions(defaults, options),
      ).catch((error: unknown) => {
        throw new ModelError(`${name} refused the model: ${firstLine(error)}`, { cause: error });
      });
      return wrap(module, session, writesInPlace, options.providers?.includes('webgpu') ?? false);
    },
  };
}

function sessionOptions(
  defaults: ort.InferenceSession.SessionOptions,
  options: SessionOptions,
): ort.InferenceSession.SessionOptions {
  return {
    ...defaults,
    ...(options.providers ? { executionProviders: [...options.providers] } : {}),
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    ...(options.optimize === false ? { graphOptimizationLevel: 'disabled' as const } : {}),
  };
}

/** Sessions hold memory outside the JavaScript heap: they are released when their wrapper is collected. */
const released = new FinalizationRegistry<ort.InferenceSession>((session) => {
  void session.release().catch(() => undefined);
});

/** Sessions at work, so that none is collected, and released, while its run is under way. */
const atWork = new Map<Session, number>();

function wrap(
  module: Ort,
  session: ort.InferenceSession,
  writesInPlace: boolean,
  exclusive: boolean,
): Session {
  // A training loop feeds the same buffers for ever, so their wrappers are made once.
  const wrappers = new WeakMap<Tensor, ort.Tensor>();
  const toOrt = (tensor: Tensor): ort.Tensor => {
    const known = wrappers.get(tensor);
    if (known) return known;
    const made = new module.Tensor(
      tensor.dtype as 'float32',
      tensor.data as Float32Array,
      tensor.dims,
    );
    wrappers.set(tensor, made);
    return made;
  };
  const run = async (feeds: Feeds, into?: Feeds): Promise<Feeds> => {
    checkFeeds(session.inputNames, feeds);
    const inputs = mapValues(feeds, toOrt);
    const fetches = into && (writesInPlace ? mapValues(into, toOrt) : Object.keys(into));
    const results = await (fetches ? session.run(inputs, fetches) : session.run(inputs)).catch(
      (error: unknown) => {
        throw new ModelError(`the runtime stopped: ${firstLine(error)}`, { cause: error });
      },
    );
    return into && writesInPlace ? into : mapValues(results, fromOrt);
  };
  const queued = (feeds: Feeds, into?: Feeds): Promise<Feeds> => {
    const next = gpuQueue.then(() => run(feeds, into));
    gpuQueue = next.catch(() => undefined);
    return next;
  };
  const wrapped: Session = {
    inputs: session.inputNames,
    outputs: session.outputNames,
    async run(feeds, into) {
      atWork.set(wrapped, (atWork.get(wrapped) ?? 0) + 1);
      try {
        return await (exclusive ? queued(feeds, into) : run(feeds, into));
      } finally {
        const left = (atWork.get(wrapped) ?? 1) - 1;
        if (left === 0) atWork.delete(wrapped);
        else atWork.set(wrapped, left);
      }
    },
  };
  released.register(wrapped, session);
  return wrapped;
}

const fromOrt = (result: ort.Tensor): Tensor => ({
  dtype: result.type as DType,
  dims: result.dims,
  data: result.data as Float32Array,
});

function checkFeeds(names: readonly string[], feeds: Feeds): void {
  for (const name of names)
    if (!feeds[name])
      throw new ShapeError(`missing feed "${name}". The graph takes ${names.join(', ')}`, {
        expected: names,
        actual: Object.keys(feeds),
      });
  for (const name of Object.keys(feeds))
    if (!names.includes(name))
      throw new ShapeError(
        `unknown feed "${name}" ${formatShape(feeds[name]?.dims ?? [])}. The graph takes ${names.join(', ')}`,
        { expected: names, actual: name },
      );
}

/** A loop rather than Object.fromEntries: this runs for a hundred tensors at every step of a training. */
function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  f: (value: T) => U,
): Record<string, U> {
  const mapped: Record<string, U> = {};
  for (const key in record) mapped[key] = f(record[key] as T);
  return mapped;
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
