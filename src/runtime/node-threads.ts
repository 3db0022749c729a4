/** Sessions of ONNX Runtime's native build, each on a thread of its own: they run beside each other and beside us. */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Tensor } from 'onnxruntime-common';
import type { Ort } from './ort.js';

type Tensors = Readonly<Record<string, Tensor>>;

/** What goes to the thread and comes back: tensors as plain data. */
interface Plain {
  readonly type: string;
  readonly data: unknown;
  readonly dims: readonly number[];
}
interface Reply {
  readonly error?: string;
  readonly results?: Readonly<Record<string, Plain>>;
  readonly names?: readonly [inputs: string[], outputs: string[]];
  /** Memory that went with the message. */
  readonly moved?: readonly ArrayBuffer[];
}

/**
 * What a thread does: it answers one message after the other, the first being its names. It is text, since a file would have
 * to be found from sources, from a bundle and from what is installed.
 */
const program = `
const { parentPort, workerData: { path, bytes, options } } = require('node:worker_threads');
const ort = require(path);
const told = (work) => work.then(
  (reply) => parentPort.postMessage(reply, reply.moved),
  (error) => parentPort.postMessage({ error: String(error && error.message || error) }),
);
const session = ort.InferenceSession.create(bytes, options);
let last = told(session.then(({ inputNames, outputNames }) => ({ names: [inputNames, outputNames] })));
const plain = (tensors) => Object.fromEntries(
  Object.entries(tensors).map(([name, { type, data, dims }]) => [name, { type, data, dims }]),
);
const answer = async ({ feeds, fetches, moved }) => {
  const tensors = Object.fromEntries(
    Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new ort.Tensor(type, data, dims)]),
  );
  const results = await (await session).run(tensors, ...(fetches ? [fetches] : []));
  return { results: plain(results), moved };
};
parentPort.on('message', (message) => { last = last.then(() => told(answer(message))); });
`;

/**
 * The native build's module as `ortRuntime` uses it, whose sessions have threads of their own. Runs of one session are done
 * in their order. A thread that does nothing does not keep the process alive.
 */
export function onThreads(module: Ort): Ort {
  const path = createRequire(import.meta.url).resolve('onnxruntime-node');
  const create = async (bytes: Uint8Array, options: object) => {
    const worker = new Worker(program, { eval: true, workerData: { path, bytes, options } });
    const thread = new Thread(worker);
    const { names: [inputNames, outputNames] = [[], []] } = await thread
      .reply()
      .catch(async (error: unknown) => {
        await worker.terminate();
        throw error;
      });
    return {
      ...{ inputNames, outputNames },
      async run(feeds: Tensors, fetches?: readonly string[]): Promise<Tensors> {
        const moved: ArrayBuffer[] = [];
        const plain = mapped(feeds, ({ type, data, dims }) => ({
          ...{ type, dims },
          data: ArrayBuffer.isView(data) ? thread.copied(data, moved) : data,
        }));
        const { results = {} } = await thread.ask({ feeds: plain, fetches, moved }, moved);
        return mapped(
          results,
          ({ type, data, dims }) =>
            new module.Tensor(type as 'float32', data as Float32Array, dims),
        );
      },
      async release(): Promise<void> {
        await worker.terminate();
      },
    };
  };
  // Of the module's class only this is used, and of its overloads only these.
  const InferenceSession = { create } as unknown as Ort['InferenceSession'];
  return { Tensor: module.Tensor, InferenceSession };
}

/** Data of a tensor, but for text. */
type Data = Exclude<Tensor['data'], readonly string[]>;

/** Messages to a thread and its replies, which come in the same order. */
class Thread {
  readonly #worker: Worker;
  readonly #waiting: { resolve: (reply: Reply) => void; reject: (error: unknown) => void }[] = [];
  /** Memory for messages, which goes with them and comes back with the replies. */
  readonly #spare: ArrayBuffer[] = [];
  #failed: Error | null = null;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (reply: Reply) => {
      const next = this.#waiting.shift();
      this.#spare.push(...(reply.moved ?? []));
      if (this.#waiting.length === 0) worker.unref();
      if (reply.error === undefined) next?.resolve(reply);
      else next?.reject(new Error(reply.error));
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', () => this.#fail(new Error('its thread has ended')));
  }

  ask(message: unknown, moved: readonly ArrayBuffer[]): Promise<Reply> {
    if (this.#failed) return Promise.reject(this.#failed);
    this.#worker.ref();
    this.#worker.postMessage(message, moved);
    return this.reply();
  }

  /** The same in memory that can go to the thread, noted in `moved`. A view's own would go with all that it looks into. */
  copied<T extends Data>(data: T, moved: ArrayBuffer[]): T {
    const at = this.#spare.findIndex(({ byteLength }) => byteLength >= data.byteLength);
    const [buffer = new ArrayBuffer(data.byteLength)] = at < 0 ? [] : this.#spare.splice(at, 1);
    moved.push(buffer);
    const copy = Reflect.construct(data.constructor, [buffer, 0, data.length]) as T;
    copy.set(data as never);
    return copy;
  }

  /** The next reply that nobody waits for yet. */
  reply(): Promise<Reply> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

const mapped = <T, U>(record: Readonly<Record<string, T>>, f: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value)]));
