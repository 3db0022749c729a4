/** ONNX Runtime's WebAssembly build: browsers, and Node where no native build is at hand. */
import { RuntimeUnavailableError } from '../errors.js';
import { ortRuntime } from './ort.js';
import type { Runtime } from './runtime.js';
import { webThreads } from './web-providers.js';

export { type WebProvider, webProviders } from './web-providers.js';

/** Where the browser finds ONNX Runtime's own files: a folder, or the two of them one by one. */
export type WasmPaths = string | { readonly mjs?: string; readonly wasm?: string };

export interface WebRuntimeOptions {
  /**
   * Threads inside one operator; where left out all cores but one, which the page needs, and at most 8. The first runtime
   * of a worker decides for all.
   */
  readonly threads?: number;
  /** Needed where the bundler does not place the files by itself, or workers of its own are to be small. */
  readonly wasmPaths?: WasmPaths;
}

export interface WebRuntime extends Runtime {
  /** Threads inside one operator: fewer than asked for where the page is not cross-origin isolated. */
  readonly threads: number;
  /** Why there are so many, as a sentence; what to do where there could be more. */
  readonly reason: string;
}

/**
 * The runtime over `onnxruntime-web` on WebAssembly. Without cross-origin isolation it falls back to one thread, and
 * its `reason` says so.
 * @throws RuntimeUnavailableError where the package is not installed.
 */
export async function webRuntime(options: WebRuntimeOptions = {}): Promise<WebRuntime> {
  const ort = await import('onnxruntime-web/wasm').catch((cause: unknown) => {
    throw new RuntimeUnavailableError(
      'onnxruntime-web does not load. Install it with "npm install onnxruntime-web".',
      { cause },
    );
  });
  const { threads, reason } = webThreads(options.threads);
  ort.env.wasm.numThreads = threads;
  if (options.wasmPaths !== undefined) ort.env.wasm.wasmPaths = options.wasmPaths;
  const version = ort.env.versions?.web ?? ort.env.versions?.common ?? '';
  const runtime = ortRuntime(`onnxruntime-web ${version}`.trim(), ort, false, {
    executionProviders: ['wasm'],
    logSeverityLevel: 3,
  });
  return { ...runtime, threads, reason };
}
