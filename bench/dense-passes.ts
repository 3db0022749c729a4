/** One pass over an image of 500x500 against the classifier on every crop of the same grid (Long et al. 2015, 3.1). */
import { convolutionalize } from '../src/dense/convolutionalize.js';
import { finer } from '../src/dense/finer.js';
import { type Model, model } from '../src/graph/graph.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import type { Session } from '../src/runtime/runtime.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import { zeros } from '../src/tensor/tensor.js';
import type { BenchContext, Findings } from './benchmark.js';
import { best, inRounds, ms, type Side } from './rounds.js';

/** Height and width; of a test, of few crops. */
const sizeOf = ({ small }: BenchContext): number => (small ? 256 : 500);
/** Crops that the classifier gets at once; the time of all of them is that of these, so often. */
const together = 10;

interface Passes {
  readonly name: string;
  readonly dense: Model;
  readonly classifier: Model;
  readonly input: string;
  readonly output: string;
  /** Height and width of a crop. */
  readonly crop: number;
  /** Times faster that the pass is to be at least: 5 at the own stride, as in the paper. */
  readonly wanted: number;
}

/**
 * @param stride of the pass; the network's own where null, else by the a-trous rewrite
 * @param width multiplies the numbers of channels
 */
function passes(name: 'alexnet' | 'squeezenet', stride: number | null, width: number): Passes {
  const architecture = models[name];
  const classifier = buildModel(architecture, { seed: 1, width });
  const own = convolutionalize(classifier, { pooling: 'window' });
  const { model: dense, input, output, field } = stride === null ? own : finer(own, stride);
  return {
    name: `${architecture.title}, stride ${field[0]?.stride}`,
    ...{ dense, classifier, input, output, crop: architecture.input[1] },
    wanted: stride === null ? 5 : 50,
  };
}

const compared = [
  ['alexnet', null],
  ['squeezenet', null],
  ['alexnet', 8],
  ['squeezenet', 8],
] as const;

/** Milliseconds of one pass and of all crops, and how many times faster the pass is. */
export async function densePasses(context: BenchContext): Promise<Findings> {
  const all = [];
  for (const [network, stride] of compared) {
    const each = passes(network, stride, context.small ? 0.125 : 1);
    context.progress(each.name);
    all.push({ name: each.name, wanted: each.wanted, ...(await compare(each, context)) });
  }
  return {
    figures: Object.fromEntries(all.map(({ name, ...figures }) => [name, figures])),
    lines: all.map(
      ({ name, crops, pass, separately, faster, wanted }) =>
        `${name}: one pass ${ms(pass)} ms, ${crops} crops ${ms(separately)} ms, ${faster.toFixed(1)} times (wanted: at least ${wanted})`,
    ),
  };
}

async function compare(given: Passes, context: BenchContext) {
  const { dense, classifier, input, output, crop } = given;
  const size = sizeOf(context);
  const image = noise([1, 3, size, size]);
  const crops = noise([together, 3, crop, crop]);
  const sides: Side[] = [];
  let count = 0;
  for (const threads of context.threads) {
    const over = await context.runtime.load(dense, { threads });
    const [, , rows = 0, columns = 0] = (await over.run({ [input]: image }))[output]?.dims ?? [];
    count = rows * columns;
    const each = await context.runtime.load(model(classifier.graph), { threads });
    sides.push(side('pass', threads, over, { [input]: image }));
    sides.push(side('crops', threads, each, { [input]: crops }));
  }
  const timed = await inRounds(sides, context);
  const pass = best(timed, 'pass')?.median ?? Number.NaN;
  const separately = ((best(timed, 'crops')?.median ?? Number.NaN) * count) / together;
  return { crops: count, pass, separately, faster: separately / pass };
}

function noise(dims: readonly number[]) {
  const made = zeros('float32', dims);
  fillUniform(made.data, streamKey(1, 0, 'noise'));
  return made;
}

function side(
  name: string,
  threads: number,
  session: Session,
  feeds: Parameters<Session['run']>[0],
): Side {
  return {
    name,
    threads,
    async measure({ steps, warmup }) {
      const times: number[] = [];
      for (let k = 0; k < warmup + steps; k++) {
        const start = performance.now();
        await session.run(feeds);
        if (k >= warmup) times.push(performance.now() - start);
      }
      return times;
    },
  };
}
