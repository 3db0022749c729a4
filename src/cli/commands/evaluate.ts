/** `espalier evaluate`: the figures of any ONNX image classifier on a data set's test images. */
import { resolve } from 'node:path';
import { z } from 'zod';
import type { DatasetOptions } from '../../data/dataset.js';
import type { ImageSet } from '../../data/image-set.js';
import { type DatasetName, datasets } from '../../data/table.js';
import { DataError } from '../../errors.js';
import { formatShape } from '../../tensor/shape.js';
import { type Context, command } from '../command.js';
import { describeEvaluation, evaluate, figuresByName, thresholdFigures } from '../evaluation.js';
import { classifierOptions, type ImageClassifier, openClassifier } from '../image-classifier.js';
import type { Bar } from '../progress.js';
import { counted } from '../text-table.js';
import { missedThresholds, readThresholds } from '../thresholds.js';

const names = Object.keys(datasets) as [DatasetName, ...DatasetName[]];
const gates = thresholdFigures.join(', ');

const options = z.object({
  data: z.enum(names).describe('the data set'),
  folder: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe('where it is: for folder, one with test/<class>/*'),
  split: z.enum(['test', 'labelled']).default('test').describe('which of its images'),
  strict: z.boolean().optional().describe('a file that cannot be read is an error, not skipped'),
  topK: z
    .int()
    .min(1)
    .optional()
    .describe('how many guesses count for the top (5, or all classes)'),
  failUnder: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'figure=number' })
    .describe(`end with exit code 5 where a figure is below: ${gates}`),
  failOver: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'figure=number' })
    .describe('end with exit code 5 where a figure is above'),
  ...classifierOptions,
});

type Options = z.output<typeof options>;

export const evaluateCommand = command({
  name: 'evaluate',
  summary: 'Test an ONNX image classifier on labelled images',
  examples: [
    'espalier evaluate model.onnx --data mnist',
    'espalier evaluate model.onnx --data folder --folder photos',
    'espalier evaluate model.onnx --data mnist --fail-under accuracy=0.98 --fail-over nll=0.1',
  ],
  arguments: [{ name: 'model', description: 'an ONNX file', required: true }],
  options,
  async run({ options: given, arguments: { model } }, context) {
    const thresholds = [
      ...readThresholds('--fail-under', 'least', given.failUnder, thresholdFigures),
      ...readThresholds('--fail-over', 'most', given.failOver, thresholdFigures),
    ];
    const classifier = await openClassifier(model, given, context);
    const set = await loadImages(given, classifier, context);
    const truth = matchClasses(given.data, set, classifier);
    const bar = context.bar('classifying', set.count);
    const probabilities = await classifier
      .classify(set.images, set.count, (done) => bar.update(done))
      .finally(() => bar.end());
    const k = Math.min(given.topK ?? 5, classifier.classes.length);
    const evaluation = evaluate(probabilities, truth, classifier.classes, k);
    const error = missedThresholds(thresholds, figuresByName(evaluation));
    return {
      json: { model, data: given.data, split: given.split, ...evaluation },
      text: `${model} on ${given.data}, ${counted(set.count, `${given.split} image`)}\n\n${describeEvaluation(evaluation)}`,
      ...(error && { error }),
    };
  },
});

async function loadImages(
  { data, folder, split, strict }: Options,
  { target }: ImageClassifier,
  context: Context,
): Promise<ImageSet> {
  const dataset = datasets[data];
  const bars: { reading?: Bar } = {};
  const wanted: DatasetOptions = {
    ...(folder === undefined ? {} : { folder: resolve(context.cwd, folder) }),
    ...(split === 'labelled' ? { labels: 'all' } : {}),
    strict,
    // Size and colour are the model's, where the data set can be brought to them.
    ...(dataset.accepts.includes('height') ? target : {}),
    onProgress({ done, total }) {
      bars.reading ??= context.bar('reading images', total);
      bars.reading.update(done);
    },
  };
  const loaded = await dataset.load(wanted).finally(() => bars.reading?.end());
  for (const { file, reason } of loaded.skipped.slice(0, 20))
    context.note(`skipped ${file}: ${reason}`);
  if (loaded.skipped.length > 20) context.note(`and ${loaded.skipped.length - 20} more skipped`);
  const set = loaded[split];
  if (!set || set.count === 0)
    throw new DataError(
      `data set ${data} has no ${split} images: put them into test/<class>/*, or give --split labelled`,
      { path: folder ?? data },
    );
  const expected = [target.channels, target.height, target.width];
  if (set.shape.join() !== expected.join())
    throw new DataError(
      `the images of ${data} are ${formatShape(set.shape)} (channels, height, width), the model takes ${formatShape(expected)}`,
      { expected, actual: set.shape },
    );
  return set;
}

/**
 * The true classes as the model counts them: by name where it has names, so that a data set may hold some of its
 * classes in another order; by number where it has none.
 */
function matchClasses(
  data: string,
  set: ImageSet,
  { classes, isNamed, path }: ImageClassifier,
): Int32Array {
  const positions = isNamed
    ? set.classes.map((name) => classes.indexOf(name))
    : set.classes.map((_, i) => (set.classes.length === classes.length ? i : -1));
  const stranger = set.classes.find((_, i) => (positions[i] ?? -1) < 0);
  if (stranger !== undefined)
    throw new DataError(
      isNamed
        ? `class "${stranger}" of ${data} is none of ${path}, which knows ${classes.join(', ')}. --classes renames them`
        : `${data} has ${set.classes.length} classes, ${path} tells ${classes.length} apart`,
      { expected: classes, actual: set.classes },
    );
  return Int32Array.from(set.labels ?? [], (label) => positions[label] ?? -1);
}
