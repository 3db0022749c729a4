/** From bytes of images to a model's input: what the model says of it, what options say, and the arithmetic. */
import { z } from 'zod';
import type { ImageTarget } from '../data/decode-image.js';
import { fillInput, inputDims } from '../data/model-input.js';
import { ModelError, UsageError } from '../errors.js';
import type { ValueInfo } from '../graph/graph.js';
import type { Preprocessing } from '../onnx/metadata.js';
import { float32ToFloat16 } from '../tensor/float16.js';
import { formatShape, type Shape, sizeOf } from '../tensor/shape.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { counted } from './text-table.js';

export { targetOf } from '../data/model-input.js';

const side = z.int().min(1);

/** Options by which the user says, or says otherwise, what a model does not. */
export const preprocessingOptions = {
  height: side.optional().describe('height of the images that the model takes (as it says)'),
  width: side.optional().describe('and their width'),
  channels: z.literal([1, 3]).optional().describe('1 for grey, 3 for colour'),
  colour: z.enum(['grey', 'rgb', 'bgr']).optional().describe('order of the colours'),
  layout: z.enum(['NCHW', 'NHWC', 'flat']).optional().describe('order of the axes'),
  scale: z
    .number()
    .positive()
    .optional()
    .describe('pixels from 0 to 255 are multiplied by this first, as 0.00392157 for 0 to 1'),
  mean: z.array(z.number()).optional().describe('then this is subtracted, by channel'),
  std: z.array(z.number().positive()).optional().describe('and the rest divided by this'),
};

const optionsSchema = z.object(preprocessingOptions);

/** What the options may say. */
export type PreprocessingOptions = z.output<typeof optionsSchema>;

/** The most numbers that go into a model at a time: 1 GiB of float32. A file of few bytes may claim any size. */
export const largestInput = 2 ** 28;

/** How images go in, and what had to be assumed for it. */
export interface ResolvedPreprocessing {
  readonly preprocessing: Preprocessing;
  /** Sentences for the user. */
  readonly notes: readonly string[];
}

/**
 * What the options say, else what the model's metadata say, else what the input's shape tells, else pixels / 255.
 * @throws UsageError where the size of the images is unknown, or mean and std do not fit the channels; ModelError, or
 *   UsageError where it comes from an option, where an image would not fit in memory.
 */
export function resolvePreprocessing(
  options: PreprocessingOptions,
  stated: Preprocessing | null,
  input: ValueInfo,
): ResolvedPreprocessing {
  const seen = stated ?? readShape(input.shape ?? []);
  const { height = seen.height, width = seen.width } = options;
  const channels =
    options.channels ?? (options.colour ? channelsOf(options.colour) : seen.channels);
  const missing = [
    ...(height === undefined ? ['--height'] : []),
    ...(width === undefined ? ['--width'] : []),
    ...(channels !== 1 && channels !== 3 ? ['--channels'] : []),
  ];
  if (height === undefined || width === undefined || (channels !== 1 && channels !== 3))
    throw new UsageError(
      `the model does not say what images it takes (its input "${input.name}" has shape ${formatShape(input.shape ?? [])}): give ${missing.join(', ')}, and where they are not the usual ones --layout, --colour, --scale, --mean and --std`,
      { actual: input.shape },
    );
  const keeps = stated !== null && stated.channels === channels;
  checkImageSize({ channels, height, width }, options, input);
  const colour = options.colour ?? (keeps ? stated.colour : channels === 1 ? 'grey' : 'rgb');
  if (channelsOf(colour) !== channels)
    throw new UsageError(`--colour: ${colour} does not go with ${counted(channels, 'channel')}`, {
      actual: colour,
    });
  const guess = guessedScale(options);
  const preprocessing = {
    ...{ height, width, channels, colour },
    layout: options.layout ?? seen.layout ?? 'NCHW',
    scale: options.scale ?? stated?.scale ?? guess.scale,
    mean: perChannel('--mean', options.mean ?? (keeps ? stated.mean : [0]), channels),
    std: perChannel('--std', options.std ?? (keeps ? stated.std : [1]), channels),
  };
  const isGuess = stated === null && options.scale === undefined;
  const notes = isGuess
    ? [
        `the model does not say how pixels are scaled: they go in as ${guess.range}; --scale, --mean and --std change it`,
      ]
    : [];
  return { preprocessing, notes };
}

/** A mean above 1 is one of pixels from 0 to 255, as Caffe's networks have it; most others take 0 to 1. */
function guessedScale({ mean }: PreprocessingOptions): { scale: number; range: string } {
  return mean?.some((value) => value > 1)
    ? { scale: 1, range: '0 to 255, as their mean says' }
    : { scale: 1 / 255, range: '0 to 1' };
}

/**
 * @param input of the model, where it is the model that says the size
 * @throws UsageError where an image would not fit in memory and options say its size; ModelError where the model does.
 */
export function checkImageSize(
  { channels, height, width }: ImageTarget,
  options: PreprocessingOptions,
  input?: ValueInfo,
): void {
  const numbers = channels * height * width;
  if (numbers <= largestInput) return;
  const details = { expected: largestInput, actual: [height, width] };
  const size = `images of ${height} x ${width} pixels do not fit in memory, at most ${largestInput} numbers go in at a time`;
  if (!input || options.height !== undefined || options.width !== undefined)
    throw new UsageError(`--height, --width: ${size}. Choose a smaller size.`, details);
  throw new ModelError(
    `the model takes too much: ${size} (its input "${input.name}" has shape ${formatShape(input.shape ?? [])}). Give --height and --width where it takes smaller ones, or export it for such.`,
    details,
  );
}

const channelsOf = (colour: Preprocessing['colour']): 1 | 3 => (colour === 'grey' ? 1 : 3);

function perChannel(flag: string, values: readonly number[], channels: number): number[] {
  const [first = 0] = values;
  if (values.length === 1) return new Array<number>(channels).fill(first);
  if (values.length === channels) return [...values];
  const wanted = channels === 1 ? '1 number' : `1 number or ${channels}`;
  throw new UsageError(`${flag}: give ${wanted}, got ${values.length}`, {
    expected: channels,
    actual: values,
  });
}

/** What the shape of an input tells of its images. */
function readShape(shape: Shape): Partial<Preprocessing> {
  const known = (dim: string | number | undefined) => (typeof dim === 'number' ? dim : undefined);
  const named = (height: number | undefined, width: number | undefined) => ({
    ...(height === undefined ? {} : { height }),
    ...(width === undefined ? {} : { width }),
  });
  if (shape.length === 2) return { layout: 'flat' };
  if (shape.length !== 4) return {};
  const [, a, b, c] = shape.map(known);
  if (a === 1 || a === 3) return { layout: 'NCHW', channels: a, ...named(b, c) };
  if (c === 1 || c === 3) return { layout: 'NHWC', channels: c, ...named(a, b) };
  return {};
}

/**
 * A model's input from images.
 * @param images (count, channels, height, width), 0 to 255, colours in the order red, green, blue
 * @throws ModelError for an input that is neither float32 nor float16.
 */
export function preprocess(
  images: Uint8Array,
  count: number,
  preprocessing: Preprocessing,
  dtype: ValueInfo['dtype'],
): Tensor {
  const dims = inputDims(count, preprocessing);
  const data = new Float32Array(sizeOf(dims));
  fillInput(images, count, preprocessing, data);
  if (dtype === 'float32' || dtype === null) return tensor('float32', dims, data);
  if (dtype === 'float16') return tensor('float16', dims, float32ToFloat16(data));
  throw new ModelError(`unsupported input of dtype ${dtype}: images go in as float32 or float16`, {
    actual: dtype,
  });
}
