/** The batch of each step: a pure function of the seed and the step, so that a resumed run sees the same data. */
import { DataError } from '../../errors.js';
import type { Feeds } from '../../runtime/runtime.js';
import { tensor } from '../../tensor/tensor.js';
import { Order } from '../../train/order.js';
import type { LadderConfig } from './config.js';

/** Images as bytes, 0 to 255, one after the other; with a label each, or without any. */
export interface Images {
  readonly images: Uint8Array;
  readonly count: number;
  readonly labels: Int32Array | null;
}

export interface Batches {
  /** A pass over the unlabelled images; over the labelled ones where there are no others. */
  readonly stepsPerEpoch: number;
  /** Feeds of a step, in buffers that the next call fills anew. */
  batch(step: number): Feeds;
}

/**
 * Endless passes over both sets side by side, each pass in a new order; the smaller set cycles (official code). Where
 * there are no others, the labelled images are the unlabelled ones too.
 * @throws DataError where there is no labelled image, a label is no class, or an image has not as many bytes as the
 *   input has units.
 */
export function ladderBatches(
  config: Pick<LadderConfig, 'batchSize' | 'seed' | 'mode' | 'widths'>,
  labelled: Images,
  unlabelled: Images | null,
): Batches {
  const { batchSize: n, seed } = config;
  const pixels = config.widths[0] ?? 1;
  if (labelled.count === 0 || !labelled.labels)
    throw new DataError('training needs labelled images, got none');
  for (const set of [labelled, unlabelled])
    if (set && set.images.length !== set.count * pixels)
      throw new DataError(
        `images have ${set.images.length / set.count} values each, the network takes ${pixels}`,
        { expected: pixels, actual: set.images.length / set.count },
      );
  checkLabels(labelled.labels, config.widths.at(-1) ?? 1);
  const source = unlabelled?.count ? unlabelled : labelled;
  const labelledOrder = new Order(labelled.count, seed, 'labelled');
  const unlabelledOrder = new Order(source.count, seed, 'unlabelled');
  const rows = (): Float32Array => new Float32Array(n * pixels);
  const feeds = {
    labelled: tensor('float32', [n, pixels], rows()),
    labels: tensor('int64', [n], new BigInt64Array(n)),
    ...(config.mode === 'supervised' ? {} : { unlabelled: tensor('float32', [n, pixels], rows()) }),
  };
  return {
    stepsPerEpoch: Math.max(1, Math.floor(source.count / n)),
    batch(step) {
      for (let i = 0; i < n; i++) {
        const index = labelledOrder.at(step * n + i);
        copyPixels(labelled, index, feeds.labelled.data, i, pixels);
        feeds.labels.data[i] = BigInt(labelled.labels?.[index] ?? 0);
        if (feeds.unlabelled)
          copyPixels(source, unlabelledOrder.at(step * n + i), feeds.unlabelled.data, i, pixels);
      }
      return feeds;
    },
  };
}

/** A label that is no class would cost nothing, whatever the network says of its image. */
function checkLabels(labels: Int32Array, classes: number): void {
  const wrong = labels.findIndex((label) => label < 0 || label >= classes);
  if (wrong >= 0)
    throw new DataError(
      `labelled image ${wrong} has the label ${labels[wrong]}, where classes go from 0 to ${classes - 1}`,
      { expected: classes, actual: labels[wrong] },
    );
}

/** A byte as a number in [0, 1]: looked up, since divisions of a whole batch would show in the time of a step. */
const unit = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

function copyPixels(
  from: Images,
  index: number,
  to: Float32Array,
  row: number,
  pixels: number,
): void {
  const [source, target] = [index * pixels, row * pixels];
  for (let k = 0; k < pixels; k++) to[target + k] = unit[from.images[source + k] ?? 0] ?? 0;
}
