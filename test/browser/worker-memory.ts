/** Memory of a page's first worker, through Chromium's debugging protocol. */
import type { CDPSession, Page } from 'playwright-core';

export interface WorkerMemory {
  /** Bytes of live objects, after garbage collection. */
  readonly heap: number;
  /** Bytes of array buffers that are not shared. */
  readonly buffers: number;
  /** Bytes of all WebAssembly memories. */
  readonly wasm: number;
}

interface Answer {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
}

/** Keeps every WebAssembly memory that the worker makes: ONNX Runtime shows its own to nobody. */
const keepMemories = `
  globalThis.memories = [];
  WebAssembly.Memory = class extends WebAssembly.Memory {
    constructor(descriptor) {
      super(descriptor);
      memories.push(this);
    }
  };`;
const wasmBytes = 'memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)';

/**
 * Attaches to the worker of an open page, which must not have run a graph yet; gives a function that collects its
 * garbage and measures.
 */
export async function watchWorker(page: Page): Promise<() => Promise<WorkerMemory>> {
  const session = await page.context().newCDPSession(page);
  const worker = new Promise<string>((resolve) => {
    session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker') resolve(sessionId);
    });
  });
  await session.send('Target.setAutoAttach', {
    autoAttach: true,
    waitForDebuggerOnStart: false,
    flatten: false,
  });
  const ask = asker(session, worker);
  await ask('Runtime.evaluate', { expression: keepMemories });
  return async () => {
    await ask('HeapProfiler.collectGarbage');
    const { usedSize, backingStorageSize } = await ask('Runtime.getHeapUsage');
    const { result } = await ask('Runtime.evaluate', { expression: wasmBytes });
    return {
      heap: Number(usedSize),
      buffers: Number(backingStorageSize),
      wasm: Number((result as { value: number }).value),
    };
  };
}

type Ask = (
  method: string,
  parameters?: Readonly<Record<string, unknown>>,
) => Promise<Record<string, unknown>>;

/** The protocol inside the protocol: messages to a worker go in messages to its page. */
function asker(session: CDPSession, worker: Promise<string>): Ask {
  const waiting = new Map<number, (result: Record<string, unknown>) => void>();
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id = 0, result = {} } = JSON.parse(message) as Answer;
    waiting.get(id)?.(result);
  });
  let last = 0;
  return async (method, params = {}) => {
    const id = ++last;
    const answer = new Promise<Record<string, unknown>>((resolve) => waiting.set(id, resolve));
    const message = JSON.stringify({ id, method, params });
    await session.send('Target.sendMessageToTarget', { sessionId: await worker, message });
    return answer;
  };
}
