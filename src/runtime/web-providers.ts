/** What a browser tab has to run graphs with, and what is missing where it has not: threads and WebGPU. */

/** One of ONNX Runtime's execution providers as this tab has it. */
export interface WebProvider {
  readonly name: 'wasm' | 'webgpu';
  readonly available: boolean;
  /** Threads inside one operator; 1 for `webgpu`, whose operators run on the graphics card. */
  readonly threads: number;
  /** What there is, or why not and what to do, as a sentence. */
  readonly reason: string;
}

/** The parts of a browser that are asked here; all of them may be missing, in Node for one. */
interface Scope {
  readonly crossOriginIsolated?: boolean;
  readonly isSecureContext?: boolean;
  readonly SharedArrayBuffer?: unknown;
  readonly navigator?: {
    readonly hardwareConcurrency?: number;
    readonly gpu?: { requestAdapter(): Promise<GpuAdapter | null> };
  };
}

interface GpuAdapter {
  readonly info?: { readonly vendor?: string; readonly architecture?: string };
  requestDevice(): Promise<{ destroy(): void }>;
}

/** Ours: beyond this, an operator of a small network is cut into pieces that cost more than they save. */
const mostThreads = 8;

/**
 * What this tab or worker can run graphs on: WebAssembly and its threads, and WebGPU, each with a sentence on why it is
 * there or not. A WebGPU device is asked for and given back at once.
 * @param scope the global scope; another one for tests
 */
export async function webProviders(scope: object = globalThis): Promise<readonly WebProvider[]> {
  const { threads, reason } = webThreads(undefined, scope);
  const wasm: WebProvider = { name: 'wasm', available: true, threads, reason };
  const refusal = await webgpuRefusal(scope);
  return [
    wasm,
    {
      name: 'webgpu',
      available: refusal.why === null,
      threads: 1,
      reason: refusal.why ?? `WebGPU on ${refusal.adapter}.`,
    },
  ];
}

/** How many threads WebAssembly has here, `wanted` where it can, and a sentence on why. */
export function webThreads(
  wanted?: number,
  scope: Scope = globalThis as Scope,
): { readonly threads: number; readonly reason: string } {
  const cores = scope.navigator?.hardwareConcurrency ?? 1;
  // A core is left to the page: threads that wait for work keep their cores busy.
  const threads = wanted ?? Math.min(Math.max(1, cores - 1), mostThreads);
  if (threads === 1 && wanted === 1) return { threads, reason: 'One thread, as asked for.' };
  // Node has no such property, and shares memory between its threads without headers.
  if (scope.crossOriginIsolated === false || scope.SharedArrayBuffer === undefined)
    return {
      threads: 1,
      reason:
        'One thread: the page is not cross-origin isolated, so its workers share no memory. Serve it and its scripts with the headers "Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp", over HTTPS or from localhost.',
    };
  return {
    threads,
    reason:
      threads === 1
        ? `One thread: there ${cores === 1 ? 'is one core' : 'are two cores, and one is left to the page'}.`
        : `${threads} threads.`,
  };
}

type Refusal = { readonly why: string } | { readonly why: null; readonly adapter: string };

async function webgpuRefusal(scope: Scope): Promise<Refusal> {
  if (scope.isSecureContext === false)
    return {
      why: 'No WebGPU: the page is not a secure context. Serve it over HTTPS, or from localhost.',
    };
  const gpu = scope.navigator?.gpu;
  if (!gpu)
    return {
      why: 'No WebGPU: there is no navigator.gpu. Use a browser that has it, and look whether it is switched off.',
    };
  try {
    const adapter = await gpu.requestAdapter();
    if (!adapter)
      return {
        why: 'No WebGPU: the browser found no adapter for it, so the graphics card or its driver is missing or blocked.',
      };
    const device = await adapter.requestDevice();
    device.destroy();
    const { vendor, architecture } = adapter.info ?? {};
    const known = [vendor, architecture].filter((word) => word !== undefined && word !== '');
    return { why: null, adapter: known.join(' ') || 'an unnamed adapter' };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return { why: `No WebGPU: the adapter gave no device: ${said}` };
  }
}
