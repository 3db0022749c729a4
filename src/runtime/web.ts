/** ONNX Runtime's WebAssembly build: browsers, and Node where no native build is at hand. */
import { RuntimeUnavailableError } from '../errors.js';
import { ortRuntime } from './ort.js';
import type { Runtime } from './runtime.js';

/**
 * The runtime over `onnxruntime-web` on WebAssembly.
 * @param options.threads threads of the WebAssembly pool; more than 1 needs a cross-origin-isolated page.
 * @param options.wasmPaths folder that the `.wasm` files are served from, where it is not the default.
 * @throws RuntimeUnavailableError where the package is not installed.
 */
export async function webRuntime(
  options: { readonly threads?: number; readonly wasmPaths?: string } = {},
): Promise<Runtime> {
  const ort = await import('onnxruntime-web/wasm').catch((cause: unknown) => {
    throw new RuntimeUnavailableError(
      'onnxruntime-web does not load. Install it with "npm install onnxruntime-web".',
      { cause },
    );
  });
  if (options.threads !== undefined) ort.env.wasm.numThreads = options.threads;
  if (options.wasmPaths !== undefined) ort.env.wasm.wasmPaths = options.wasmPaths;
  const version = ort.env.versions?.web ?? ort.env.versions?.common ?? '';
  return ortRuntime(`onnxruntime-web ${version}`.trim(), ort, false, {
    executionProviders: ['wasm'],
    logSeverityLevel: 3,
  });
}
