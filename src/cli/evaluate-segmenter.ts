/** The figures of a segmenter on scenes whose masks are known: what `evaluate` does with one. */
import type { OpenedScenes } from '../data/segmentation/open-scenes.js';
import type { SceneSource } from '../data/segmentation/scenes.js';
import { planTiles, type TilePlan } from '../dense/tiles.js';
import { DataError, InterruptedError, internal, ModelError } from '../errors.js';
import type { Model } from '../graph/graph.js';
import { classesOfPixels } from '../metrics/segmentation.js';
import { hasDType, type Tensor } from '../tensor/tensor.js';
import type { Context, Output } from './command.js';
import type { EvaluateOptions } from './evaluate-classifier.js';
import { type ImageSegmenter, openSegmenter } from './image-segmenter.js';
import { openSceneData } from './scene-data.js';
import {
  describeSegmentation,
  evaluationOf,
  segmentationThresholds,
  thresholdValues,
} from './segmenter-figures.js';
import { judgeScenes, type Segment } from './segmenter-judging.js';
import { counted } from './text-table.js';
import { gatesOf, missedThresholds } from './thresholds.js';

export interface EvaluateSegmenterOptions extends EvaluateOptions {
  readonly maskColours?: string | undefined;
  readonly reduceZeroLabel: boolean;
}

/**
 * Judges a segmenter, each scene at its full size.
 * @throws DataError where there are no such scenes or the model does not know their classes, UsageError for options
 *   that do not fit; what `openSegmenter` throws.
 */
export async function evaluateSegmenter(
  file: string,
  model: Model,
  given: EvaluateSegmenterOptions,
  context: Context,
): Promise<Output> {
  const thresholds = gatesOf(given, Object.keys(segmentationThresholds));
  const segmenter = await openSegmenter(file, model, given, context);
  const place = given.folder ?? given.data;
  // Masks name their classes by number alone: where the data have no names, the model's are meant.
  const data = await openSceneData({ ...given, data: place, classes: undefined }, context);
  const source = splitOf(data, given.data, given.split);
  const indices = matchClasses(place, data.classes, segmenter);
  const bar = context.bar('segmenting', source.count);
  const judged = await judgeScenes(segmentWith(segmenter), source, {
    ...{ preprocessing: segmenter.preprocessing, classes: segmenter.classes.length, indices, bar },
    check() {
      if (context.signal.aborted) throw new InterruptedError('interrupted before the end');
    },
  }).finally(() => bar.end());
  const evaluation = evaluationOf(judged, segmenter.classes);
  const error = missedThresholds(thresholds, thresholdValues(evaluation));
  return {
    json: { model: file, data: given.data, split: given.split, ...evaluation },
    text: `${file} on ${given.data}, ${counted(source.count, `${given.split} scene`)}\n\n${describeSegmentation(evaluation)}`,
    ...(error && { error }),
  };
}

function splitOf(
  { train, validation, test }: OpenedScenes,
  name: string,
  split: EvaluateOptions['split'],
): SceneSource {
  const source = { train, labelled: train, validation, test }[split];
  if (source && source.count > 0) return source;
  const others = Object.entries({ test, validation, train })
    .filter(([other, scenes]) => other !== split && scenes && scenes.count > 0)
    .map(([other]) => `--split ${other}`);
  throw new DataError(`${name} has no ${split} scenes: give ${others.join(' or ')}`, {
    path: name,
    expected: others,
  });
}

/** The model's class of each class of the data: by name where both have names, else by number. */
function matchClasses(
  data: string,
  own: readonly string[],
  { classes, isNamed, path }: ImageSegmenter,
): readonly number[] {
  const byName = own.map((name) => classes.indexOf(name));
  if (isNamed && !byName.includes(-1)) return byName;
  if (own.length === classes.length) return [...own.keys()];
  const stranger = own[byName.indexOf(-1)];
  throw new DataError(
    isNamed
      ? `class "${stranger}" of ${data} is none of ${path}, which knows ${classes.join(', ')}. --classes renames them`
      : `${data} has ${own.length} classes, ${path} tells ${classes.length} apart`,
    { expected: classes, actual: own },
  );
}

/** A segmenter over whole scenes; those that are smaller than a position sees are padded, as `predict` does it. */
function segmentWith({ session, model, input, output }: ImageSegmenter): Segment {
  const plans = new Map<string, TilePlan>();
  return async (image) => {
    const [, , height = 0, width = 0] = image.dims;
    const size = `${height} x ${width}`;
    const memory = Number.MAX_SAFE_INTEGER;
    const plan = plans.get(size) ?? planTiles(model, [height, width], { output, memory });
    plans.set(size, plan);
    const fed = padded(image, plan.padded);
    const results = await session.run({ [input]: fed });
    const map = results[output] ?? internal(`no output ${output}`);
    if (!hasDType(map, 'float32'))
      throw new ModelError(`the output "${output}" is ${map.dtype}, not float32`, {
        actual: map.dtype,
      });
    return cut(classesOfPixels(map), map.dims, [height, width], output);
  };
}

type Sides = readonly [height: number, width: number];

/** Zeros below and on the right, where the image has fewer pixels than that. */
function padded(image: Tensor, [height, width]: Sides): Tensor {
  const [n = 1, channels = 1, h = 0, w = 0] = image.dims;
  if (h === height && w === width) return image;
  const data = new Float32Array(n * channels * height * width);
  for (let line = 0; line < n * channels * h; line++) {
    const row = Math.floor(line / h) * height + (line % h);
    data.set((image.data as Float32Array).subarray(line * w, (line + 1) * w), row * width);
  }
  return { dtype: 'float32', dims: [n, channels, height, width], data };
}

/** @throws DataError where the map is coarser than the image. */
function cut(
  ids: Uint8Array,
  [, , rows = 0, columns = 0]: readonly number[],
  [height, width]: Sides,
  output: string,
): Uint8Array {
  if (rows < height || columns < width)
    throw new DataError(
      `the output "${output}" has ${columns} x ${rows} positions for an image of ${width} x ${height}: masks are judged at the image's size. Bring it there with espalier convolutionalize --upsample bilinear.`,
      { expected: [height, width], actual: [rows, columns] },
    );
  if (rows === height && columns === width) return ids;
  const out = new Uint8Array(height * width);
  for (let y = 0; y < height; y++)
    out.set(ids.subarray(y * columns, y * columns + width), y * width);
  return out;
}
