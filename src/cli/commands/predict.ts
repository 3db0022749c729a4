/** `espalier predict`: images in; classes and probabilities out, or a class for every pixel. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { readModelFile } from '../../runs/model-file.js';
import { classifyImages } from '../classify-files.js';
import { command } from '../command.js';
import { classifierOptions, openClassifier } from '../image-classifier.js';
import { isSegmenter, openSegmenter } from '../image-segmenter.js';
import { segmentImages, segmentOptions } from '../segment-files.js';

const options = z.object({
  top: z.int().min(1).default(1).describe('classes to show for each image, the likeliest first'),
  strict: z
    .boolean()
    .default(false)
    .describe('a file that cannot be read is an error, not skipped'),
  ...segmentOptions,
  ...classifierOptions,
});

export const predict = command({
  name: 'predict',
  summary: 'Classify or segment images with an ONNX model',
  examples: [
    'espalier predict model.onnx photos/',
    'espalier predict model.onnx a.png b.jpg --top 3',
    'espalier predict model.onnx photos/ --json',
    'espalier predict segmenter.onnx photos/ --to masks --opacity 0.4',
    'espalier predict segmenter.onnx map.png --tile 1024 --overlay none --probabilities',
  ],
  arguments: [
    { name: 'model', description: 'an ONNX file', required: true },
    {
      name: 'images',
      description: 'PNG, JPEG or WebP files, or folders, which are searched with those inside',
      required: true,
      variadic: true,
    },
  ],
  options,
  async run({ options: given, arguments: { model: file, images } }, context) {
    const model = await readModelFile(resolve(context.cwd, file));
    if (isSegmenter(model, given.output)) {
      const segmenter = await openSegmenter(file, model, given, context);
      return segmentImages(segmenter, images, given, context);
    }
    const classifier = await openClassifier(file, given, context);
    return classifyImages(file, classifier, images, given, context);
  },
});
