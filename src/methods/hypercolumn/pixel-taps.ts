/** Which layers a hypercolumn is made of where nobody says: some of every scale that the network has. */
import { ModelError } from '../../errors.js';
import type { Model } from '../../graph/graph.js';
import { featureMaps } from '../../ops/feature-maps.js';
import { loadModel } from '../../ops/load.js';
import { imageInput, receptiveFields } from '../../ops/receptive-fields.js';

/** Layers of a hypercolumn: ours, as many as there are strides in most classifiers. */
const usual = 5;

/** Of the channels of the widest layer of a stride, what a layer must have to count: inner layers of a block are narrow. */
const wide = 2 / 3;

/** A layer that may be chosen. */
interface Candidate {
  readonly name: string;
  readonly channels: number;
}

/**
 * Spreads layers over the strides: the last wide one of each stride, and while there are fewer than `count`, another of
 * the stride with most layers to choose from, evenly spaced. Of SqueezeNet 1.1 conv1, fire3, fire5, fire7 and fire9; of a
 * ResNet the first convolution and the ends of its four stages. Neighbours say nearly the same (Hariharan et al. 2015).
 * @param source a network of any image size, whose outputs (scores of classes) are left out
 * @returns names of values, the finest first
 * @throws ModelError where there is no map over the image.
 */
export function spreadTaps(source: Model, count: number = usual): string[] {
  const b = loadModel(source);
  const image = imageInput(b);
  const outputs = new Set(b.outputs.map(({ name }) => name));
  const strides = new Map<number, Candidate[]>();
  for (const { value, field } of image ? featureMaps(b, receptiveFields(b, image)) : []) {
    const [height, width] = field.map(({ stride }) => stride);
    if (height === undefined || height !== width || outputs.has(value.name)) continue;
    const candidate = { name: value.name, channels: Number(value.shape[1]) };
    strides.set(height, [...(strides.get(height) ?? []), candidate]);
  }
  const levels = [...strides].sort(([a], [c]) => a - c).map(([, layers]) => widest(layers));
  if (levels.length === 0)
    throw new ModelError(
      'the model has no map over the image to make hypercolumns of: name values with --taps',
    );
  const chosen = fromEndToEnd(levels, count);
  const shares = chosen.map(() => 1);
  for (let more = count - chosen.length; more > 0; more--) {
    const room = chosen.map((layers, i) => {
      const own = shares[i] ?? 1;
      return own < layers.length ? layers.length / own : 0;
    });
    const most = Math.max(...room);
    if (most === 0) break;
    const at = room.lastIndexOf(most);
    shares[at] = (shares[at] ?? 1) + 1;
  }
  return chosen.flatMap((layers, i) =>
    evenly(layers.length, shares[i] ?? 1).map((at) => layers[at]?.name ?? ''),
  );
}

function widest(layers: readonly Candidate[]): Candidate[] {
  const most = Math.max(...layers.map(({ channels }) => channels));
  return layers.filter(({ channels }) => channels >= wide * most);
}

/** All, or `count` of them, the last and, if there is more than one, the first among them. */
function fromEndToEnd<T>(all: readonly T[], count: number): readonly T[] {
  if (count >= all.length) return all;
  if (count === 1) return all.slice(-1);
  const step = (all.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, i) => all[Math.round(i * step)] as T);
}

/** `count` of the places 0 to `length` - 1, evenly spaced, the last among them. */
function evenly(length: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.round(((i + 1) * length) / count) - 1);
}
