/** `espalier train ladder`: few labels and many images in, a classifier out. */
import { resolve } from 'node:path';
import { z } from 'zod';
import type { SemiSupervisedData } from '../../data/dataset.js';
import { imageSize } from '../../data/image-set.js';
import { type DatasetName, datasets } from '../../data/table.js';
import { UsageError } from '../../errors.js';
import {
  checkConfig,
  combinators,
  type LadderConfig,
  ladderConfig,
  modes,
  presetFor,
  presets,
} from '../../methods/ladder/config.js';
import {
  type ConvLadderConfig,
  type ConvNetwork,
  checkConvConfig,
  convLadderConfig,
  convNetworks,
  modesOf,
  whitenings,
} from '../../methods/ladder/conv-config.js';
import { type Context, command } from '../command.js';
import { type AnyLadderConfig, isConv, type LadderRun, runLadder } from '../ladder-run.js';
import { runningOf, runningOptions } from '../running-options.js';
import { defined, repeatable } from '../training-run.js';

const names = Object.keys(datasets) as [DatasetName, ...DatasetName[]];
const positive = z.number().int().positive();
const weight = z.number().nonnegative();

const options = z.object({
  data: z.enum(names).default('mnist').describe('where the images come from'),
  folder: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe(
      'your images: labelled/<class>/*, unlabelled/*, test/<class>/*; or idx files for mnist',
    ),
  labels: z
    .union([positive, z.literal('all')])
    .optional()
    .describe('labels to learn from, as many of each class (mnist: 100; folder: all there are)'),
  validation: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe('labelled images held out and judged after each epoch'),
  height: positive.optional().describe('images of a folder are brought to this height (32)'),
  width: positive.optional().describe('and this width (the height)'),
  channels: z
    .union([z.literal(1), z.literal(3)])
    .optional()
    .describe('1 for grey, 3 for colour (3)'),
  strict: z.boolean().optional().describe('a file that cannot be read is an error, not skipped'),
  network: z
    .enum(['dense', ...convNetworks])
    .default('dense')
    .describe("fully connected, or one of the paper's convolutional networks with its settings"),
  mode: z
    .enum(modes)
    .optional()
    .describe('which costs to learn from (full; conv-small and conv-large: gamma)'),
  preset: z
    .enum(presets)
    .optional()
    .describe("the paper's settings of a dense network for so many labels (by the labels)"),
  hidden: z
    .array(positive)
    .optional()
    .describe('units of the layers between of a dense network (1000,500,250,250,250)'),
  lambdas: z
    .array(weight)
    .optional()
    .describe('denoising cost of each layer from the input up (preset)'),
  inputNoise: weight.optional().describe('standard deviation of the noise on pixels (preset)'),
  layerNoise: weight.optional().describe('and on each normalised layer (preset)'),
  combinator: z.enum(combinators).default('gauss').describe("the decoder's combinator"),
  combinatorHidden: z
    .array(positive)
    .optional()
    .describe('hidden units of the amlp combinator (4)'),
  whitening: z
    .enum(whitenings)
    .optional()
    .describe('of convolutional networks: contrast normalisation and ZCA first (conv-large: zca)'),
  batchSize: positive.optional().describe('labelled images a step, and as many unlabelled (100)'),
  epochs: z
    .number()
    .positive()
    .optional()
    .describe('passes over the unlabelled images (150, or as the network has it)'),
  learningRate: z.number().positive().optional().describe("Adam's step size (0.002)"),
  decayFrom: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('share of the epochs before the rate falls (0.67)'),
  seed: z
    .number()
    .int()
    .nonnegative()
    .default(1)
    .describe('decides labels, weights, noise and order'),
  output: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe('run folder (runs/ladder-<data>-<labels>-<mode>-seed-<seed>)'),
  ...runningOptions,
});

type Options = z.output<typeof options>;

export const trainLadder = command({
  name: 'train ladder',
  summary:
    'Train a classifier from few labels and many images (ladder network, Rasmus et al. 2015)',
  examples: [
    'espalier train ladder --labels 100',
    'espalier train ladder --network conv-small --labels 100',
    'espalier train ladder --network conv-large --data cifar10',
    'espalier train ladder --data folder --folder photos --height 32 --epochs 50',
    'espalier train ladder --config runs/mine/config.yaml --seed 2 --output runs/mine-2',
    'espalier train ladder --labels 100 --resume',
  ],
  arguments: [],
  options,
  async run({ options: given }, context) {
    const data = await loadData(given, context);
    const config = resolveConfig(given, data);
    // Not the number that "all" came to: so many of an unbalanced set could not be drawn again, each class alike.
    const labels = given.labels ?? datasets[given.data].labels;
    const resolved = { ...given, ...settingsOf(config), labels };
    const run = await runLadder({
      ...(await runningOf(given, context)),
      ...{ config, data },
      // `config.yaml` makes the same run anew: where it goes and how it starts are left to the next call.
      options: repeatable(resolved),
      output: resolve(context.cwd, given.output ?? defaultOutput(given, config, data)),
    });
    return { json: run, text: describeRun(run) };
  },
});

async function loadData(given: Options, context: Context): Promise<SemiSupervisedData> {
  const { data: name, folder, labels, seed, validation } = given;
  const dataset = datasets[name];
  const asked = {
    folder: folder === undefined ? undefined : resolve(context.cwd, folder),
    labels,
    validation,
    height: given.height,
    width: given.width,
    channels: given.channels,
    strict: given.strict,
  };
  const loaded = await dataset.load({ ...asked, seed });
  for (const note of loaded.notes) context.note(note);
  for (const { file, reason } of loaded.skipped.slice(0, 20))
    context.note(`skipped ${file}: ${reason}`);
  if (loaded.skipped.length > 20) context.note(`and ${loaded.skipped.length - 20} more skipped`);
  return loaded;
}

function resolveConfig(given: Options, data: SemiSupervisedData): AnyLadderConfig {
  if (given.patience !== undefined && !data.validation)
    throw new UsageError('--patience needs validation images: give --validation as well');
  const chosen = defined({
    lambdas: given.lambdas,
    inputNoise: given.inputNoise,
    layerNoise: given.layerNoise,
    combinator: given.combinator,
    combinatorHidden: given.combinatorHidden,
    batchSize: given.batchSize,
    epochs: given.epochs,
    learningRate: given.learningRate,
    decayFrom: given.decayFrom,
    seed: given.seed,
  });
  return given.network === 'dense'
    ? denseConfig(given, data, chosen)
    : convConfig(given, given.network, data, chosen);
}

/** What both kinds of ladder take from the options. */
type Chosen = Partial<Omit<LadderConfig, 'widths' | 'mode'>>;

function denseConfig(given: Options, data: SemiSupervisedData, chosen: Chosen): LadderConfig {
  refuse(given, ['whitening'], 'the dense network');
  const classes = data.classes.length;
  const preset = given.preset ?? presetFor(data.labelled.count);
  const { mode = 'full', hidden } = given;
  const base = ladderConfig(preset, mode, imageSize(data.shape), classes, hidden);
  const config = { ...base, ...chosen };
  checkConfig(config);
  return config;
}

function convConfig(
  given: Options,
  network: ConvNetwork,
  data: SemiSupervisedData,
  chosen: Chosen,
): ConvLadderConfig {
  refuse(given, ['preset', 'hidden'], network);
  const mode = given.mode ?? modesOf(network)[0] ?? 'gamma';
  const base = convLadderConfig(network, mode, data.shape, data.classes.length);
  const config = { ...base, ...chosen, ...defined({ whitening: given.whitening }) };
  checkConvConfig(config);
  return config;
}

/** @throws UsageError where an option is given that a network does not have. */
function refuse(given: Options, keys: readonly (keyof Options)[], network: string): void {
  for (const key of keys)
    if (given[key] !== undefined)
      throw new UsageError(`--${key} is no option of ${network}: leave it out`, {
        actual: given[key],
      });
}

/** What of a config is an option of the command under the same name. */
function settingsOf(config: AnyLadderConfig) {
  if (isConv(config)) {
    const { shape: _, classes: __, ...settings } = config;
    return settings;
  }
  const { widths, ...settings } = config;
  return { ...settings, hidden: widths.slice(1, -1) };
}

function defaultOutput(given: Options, config: AnyLadderConfig, data: SemiSupervisedData): string {
  const kind = isConv(config) ? `${config.network}-${config.mode}` : config.mode;
  return `runs/ladder-${given.data}-${data.labelled.count}-${kind}-seed-${config.seed}`;
}

function describeRun(run: LadderRun): string {
  return [
    run.testError === null
      ? 'no test images, so no test error'
      : `test error ${(100 * run.testError).toFixed(2)} % with ${run.labels} labels`,
    `model   ${run.model}`,
    `report  ${run.report}`,
    '',
    `next: npx espalier predict ${run.model} <images>`,
  ].join('\n');
}
