/** `espalier train classifier`: a network that somebody else made, trained on the user's images. */
import { basename, extname, resolve } from 'node:path';
import type { z } from 'zod';
import { labelsOf } from '../../data/image-source.js';
import { inputDims } from '../../data/model-input.js';
import type { OpenedImages } from '../../data/open-images.js';
import { pixelStatistics } from '../../data/pixel-statistics.js';
import { UsageError } from '../../errors.js';
import {
  balancedWeights,
  type ClassifierConfig,
  checkConfig,
  fineTuningDefaults,
  fromScratchDefaults,
} from '../../methods/classifier/config.js';
import {
  classesOf,
  classifierNetwork,
  type Network,
  withImageSize,
} from '../../methods/classifier/network.js';
import { buildModel } from '../../nn/models/build-model.js';
import { type ModelName, models } from '../../nn/models/table.js';
import { type Preprocessing, readSpec } from '../../onnx/metadata.js';
import { readModelFile } from '../../runs/model-file.js';
import { type ChosenClasses, chooseClasses, relabelled } from '../classifier-classes.js';
import { classifierOptions } from '../classifier-options.js';
import { type ClassifierRun, runClassifier } from '../classifier-run.js';
import { type Context, command } from '../command.js';
import { openImageData } from '../image-data.js';
import { checkImageSize, largestInput, resolvePreprocessing } from '../preprocessing.js';
import { runningOf } from '../running-options.js';
import { counted, grouped } from '../text-table.js';
import { defined, durationOf, repeatable } from '../training-run.js';

type Options = z.output<typeof classifierOptions>;

export const trainClassifierCommand = command({
  name: 'train classifier',
  summary:
    'Fine-tune an ONNX image classifier on your images, or train a known network from nothing',
  examples: [
    'espalier train classifier --from squeezenet.onnx --data photos',
    'espalier train classifier --from model.onnx --data cifar10 --train head --epochs 5',
    'espalier train classifier --from model.onnx --data photos --flip --crop-scale 0.5 --validation 0.1 --patience 5',
    'espalier train classifier --model resnet20 --data cifar10 --flip --crop-padding 4',
    'espalier train classifier --config runs/mine/config.yaml --seed 2 --output runs/mine-2',
  ],
  arguments: [],
  options: classifierOptions,
  async run({ options: given }, context) {
    const origin = originOf(given);
    const data = await openImageData(given, context);
    const prepared = given.model
      ? await build(given.model, given, data)
      : await prepare(origin, given, data, context);
    const { network, preprocessing, classes, indices } = prepared;
    const train = relabelled(data.train, indices);
    const config = resolveConfig(given, labelsOf(train), classes.length, prepared.base);
    checkBatchSize(config, preprocessing);
    if (given.patience !== undefined && !data.validation)
      throw new UsageError('--patience needs validation images: give --validation as well');
    const name = `${basename(origin, extname(origin))}-${basename(data.name)}`.replaceAll(
      /\s+/g,
      '-',
    );
    const { flip, cropPadding, cropScale, jitter } = given;
    const run = await runClassifier({
      ...(await runningOf(given, context)),
      ...{ config, network, preprocessing, classes },
      data: {
        name: given.data,
        train,
        validation: data.validation && relabelled(data.validation, indices),
        test: data.test && relabelled(data.test, indices),
      },
      augmentation: { flip, cropPadding, cropScale, jitter },
      origin,
      options: repeatable({ ...given, ...optionsOf(config, given) }),
      output: resolve(context.cwd, given.output ?? `runs/classifier-${name}-seed-${config.seed}`),
      outputName: given.outputName,
      hub: given.hub === undefined ? undefined : resolve(context.cwd, given.hub),
    });
    return { json: run, text: describeRun(run) };
  },
});

/** @throws UsageError unless one of --from and --model is given. */
function originOf({ from, model }: Options): string {
  const origin = from ?? model;
  if (origin === undefined || (from !== undefined && model !== undefined))
    throw new UsageError(
      'give either --from with an ONNX file to start from, or --model with the name of a network to train from nothing',
    );
  return origin;
}

interface Prepared extends Omit<ChosenClasses, 'head'> {
  readonly network: Network;
  readonly preprocessing: Preprocessing;
  /** Settings unless others are given. */
  readonly base: ClassifierConfig;
}

/** A network of the table with fresh weights, fed with images of mean 0 and deviation 1. */
async function build(name: ModelName, given: Options, data: OpenedImages): Promise<Prepared> {
  const [channels, height, width] = models[name].input;
  const size = { height: given.height ?? height, width: given.width ?? width };
  const of = given.channels ?? (channels === 1 ? 1 : 3);
  const count = data.classes.length;
  checkImageSize({ channels: of, ...size }, given);
  const built = buildModel(models[name], {
    classes: count,
    seed: given.seed,
    input: [of, size.height, size.width],
  });
  const network = classifierNetwork(built, { classes: count, head: 'keep', seed: given.seed });
  const seen = await pixelStatistics(data.train, { ...size, channels: of });
  const stated = { layout: 'NCHW', channels: of, ...size, scale: 1 / 255 } as const;
  const { preprocessing } = resolvePreprocessing(
    given,
    { ...stated, mean: [...seen.mean], std: [...seen.std], colour: of === 1 ? 'grey' : 'rgb' },
    network.input,
  );
  const indices = [...data.classes.keys()];
  return { network, preprocessing, classes: data.classes, indices, base: fromScratchDefaults };
}

async function prepare(
  file: string,
  given: Options,
  data: OpenedImages,
  context: Context,
): Promise<Prepared> {
  const source = await readModelFile(resolve(context.cwd, file));
  const spec = readSpec(source.metadata);
  const names = { input: given.input, output: given.outputName };
  const known = given.classes ?? spec?.classes ?? null;
  const chosen = chooseClasses(given.head, data.classes, known, classesOf(source, names));
  const { head, classes } = chosen;
  const network = classifierNetwork(source, {
    ...{ ...names, head, classes: classes.length, seed: given.seed },
  });
  const resolved = resolvePreprocessing(given, spec?.preprocessing ?? null, network.input);
  for (const note of resolved.notes) context.note(note);
  context.note(
    head === 'new'
      ? `a new head for ${counted(classes.length, 'class', 'classes')}: ${classes.slice(0, 10).join(', ')}${classes.length > 10 ? ' …' : ''}`
      : `the head is kept, with its ${counted(classes.length, 'class', 'classes')}`,
  );
  // A head that is trained already needs no faster rate than the rest.
  const base = { ...fineTuningDefaults, ...(head === 'keep' && { headRate: 1 }) };
  const { preprocessing } = resolved;
  const sized = withImageSize(network, inputDims(1, preprocessing));
  return { network: sized, preprocessing, base, ...chosen };
}

function resolveConfig(
  given: Options,
  labels: Int32Array,
  classes: number,
  base: ClassifierConfig,
): ClassifierConfig {
  const { learningRate = base.learningRate, learningRateHead, classWeights } = given;
  const { momentum, optimizer, batchNorm, biasRate, rates, schedule, weightDecay, decay } = given;
  const { train, labelSmoothing, batchSize, epochs, seed, clip = base.clip } = given;
  const config: ClassifierConfig = {
    ...base,
    ...defined({ momentum, optimizer, batchNorm, biasRate, rates, schedule, weightDecay, decay }),
    ...defined({ train, labelSmoothing, batchSize, epochs, seed }),
    clip: clip === 0 ? null : clip,
    learningRate,
    ...(learningRateHead !== undefined && { headRate: learningRateHead / learningRate }),
    classWeights:
      classWeights === 'balanced' ? balancedWeights(labels, classes) : (classWeights ?? null),
  };
  checkConfig(config, classes);
  return config;
}

/** @throws UsageError where the images of a step do not fit in memory. */
function checkBatchSize({ batchSize }: ClassifierConfig, preprocessing: Preprocessing): void {
  const { channels, height, width } = preprocessing;
  const most = Math.floor(largestInput / (channels * height * width));
  if (batchSize > most)
    throw new UsageError(
      `--batch-size: ${batchSize} images of ${height} x ${width} pixels do not fit in memory, at most ${most} do. Take fewer, or smaller ones where the model does.`,
      { expected: most, actual: batchSize },
    );
}

/** The settings of a config as the command's options, so that `config.yaml` says them all. */
function optionsOf(config: ClassifierConfig, given: Options): Record<string, unknown> {
  const { headRate, classWeights: _weights, clip, ...settings } = config;
  return {
    ...settings,
    ...defined({ classWeights: given.classWeights }),
    clip: clip ?? 0,
    learningRateHead: headRate * config.learningRate,
  };
}

function describeRun(run: ClassifierRun): string {
  const error = (name: string, value: number | null): string[] =>
    value === null ? [] : [`${name} error ${(100 * value).toFixed(2)} %`];
  const errors = [...error('test', run.testError), ...error('validation', run.validationError)];
  return [
    errors.length === 0
      ? 'no test images and none held out, so no error to tell'
      : `${errors.join(', ')} after ${counted(run.steps, 'step')} on ${counted(run.images, 'image')}`,
    `trained ${grouped(run.parameters)} parameters in ${durationOf(run.seconds)}`,
    `model   ${run.model}`,
    `report  ${run.report}`,
    ...run.hubs.map((folder) => `hub     ${folder}`),
    '',
    'next:',
    ...run.next.map((line) => `  ${line}`),
  ].join('\n');
}
