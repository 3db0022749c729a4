/**
 * What a model file must say to be used: classes, preprocessing, provenance. Written for every reader that is
 * known: our own block, the Image.* keys of ONNX (docs/MetadataProps.md), the keys that Ultralytics' tools read,
 * and the two files beside the model that transformers.js loads.
 */
import { z } from 'zod';
import { ModelError, UsageError } from '../errors.js';
import type { Shape } from '../tensor/shape.js';
import { parsePythonLiteral, pythonString } from './python-literal.js';

/** The metadata key of our own block: the spec as JSON. */
export const specKey = 'espalier.spec';

const count = z.number().int().positive();

const preprocessingSchema = z
  .object({
    channels: count,
    height: count,
    width: count,
    layout: z.enum(['NCHW', 'NHWC', 'flat']),
    scale: z.number().positive(),
    mean: z.array(z.number()),
    std: z.array(z.number().positive()),
    colour: z.enum(['grey', 'rgb', 'bgr']),
  })
  .refine(({ channels, mean, std }) => mean.length === channels && std.length === channels, {
    error: 'mean and std need one number for each channel',
  })
  .refine(({ channels, colour }) => channels === (colour === 'grey' ? 1 : 3), {
    error: 'grey images have 1 channel, rgb and bgr images 3',
  });

const level = z.number().int().min(0).max(255);

const specSchema = z.object({
  task: z.enum(['classification', 'segmentation']),
  classes: z.array(z.string()).min(1),
  preprocessing: preprocessingSchema.nullable(),
  palette: z.array(z.tuple([level, level, level])).optional(),
  thresholds: z.record(z.string(), z.number()).optional(),
  outputs: z.record(z.string(), z.string()).optional(),
  provenance: z.record(z.string(), z.json()).optional(),
});

/**
 * How an image becomes the model's input: resized to height x width, then for each channel
 * `(pixel * scale - mean) / std` of pixels in 0..255. `colour` is the order of the channels, and that of `mean`
 * and `std`; `flat` is a row of channels * height * width numbers in the order of NCHW.
 */
export type Preprocessing = Readonly<z.infer<typeof preprocessingSchema>>;

/** What a classifier, of images or of pixels, says about itself. Class `i` is `classes[i]`. */
export interface ClassifierSpec {
  readonly task: 'classification' | 'segmentation';
  readonly classes: readonly string[];
  /** Null where a file of another program does not say. */
  readonly preprocessing: Preprocessing | null;
  /** Of a segmenter: red, green and blue (0 to 255) of each class in pictures. */
  readonly palette?: readonly (readonly [number, number, number])[] | undefined;
  /** Named decision thresholds, for example on the confidence below which an image is not of any class. */
  readonly thresholds?: Readonly<Record<string, number>> | undefined;
  /** What an output says, by its name, in a sentence: for a file with more than the scores. */
  readonly outputs?: Readonly<Record<string, string>> | undefined;
  /** How the model came about: data, method, seed, version. Any JSON. */
  readonly provenance?: Readonly<Record<string, z.core.util.JSONType>> | undefined;
}

/**
 * The spec as ONNX metadata: the block `espalier.spec`, the `Image.*` keys that can say what it says, and `task`,
 * `names`, `imgsz`, `channels` in Python's notation.
 * @throws UsageError where the spec contradicts itself.
 */
export function describeClassifier(spec: ClassifierSpec): Record<string, string> {
  const checked = check(spec);
  const names = checked.classes.map((name, i) => `${i}: ${pythonString(name)}`);
  const metadata: Record<string, string> = {
    [specKey]: JSON.stringify(checked),
    task: checked.task === 'classification' ? 'classify' : 'segment',
    names: `{${names.join(', ')}}`,
  };
  const { preprocessing } = checked;
  if (preprocessing === null) return metadata;
  const { height, width, channels, colour } = preprocessing;
  const range = pixelRanges.find(({ low, high }) => mapsTo(preprocessing, low, high));
  return {
    ...metadata,
    imgsz: `[${height}, ${width}]`,
    channels: String(channels),
    'Image.BitmapPixelFormat': pixelFormats[colour],
    'Image.ColorSpaceGamma': 'SRGB',
    ...(range === undefined ? {} : { 'Image.NominalPixelRange': range.name }),
  };
}

/**
 * The spec in a model's metadata: our own block, or else what the keys of Ultralytics and ONNX say. There `names`
 * may be JSON or Python, a list or a dictionary; pixels are divided by 255 unless `Image.NominalPixelRange` says
 * otherwise. Null where no class names are found, or the task is neither classification nor unknown.
 * @param input shape of the model's input, whose height and width stand in for an `imgsz` that is missing
 * @throws ModelError where the block `espalier.spec` is not a spec.
 */
export function readSpec(
  metadata: Readonly<Record<string, string>>,
  input: Shape = [],
): ClassifierSpec | null {
  const block = metadata[specKey];
  if (block === undefined) return readForeign(metadata, input);
  try {
    return specSchema.parse(JSON.parse(block));
  } catch (error) {
    throw new ModelError(
      `metadata: invalid ${specKey}: ${describeProblem(error)}. Export the model again.`,
      { cause: error },
    );
  }
}

/** The files of a Hugging Face folder that say how to use `onnx/model.onnx`, by name. */
export interface HuggingFaceFiles {
  readonly 'config.json': string;
  readonly 'preprocessor_config.json': string;
}

/**
 * The two files beside `onnx/model.onnx` with which transformers.js runs the model in its pipelines
 * `image-classification` and `image-segmentation`. The model's input must be called `pixel_values` and its output
 * `logits`. transformers.js turns colours to grey only where its caller says so: a model of one channel is for
 * images that are grey already.
 * @throws UsageError where the spec contradicts itself, has no preprocessing, or another layout than NCHW.
 */
export function huggingFaceFiles(spec: ClassifierSpec): HuggingFaceFiles {
  const { task, classes, preprocessing } = check(spec);
  if (preprocessing === null || preprocessing.layout !== 'NCHW')
    throw new UsageError(
      `huggingFaceFiles: unsupported layout ${preprocessing?.layout ?? 'none'}. Only models that take NCHW images run in transformers.js.`,
    );
  // transformers.js knows architectures, not graphs: these two hand `pixel_values` to the model as they are.
  const isClassifier = task === 'classification';
  const config = {
    model_type: isClassifier ? 'resnet' : 'segformer',
    architectures: [
      isClassifier ? 'ResNetForImageClassification' : 'SegformerForSemanticSegmentation',
    ],
    id2label: Object.fromEntries(classes.map((name, i) => [i, name])),
    label2id: Object.fromEntries(classes.map((name, i) => [name, i])),
    // In a browser it would ask for a quantized model otherwise.
    'transformers.js_config': { dtype: 'fp32' },
  };
  const { height, width, scale, mean, std, colour } = preprocessing;
  // Channels are flipped after the normalisation, so its numbers are in the order of the image, RGB.
  const inImageOrder = (values: readonly number[]) =>
    colour === 'bgr' ? values.toReversed() : values;
  const preprocessor = {
    image_processor_type: isClassifier ? 'CLIPImageProcessor' : 'SegformerImageProcessor',
    do_convert_rgb: colour !== 'grey',
    do_resize: true,
    ...sizes(height, width, isClassifier),
    // Lanczos: in Node the filter with which we scale, too.
    resample: 1,
    do_rescale: true,
    rescale_factor: scale,
    do_normalize: true,
    image_mean: inImageOrder(mean),
    image_std: inImageOrder(std),
    ...(colour === 'bgr' ? { do_flip_channel_order: true } : {}),
    ...(isClassifier ? {} : { do_reduce_labels: false }),
  };
  return {
    'config.json': `${JSON.stringify(config, null, 2)}\n`,
    'preprocessor_config.json': `${JSON.stringify(preprocessor, null, 2)}\n`,
  };
}

/**
 * Our own images keep their proportions and are cut at the centre; for a square that can be said. A rectangle, and
 * images with a label for each pixel, are stretched.
 */
function sizes(height: number, width: number, isClassifier: boolean) {
  if (height !== width || !isClassifier) return { size: { height, width } };
  return {
    size: { shortest_edge: height },
    do_center_crop: true,
    crop_size: { height, width },
  };
}

const pixelFormats = { grey: 'Gray8', rgb: 'Rgb8', bgr: 'Bgr8' } as const;

/** Image.NominalPixelRange: what 0 and 255 become. */
const pixelRanges = [
  { name: 'NominalRange_0_255', low: 0, high: 255 },
  { name: 'Normalized_0_1', low: 0, high: 1 },
  { name: 'Normalized_1_1', low: -1, high: 1 },
] as const;

function mapsTo({ scale, mean, std }: Preprocessing, low: number, high: number): boolean {
  const near = (a: number, b: number) => Math.abs(a - b) <= 1e-6 * (high - low);
  return mean.every((m, i) => {
    const deviation = std[i] ?? 1;
    return near(-m / deviation, low) && near((255 * scale - m) / deviation, high);
  });
}

function check(spec: ClassifierSpec): z.infer<typeof specSchema> {
  const result = specSchema.safeParse(spec);
  if (result.success) return result.data;
  throw new UsageError(`model description: invalid: ${describeProblem(result.error)}`, {
    cause: result.error,
  });
}

function describeProblem(error: unknown): string {
  if (!(error instanceof z.ZodError)) return error instanceof Error ? error.message : String(error);
  return error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .join('; ');
}

function readForeign(
  metadata: Readonly<Record<string, string>>,
  input: Shape,
): ClassifierSpec | null {
  const classes = readNames(parseValue(metadata.names));
  const { task = 'classify' } = metadata;
  if (classes === null || task !== 'classify') return null;
  const preprocessing = readForeignPreprocessing(metadata, input);
  return { task: 'classification', classes, preprocessing };
}

/** JSON or Python; JSON's objects become maps, as Python's dictionaries do. */
function parseValue(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? new Map(Object.entries(value))
      : value;
  } catch {
    return parsePythonLiteral(text);
  }
}

/** Class names from a list, or from a dictionary whose keys are all of 0, 1 … n - 1. */
function readNames(value: unknown): string[] | null {
  const entries: [unknown, unknown][] =
    value instanceof Map ? [...value] : Array.isArray(value) ? [...value.entries()] : [];
  const names: string[] = [];
  for (const [key, name] of entries) {
    const index = typeof key === 'string' && /^\d+$/.test(key) ? Number(key) : key;
    if (typeof name !== 'string' || typeof index !== 'number') return null;
    names[index] = name;
  }
  const isComplete = names.length === entries.length && Object.keys(names).length === names.length;
  return names.length > 0 && isComplete ? names : null;
}

function readForeignPreprocessing(
  metadata: Readonly<Record<string, string>>,
  input: Shape,
): Preprocessing | null {
  // Where nothing is said of pixels, the shape alone does not tell how they go in.
  const isSaid = Object.keys(metadata).some((key) => key.startsWith('Image.') || key === 'imgsz');
  const size = isSaid ? (parseValue(metadata.imgsz) ?? input.slice(2)) : undefined;
  const [height, width] = Array.isArray(size) ? size : [size, size];
  const format = metadata['Image.BitmapPixelFormat'];
  const isGrey = format === 'Gray8' || (format === undefined && metadata.channels === '1');
  const colour = isGrey ? 'grey' : format?.startsWith('Bgr') ? 'bgr' : 'rgb';
  const channels = isGrey ? 1 : 3;
  const named = metadata['Image.NominalPixelRange'];
  const range = pixelRanges.find(({ name }) => name === named);
  const { low, high } = range ?? { low: 0, high: 1 };
  const result = preprocessingSchema.safeParse({
    channels,
    height,
    width,
    layout: 'NCHW',
    // x = pixel * (high - low) / 255 + low
    scale: (high - low) / 255,
    mean: new Array(channels).fill(0 - low),
    std: new Array(channels).fill(1),
    colour,
  });
  // A range that we do not know must not be guessed, and files hold pixels as SRGB has them.
  const isKnown = named === undefined || range !== undefined;
  const isLinear = metadata['Image.ColorSpaceGamma'] === 'Linear';
  return result.success && isKnown && !isLinear ? result.data : null;
}
