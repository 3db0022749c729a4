/** The options of `espalier train hypercolumn`. */
import { z } from 'zod';
import { UsageError } from '../errors.js';
import {
  checkPixelConfig,
  maskDefaults,
  type PixelConfig,
  scribbleDefaults,
} from '../methods/hypercolumn/pixel-config.js';
import { preprocessingOptions } from './preprocessing.js';
import { runningOptions } from './running-options.js';
import { sceneDataOptions } from './scene-data.js';
import { defined } from './training-run.js';

const positive = z.number().int().positive();

/** What strokes and masks have for a setting. */
const by = (name: keyof PixelConfig): string => {
  const [strokes, masks] = [scribbleDefaults[name], maskDefaults[name]];
  return strokes === masks ? `(${strokes})` : `(${strokes}, of --data ${masks})`;
};

const strokes = {
  image: z
    .array(z.string())
    .optional()
    .meta({ placeholder: 'file' })
    .describe('an image with strokes; again for each one more'),
  images: z.string().optional().meta({ placeholder: 'folder' }).describe('or a folder of images'),
  labels: z
    .array(z.string())
    .optional()
    .meta({ placeholder: 'file or folder' })
    .describe(
      'its strokes: a PNG of its size, numbers of classes, 255 where nothing is said; or the folder of those of --images, by the same names',
    ),
  ...sceneDataOptions,
  data: sceneDataOptions.data
    .optional()
    .describe(`or whole masks: ${sceneDataOptions.data.description}`),
  classes: z.array(z.string()).optional().describe('names of the classes (their numbers)'),
};

const classifier = {
  taps: z
    .array(z.string())
    .optional()
    .meta({ placeholder: 'conv1,fire5,fire9' })
    .describe('layers of the hypercolumns, by name (five, spread over the strides)'),
  head: z
    .string()
    .default('logistic')
    .meta({ placeholder: 'logistic|mlp:units' })
    .describe('what classifies them: linear, or with a hidden layer of so many units'),
  penalty: z
    .number()
    .nonnegative()
    .optional()
    .describe(`times the squared weights is added to the cost ${by('penalty')}`),
  balance: z
    .boolean()
    .optional()
    .describe('let every class count alike, however many of its pixels have labels'),
  points: positive.optional().describe(`pixels of an image that are learnt from ${by('points')}`),
  iterations: positive.optional().describe(`steps of the fit at most ${by('iterations')}`),
};

const { layout: _layout, height, width, ...pixels } = preprocessingOptions;
const { overwrite, runtime, threads } = runningOptions;

export const hypercolumnOptions = z.object({
  from: z
    .string()
    .meta({ placeholder: 'file' })
    .describe('the ONNX network whose layers are read; it stays as it is'),
  ...strokes,
  ...classifier,
  input: z
    .string()
    .optional()
    .meta({ placeholder: 'name' })
    .describe('input of --from that takes the images'),
  height: height.describe('height that --from is made for, where its file does not say'),
  width: width.describe('and its width'),
  ...pixels,
  cache: z
    .boolean()
    .default(true)
    .describe('keep what the layers say of images with strokes, so that the next fit is quick'),
  watch: z
    .boolean()
    .default(false)
    .describe('stay, and fit anew whenever strokes are drawn, until Ctrl-C'),
  opacity: z.number().min(0).max(1).default(0.6).describe('of the classes in the pictures'),
  seed: z.number().int().nonnegative().default(1).describe('decides all that is random'),
  output: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe('run folder (runs/hypercolumn-<model>-<image>)'),
  ...{ overwrite, runtime, threads },
});

/** The options as they were given. */
export type HypercolumnOptions = z.output<typeof hypercolumnOptions>;

/**
 * The defaults of strokes or of masks with what was given in their place.
 * @throws UsageError naming the first setting that makes no sense.
 */
export function pixelConfigOf(given: HypercolumnOptions): PixelConfig {
  const { penalty, balance, points, iterations, seed } = given;
  const config = {
    ...(given.data === undefined ? scribbleDefaults : maskDefaults),
    ...defined({ penalty, balance, points, iterations }),
    ...{ hidden: hiddenOf(given.head), seed },
  };
  checkPixelConfig(config);
  return config;
}

/** @throws UsageError for another word than `logistic` and `mlp:64`. */
function hiddenOf(head: string): number {
  if (head === 'logistic') return 0;
  const [, units] = /^mlp:([1-9]\d*)$/.exec(head) ?? [];
  if (units !== undefined) return Number(units);
  throw new UsageError(
    `--head: unknown head "${head}": give logistic, or mlp: and how many units, as in mlp:64`,
    { actual: head },
  );
}
