/**
 * ONNX Runtime's build for WebGPU, apart from `web.ts`: its WebAssembly file is twice as large, and a bundler takes along
 * what is imported.
 */
import { RuntimeUnavailableError } from '../errors.js';
import { ortRuntime } from './ort.js';
import type { WebRuntime, WebRuntimeOptions } from './web.js';
import { webProviders, webThreads } from './web-providers.js';

/**
 * The runtime over `onnxruntime-web` on WebGPU. Operators that it has no kernel for run on WebAssembly, and a `Scan` is
 * one of them: train with `stepsPerRun: 1`.
 * @throws RuntimeUnavailableError where the package is not installed, or the browser has no WebGPU: the sentence says
 *   why not.
 */
export async function webgpuRuntime(options: WebRuntimeOptions = {}): Promise<WebRuntime> {
  const gpu = (await webProviders()).find(({ name }) => name === 'webgpu');
  if (!gpu?.available) throw new RuntimeUnavailableError(gpu?.reason ?? 'No WebGPU.');
  const ort = await import('onnxruntime-web/webgpu').catch((cause: unknown) => {
    throw new RuntimeUnavailableError(
      'onnxruntime-web does not load. Install it with "npm install onnxruntime-web".',
      { cause },
    );
  });
  const { threads } = webThreads(options.threads);
  ort.env.wasm.numThreads = threads;
  if (options.wasmPaths !== undefined) ort.env.wasm.wasmPaths = options.wasmPaths;
  const version = ort.env.versions?.web ?? ort.env.versions?.common ?? '';
  const runtime = ortRuntime(`onnxruntime-web ${version}, WebGPU`, ort, false, {
    executionProviders: ['webgpu', 'wasm'],
    logSeverityLevel: 3,
  });
  // Named anew at each load, so that runs of two sessions wait for one another.
  const load: WebRuntime['load'] = (model, session = {}) =>
    runtime.load(model, { providers: ['webgpu', 'wasm'], ...session });
  return { ...runtime, load, threads, reason: gpu.reason };
}
