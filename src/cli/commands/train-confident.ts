/** `espalier train confident`: a classifier that is unsure of what lies outside its data. */
import { basename, extname, resolve } from 'node:path';
import { targetOf } from '../../data/model-input.js';
import { UsageError } from '../../errors.js';
import {
  type ConfidentConfig,
  checkConfident,
  confidentPresets,
} from '../../methods/confident/config.js';
import { relabelled } from '../classifier-classes.js';
import { command } from '../command.js';
import { openConfidentData } from '../confident-data.js';
import { describeFigures } from '../confident-figures.js';
import { confidentNetwork } from '../confident-network.js';
import { type ConfidentOptions, confidentOptions } from '../confident-options.js';
import { type ConfidentRun, runConfident } from '../confident-run.js';
import { openOutsideSets } from '../ood-sets.js';
import { runningOf } from '../running-options.js';
import { counted, percent } from '../text-table.js';
import { defined, durationOf, repeatable } from '../training-run.js';

export const trainConfidentCommand = command({
  name: 'train confident',
  summary:
    'Train a classifier that is uniform on what lies outside its data (Lee et al. 2018), with a GAN or a given set',
  examples: [
    'espalier train confident --data mnist',
    'espalier train confident --data mnist --method confidence --outside fashion-mnist',
    'espalier train confident --data mnist --hold-out 5,6,7,8,9',
    'espalier train confident --data cifar10 --preset cifar10 --model vgg13-plain --model-width 0.25',
    'espalier train confident --data photos --from classifier.onnx --epochs 3',
  ],
  arguments: [],
  options: confidentOptions,
  async run({ options: given }, context) {
    const { data, outside, held } = await openConfidentData(given, context);
    const prepared = await confidentNetwork(given, data, context);
    const { network, preprocessing, classes, origin } = prepared;
    const config = confidentConfigOf(given);
    const inside = data.test ?? data.validation;
    const options = { most: Number.POSITIVE_INFINITY, seed: given.seed, verify: given.verify };
    const judged = inside
      ? await openOutsideSets(
          given.out ?? [],
          {
            ...{ ...options, opened: { target: targetOf(preprocessing) }, inside },
            resize: given.resize ?? false,
          },
          context,
        )
      : [];
    checkConfident(config, classes.length);
    if (given.patience !== undefined && !data.validation)
      throw new UsageError('--patience needs validation images: give --validation as well');
    if (given.out && !inside)
      throw new UsageError('--out needs images of the data to compare with: give --validation');
    const known = (source: typeof data.test) => source && relabelled(source, prepared.indices);
    const run = await runConfident({
      ...(await runningOf(given, context)),
      ...{ config, network, preprocessing, classes, origin, outside, judged: [...held, ...judged] },
      data: {
        name: given.data,
        train: relabelled(data.train, prepared.indices),
        ...{ validation: known(data.validation), test: known(data.test) },
      },
      options: repeatable({ ...given, ...settingsOf(config) }),
      output: resolve(context.cwd, given.output ?? `runs/${nameOf(config, origin, data.name)}`),
      outputName: given.outputName,
      hub: given.hub === undefined ? undefined : resolve(context.cwd, given.hub),
    });
    return { json: run, text: describeRun(run) };
  },
});

function nameOf({ method, seed }: ConfidentConfig, origin: string, data: string): string {
  const name = `confident-${method}-${basename(origin, extname(origin))}-${basename(data)}`;
  return `${name.replaceAll(/\s+/g, '-')}-seed-${seed}`;
}

/** Weights that were trained already go on at a tenth of the rate (ours), while the GAN keeps its own. */
const fineTuningRate = 0.1;

function confidentConfigOf(given: ConfidentOptions): ConfidentConfig {
  const preset = confidentPresets[given.preset];
  const isTrained = given.from !== undefined;
  const rate = isTrained ? fineTuningRate : 1;
  const base: ConfidentConfig = {
    ...preset,
    learningRate: preset.learningRate * rate,
    ganRate: preset.ganRate / rate,
    batchNorm: isTrained ? 'frozen' : 'live',
  };
  const { method, train, seed, beta, warmUp, batchSize, epochs, learningRate, schedule } = given;
  const { batchNorm, generatorLoss, pullAway, latents, ganWidth, ganRate, clip } = given;
  return {
    ...{ ...base, method, train, seed },
    ...defined({ beta, warmUp, batchSize, epochs, learningRate, schedule, batchNorm }),
    ...defined({ generatorLoss, pullAway, latents, ganWidth, ganRate }),
    ...(clip !== undefined && { clip: clip === 0 ? null : clip }),
  };
}

/** The settings of a config as the command's options, so that `config.yaml` says them all. */
function settingsOf({ clip, ganBeta1: _, ...settings }: ConfidentConfig) {
  return { ...settings, clip: clip ?? 0 };
}

function describeRun(run: ConfidentRun): string {
  const error = (name: string, value: number | null): string[] =>
    value === null ? [] : [`${name} error ${percent(value)}`];
  const errors = [...error('test', run.testError), ...error('validation', run.validationError)];
  const table = run.figures ? describeFigures(run.figures) : '';
  const collapses =
    run.restarts === 0 ? [] : [`${counted(run.restarts, 'collapse')}, gone back after each`];
  return [
    errors.length === 0
      ? 'no test images and none held out, so no error to tell'
      : `${errors.join(', ')} after ${counted(run.steps, 'step')} on ${counted(run.images, 'image')}`,
    `${run.method}, trained in ${durationOf(run.seconds)}`,
    ...collapses,
    ...(table === '' ? [] : ['', table, '']),
    `model   ${run.model}`,
    `report  ${run.report}`,
    ...run.hubs.map((folder) => `hub     ${folder}`),
    '',
    'next:',
    ...run.next.map((line) => `  ${line}`),
  ].join('\n');
}
