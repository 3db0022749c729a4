/** `espalier evaluate`: the figures of any ONNX classifier, of images or of pixels, on data whose truth is known. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { readModelFile } from '../../runs/model-file.js';
import { command } from '../command.js';
import { evaluateClassifier } from '../evaluate-classifier.js';
import { evaluateSegmenter } from '../evaluate-segmenter.js';
import { thresholdFigures } from '../evaluation.js';
import { classifierOptions } from '../image-classifier.js';
import { imageDataOptions } from '../image-data.js';
import { isSegmenter } from '../image-segmenter.js';
import { maskOptions } from '../scene-data.js';
import { segmentationThresholds } from '../segmenter-figures.js';

const gates = `${thresholdFigures.join(', ')}; of segmenters ${Object.keys(segmentationThresholds).join(', ')}`;

const options = z.object({
  ...imageDataOptions,
  ...maskOptions,
  folder: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe('where they are: with --data folder, or with a known set that lies elsewhere'),
  split: z
    .enum(['test', 'validation', 'train', 'labelled'])
    .default('test')
    .describe('which of the images; labelled is another word for train'),
  seed: z.number().int().nonnegative().default(1).describe('decides which are held out'),
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

export const evaluateCommand = command({
  name: 'evaluate',
  summary: 'Test an ONNX classifier on labelled images, or a segmenter on images with masks',
  examples: [
    'espalier evaluate model.onnx --data mnist',
    'espalier evaluate model.onnx --data photos',
    'espalier evaluate model.onnx --data photos --split validation --validation 0.1 --seed 1',
    'espalier evaluate model.onnx --data mnist --fail-under accuracy=0.98 --fail-over nll=0.1',
    'espalier evaluate segmenter.onnx --data camvid --split validation --fail-under miou=0.6',
  ],
  arguments: [{ name: 'model', description: 'an ONNX file', required: true }],
  options,
  async run({ options: given, arguments: { model: file } }, context) {
    const model = await readModelFile(resolve(context.cwd, file));
    return isSegmenter(model, given.output)
      ? evaluateSegmenter(file, model, given, context)
      : evaluateClassifier(file, given, context);
  },
});
