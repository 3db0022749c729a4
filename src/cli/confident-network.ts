/** The classifier that `train confident` begins with, and how images go into it. */
import { resolve } from 'node:path';
import type { ImageSource } from '../data/image-source.js';
import { inputDims } from '../data/model-input.js';
import type { OpenedImages } from '../data/open-images.js';
import { UsageError } from '../errors.js';
import {
  classesOf,
  classifierNetwork,
  type Network,
  withImageSize,
} from '../methods/classifier/network.js';
import type { PixelScale } from '../methods/confident/parts.js';
import { buildModel } from '../nn/models/build-model.js';
import { type ModelName, models } from '../nn/models/table.js';
import { type Preprocessing, readSpec } from '../onnx/metadata.js';
import { readModelFile } from '../runs/model-file.js';
import { type ChosenClasses, chooseClasses } from './classifier-classes.js';
import type { Context } from './command.js';
import type { ConfidentOptions } from './confident-options.js';
import { checkImageSize, resolvePreprocessing } from './preprocessing.js';
import { counted } from './text-table.js';

export interface ConfidentNetwork extends Omit<ChosenClasses, 'head'> {
  readonly network: Network;
  readonly preprocessing: Preprocessing;
  /** The file, or the name of the network. */
  readonly origin: string;
}

type Data = Pick<OpenedImages, 'classes' | 'train'>;

/** The network of the presets that are not ours (Lee et al. 2018, section 3.1), and of those for two cores. */
const usual = (preset: ConfidentOptions['preset']): ModelName =>
  preset === 'two-cores' ? 'small-cnn' : 'vgg13-plain';

/**
 * A network of the table, or that of an ONNX file.
 * @throws UsageError where options contradict each other or do not fit; ModelError where the file is no classifier.
 */
export async function confidentNetwork(
  given: ConfidentOptions,
  data: Data,
  context: Context,
): Promise<ConfidentNetwork> {
  if (given.from === undefined) return built(given.model ?? usual(given.preset), given, data);
  if (given.model !== undefined || given.modelWidth !== undefined)
    throw new UsageError(
      'give either --from with an ONNX file to start from, or --model and --model-width with the name of a network to train from nothing',
    );
  return fromFile(given.from, given, data, context);
}

/** With fresh weights, fed with pixels of 0 to 1 as in the official code. */
async function built(name: ModelName, given: ConfidentOptions, data: Data) {
  const seen = await sizeOfImages(data.train, name);
  const { height = seen.height, width = seen.width, channels = seen.channels } = given;
  checkImageSize({ channels, height, width }, given);
  const count = data.classes.length;
  const source = buildModel(models[name], {
    ...{ classes: count, seed: given.seed, input: [channels, height, width] },
    ...(given.modelWidth !== undefined && { width: given.modelWidth }),
  });
  const network = classifierNetwork(source, { classes: count, head: 'keep', seed: given.seed });
  const zeros = new Array<number>(channels).fill(0);
  const { preprocessing } = resolvePreprocessing(
    given,
    {
      ...{ layout: 'NCHW', channels, height, width, colour: channels === 1 ? 'grey' : 'rgb' },
      ...{ scale: 1 / 255, mean: zeros, std: zeros.map(() => 1) },
    },
    network.input,
  );
  const indices = [...data.classes.keys()];
  return { network, preprocessing, origin: name, classes: data.classes, indices };
}

/** Images in memory are all of one size; of files, it is the network that says it. */
async function sizeOfImages(source: ImageSource, name: ModelName) {
  const [, height, width] = models[name].input;
  const first = await source.decode(0);
  return source.isDecoded ? first : { height, width, channels: first.channels };
}

async function fromFile(file: string, given: ConfidentOptions, data: Data, context: Context) {
  const source = await readModelFile(resolve(context.cwd, file));
  const spec = readSpec(source.metadata);
  const names = { input: given.input, output: given.outputName };
  const known = given.classes ?? spec?.classes ?? null;
  const chosen = chooseClasses(given.head, data.classes, known, classesOf(source, names));
  const { head, classes, indices } = chosen;
  const network = classifierNetwork(source, {
    ...{ ...names, head, classes: classes.length, seed: given.seed },
  });
  const { preprocessing, notes } = resolvePreprocessing(
    given,
    spec?.preprocessing ?? null,
    network.input,
  );
  for (const note of notes) context.note(note);
  context.note(
    head === 'new'
      ? `a new head for ${counted(classes.length, 'class', 'classes')}`
      : `the head is kept, with its ${counted(classes.length, 'class', 'classes')}`,
  );
  const sized = withImageSize(network, inputDims(1, preprocessing));
  return { network: sized, preprocessing, origin: file, classes, indices };
}

/** From pixels of 0 to 1, as a GAN makes them, to what the network takes. */
export function pixelScaleOf({ scale, mean, std }: Preprocessing): PixelScale {
  return {
    factor: std.map((deviation) => (255 * scale) / deviation),
    shift: std.map((deviation, channel) => -(mean[channel] ?? 0) / deviation || 0),
  };
}
