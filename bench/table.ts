/** All benchmarks, by name. A new one is a file `<name>.bench.ts` and a line here. */
import { attackBenchmark } from './attack.bench.js';
import type { Benchmark } from './benchmark.js';
import { boxesBenchmark } from './boxes.bench.js';
import { browserConvStepBenchmark } from './browser-conv-step.bench.js';
import { compileBenchmark } from './compile.bench.js';
import { confidentStepBenchmark } from './confident-step.bench.js';
import { convGradientBenchmark } from './conv-gradient.bench.js';
import { convStepBenchmark } from './conv-step.bench.js';
import { denseBenchmark } from './dense.bench.js';
import { hypercolumnBenchmark } from './hypercolumn.bench.js';
import { ladderStepBenchmark } from './ladder-step.bench.js';
import { mlpStepBenchmark } from './mlp-step.bench.js';
import { randomBenchmark } from './random.bench.js';
import { scribblesBenchmark } from './scribbles.bench.js';
import { tilesBenchmark } from './tiles.bench.js';

export const benchmarks: readonly Benchmark[] = [
  attackBenchmark,
  boxesBenchmark,
  browserConvStepBenchmark,
  compileBenchmark,
  confidentStepBenchmark,
  convGradientBenchmark,
  convStepBenchmark,
  denseBenchmark,
  hypercolumnBenchmark,
  ladderStepBenchmark,
  mlpStepBenchmark,
  randomBenchmark,
  scribblesBenchmark,
  tilesBenchmark,
];
