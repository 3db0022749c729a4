/**
 * One path of the hypercolumn benchmark in a process of its own, whose memory is its own too. Prints one JSON line.
 * Arguments: path, pixels along a side, threads, steps, warmup.
 */
import { nodeRuntime } from '../src/runtime/node.js';
import type { Tensor } from '../src/tensor/tensor.js';
import { hypercolumnSubject, type Path } from './hypercolumn-subject.js';
import { peakMegabytes } from './peak-memory.js';
import { summary } from './rounds.js';

const [path = 'efficient', ...numbers] = process.argv.slice(2);
const [size = 500, threads = 1, steps = 3, warmup = 1] = numbers.map(Number);
const { scorer, image } = hypercolumnSubject(size);
const session = await (await nodeRuntime()).load(scorer(path as Path), { threads });
const times: number[] = [];
let means: number[] = [];
for (let k = 0; k < warmup + steps; k++) {
  const start = performance.now();
  const { probabilities } = await session.run({ image });
  if (k >= warmup) times.push(performance.now() - start);
  if (k === 0 && probabilities) means = meansOf(probabilities as Tensor<'float32'>);
}
console.log(JSON.stringify({ ...summary(times), peakMegabytes: peakMegabytes(), means }));

/** Of the first image's classes. */
function meansOf({ dims: [, classes = 1, height = 1, width = 1], data }: Tensor<'float32'>) {
  const pixels = height * width;
  return Array.from({ length: classes }, (_, c) =>
    data.subarray(c * pixels, (c + 1) * pixels).reduce((sum, p) => sum + p / pixels, 0),
  );
}
