/** ONNX Runtime's native build, in Node: CPU, and whatever other providers its package brings. */
import { RuntimeUnavailableError } from '../errors.js';
import { blockSize } from './block-size.js';
import { withBlockedConvolutions } from './blocked.js';
import { onThreads } from './node-threads.js';
import { type Ort, ortRuntime } from './ort.js';
import type { Runtime } from './runtime.js';

/**
 * The module `onnxruntime-node`, its telemetry switched off: the native build sends some by default, and leaves files
 * in the temporary folder. Set ORT_DISABLE_TELEMETRY=0 to have it.
 * @throws RuntimeUnavailableError where the package is not installed or does not load.
 */
export async function loadNative(): Promise<typeof import('onnxruntime-node')> {
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
  return import('onnxruntime-node').catch((cause: unknown) => {
    throw new RuntimeUnavailableError(
      'onnxruntime-node does not load. Install it with "npm install --ignore-scripts onnxruntime-node", or use the web runtime.',
      { cause },
    );
  });
}

export interface NodeRuntimeOptions {
  /**
   * Gives each session a thread of its own, to and from which tensors are copied: runs of several sessions then go side by
   * side, and the event loop stays free meanwhile. Off by default.
   */
  readonly onThreads?: boolean;
}

/**
 * The runtime over `onnxruntime-node`.
 * @throws RuntimeUnavailableError where the package is not installed or does not load.
 */
export async function nodeRuntime(options: NodeRuntimeOptions = {}): Promise<Runtime> {
  const ort = await loadNative();
  const version = ort.env.versions?.node ?? ort.env.versions?.common ?? '';
  const over = (module: Ort, writesInPlace: boolean): Runtime =>
    ortRuntime(`onnxruntime-node ${version}`.trim(), module, writesInPlace, {
      executionProviders: ['cpu'],
      logSeverityLevel: 3,
      extra: {
        session: {
          // Threads that spin for a moment between nodes save 5 to 10 % of a step on two idle cores. Beside one busy
          // process the ladder's step takes 48 ms without spinning, 51 with 20 microseconds of it, 63 with 50, 71 with 200.
          intra_op: { allow_spinning: '1', spin_duration_us: '20' },
          // An optimizer's moments of weights without gradient sink into denormal numbers, which are slow.
          set_denormal_as_zero: '1',
        },
      },
    });
  const own = over(ort, true);
  return options.onThreads ? withBlocks(over(onThreads(ort), false), own) : withBlocks(own);
}

/**
 * The same runtime, to which convolutions go in ONNX Runtime's blocked layout where that is known to be right.
 * @param asked the runtime that is asked for the size of a block
 */
export function withBlocks(runtime: Runtime, asked = runtime): Runtime {
  const load: Runtime['load'] = async (model, options = {}) => {
    const { blocked = true, optimize = true, providers = ['cpu'] } = options;
    const onCpu = providers.every((provider) => provider === 'cpu');
    if (model instanceof Uint8Array || !blocked || !optimize || !onCpu)
      return await runtime.load(model, options);
    // Asked only where it matters: most graphs have no convolution.
    if (!model.graph.nodes.some(({ op }) => op === 'Conv'))
      return await runtime.load(model, options);
    known ??= blockSize((each) => asked.load(each, { blocked: false }));
    const block = await known;
    const laidOut = block === null ? model : withBlockedConvolutions(model, block);
    if (laidOut === model) return await runtime.load(model, options);
    // Whatever is wrong with a model is told of the model as it was given.
    return await runtime.load(laidOut, options).catch(() => runtime.load(model, options));
  };
  return { ...runtime, load };
}

/** Channels in a block: of the machine, so that it is asked once. */
let known: Promise<number | null> | undefined;
