/**
 * Whether a network still tells things apart. A classifier whose units are dead gives one answer to everything with
 * finite losses and no NaN, so a fixed set of images is looked at before every checkpoint.
 */
import { TrainingError } from '../../errors.js';
import { model } from '../../graph/graph.js';
import { load } from '../../ops/load.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import type { Network } from '../classifier/network.js';
import type { ImageRows, Weights } from '../classifier/score.js';

/** What a probe of the classifier saw. */
export interface ClassifierProbe {
  /** Largest difference between two images' probabilities of a class, over all classes. */
  readonly spread: number;
  /** Classes that were some image's most likely one. */
  readonly predicted: number;
  /** Share of units behind a Relu that are 0 for every image. */
  readonly dead: number;
  /** Outputs of Relus of which every unit is dead. */
  readonly deadLayers: readonly string[];
}

export type Probe = (weights: Weights, images: ImageRows) => Promise<ClassifierProbe>;

/** Images that are looked at: ours, few enough to cost nothing. */
export const probedImages = 256;
/** Outputs that differ by less are constant. A network that has not learnt yet differs by 1e-5 and more. */
const constantSpread = 1e-6;
/** Standard deviation of a pixel, 0 to 1, below which generated images are one and the same. */
const leastDiversity = 0.005;
/** Epochs and steps from which on a single predicted class is a collapse, and no slow beginning: ours. */
const patience = { epochs: 2, steps: 200 };

/** Prepares the inference graph with the weights `names` as inputs, and what its Relus let through as outputs. */
export async function classifierProbe(
  runtime: Runtime,
  network: Network,
  names: ReadonlySet<string>,
  options?: SessionOptions,
): Promise<Probe> {
  const b = load({ ...network.graph, outputs: [] }, { trainable: (name) => names.has(name) });
  const layers: string[] = [];
  for (const { op, domain, outputs } of [...b.nodes]) {
    const [name = ''] = outputs;
    const rank = b.values.get(name)?.shape.length ?? 0;
    if (op !== 'Relu' || domain !== '' || rank < 2) continue;
    const axes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);
    b.output(b.ReduceMax(b.value(name), axes, { keepdims: 0 }), `largest/${layers.length}`);
    layers.push(name);
  }
  const logits = b.Reshape(b.value(network.head.logits), [-1, network.classes]);
  const output = b.output(b.Softmax(logits, { axis: 1 })).name;
  const session = await runtime.load(model(b.build('probe', 'inputs')), options);
  const taken = new Set(session.inputs);
  return async (weights, images) => {
    const feeds = Object.fromEntries([...weights].filter(([name]) => taken.has(name)));
    const x = await images.rows(0, Math.min(images.count, probedImages));
    const results = await session.run({ ...feeds, [network.input.name]: x });
    const largest = layers.map((_, i) => results[`largest/${i}`]?.data as Float32Array);
    const units = largest.reduce((sum, each) => sum + each.length, 0);
    const deadOf = (each: Float32Array): number => each.filter((value) => value <= 0).length;
    return {
      ...answers(results[output]?.data as Float32Array, network.classes),
      dead: units === 0 ? 0 : largest.reduce((sum, each) => sum + deadOf(each), 0) / units,
      deadLayers: layers.filter((_, i) => largest[i]?.every((value) => value <= 0)),
    };
  };
}

function answers(rows: Float32Array, classes: number): { spread: number; predicted: number } {
  const likeliest = new Set<number>();
  const [least, most] = [new Float32Array(classes).fill(1), new Float32Array(classes)];
  for (let from = 0; from < rows.length; from += classes) {
    const row = rows.subarray(from, from + classes);
    likeliest.add(row.indexOf(Math.max(...row)));
    row.forEach((value, k) => {
      least[k] = Math.min(least[k] ?? 0, value);
      most[k] = Math.max(most[k] ?? 0, value);
    });
  }
  return {
    spread: Math.max(...most.map((value, k) => value - (least[k] ?? 0))),
    predicted: likeliest.size,
  };
}

/** A network that answers everything alike: the run can go back to its last checkpoint. */
export class Collapse extends TrainingError {}

/**
 * @param epoch passes over the data so far
 * @param step rounds so far
 * @throws Collapse where the classifier gives one answer to all images.
 */
export function requireAlive(probe: ClassifierProbe, epoch: number, step: number): void {
  const { spread, predicted, dead, deadLayers } = probe;
  const isConstant = spread < constantSpread;
  const isEarly = epoch < patience.epochs || step < patience.steps;
  if (!isConstant && (predicted > 1 || isEarly)) return;
  const units =
    deadLayers.length > 0
      ? `every unit of ${deadLayers[0]} is dead`
      : `${(100 * dead).toFixed(0)} % of its units are dead`;
  throw new Collapse(
    `the classifier collapsed after ${epoch.toFixed(2)} epochs: it gives ${isConstant ? 'the same probabilities' : 'the same class'} to every image, ${units}`,
    { actual: probe },
  );
}

/**
 * Mean over pixels of their standard deviation over images.
 * @param images (count, size), 0 to 1
 */
export function diversityOf(images: Float32Array, count: number): number {
  const size = images.length / count;
  let sum = 0;
  for (let i = 0; i < size; i++) {
    let [first, second] = [0, 0];
    for (let n = 0; n < count; n++) {
      const value = images[n * size + i] ?? 0;
      first += value;
      second += value * value;
    }
    sum += Math.sqrt(Math.max(0, second / count - (first / count) ** 2));
  }
  return sum / size;
}

/** @throws Collapse where generated images are one and the same. */
export function requireDiverse(diversity: number, epoch: number): void {
  if (diversity >= leastDiversity) return;
  throw new Collapse(
    `the generator collapsed after ${epoch.toFixed(2)} epochs: its images differ by ${diversity.toExponential(1)} a pixel, as good as not at all`,
    { expected: leastDiversity, actual: diversity },
  );
}
