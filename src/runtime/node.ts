/** ONNX Runtime's native build, in Node: CPU, and whatever other providers its package brings. */
import { RuntimeUnavailableError } from '../errors.js';
import { ortRuntime } from './ort.js';
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

/**
 * The runtime over `onnxruntime-node`.
 * @throws RuntimeUnavailableError where the package is not installed or does not load.
 */
export async function nodeRuntime(): Promise<Runtime> {
  const ort = await loadNative();
  const version = ort.env.versions?.node ?? ort.env.versions?.common ?? '';
  return ortRuntime(`onnxruntime-node ${version}`.trim(), ort, true, {
    executionProviders: ['cpu'],
    logSeverityLevel: 3,
    extra: {
      session: {
        // Threads that spin between nodes save the ladder's step 1 of 37 ms on two idle cores. Beside one busy process
        // it takes 76 to 89 ms with them, 48 to 59 without.
        intra_op: { allow_spinning: '0' },
        // An optimizer's moments of weights without gradient sink into denormal numbers, which are slow.
        set_denormal_as_zero: '1',
      },
    },
  });
}
