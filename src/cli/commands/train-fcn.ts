/** `espalier train fcn`: a classifier that somebody else made becomes a segmenter of the user's scenes. */
import { basename, extname, resolve } from 'node:path';
import type { OpenedScenes } from '../../data/segmentation/open-scenes.js';
import { UsageError } from '../../errors.js';
import type { FcnConfig } from '../../methods/fcn/config.js';
import type { Preprocessing } from '../../onnx/metadata.js';
import { command } from '../command.js';
import { largestInput } from '../preprocessing.js';
import { runningOf } from '../running-options.js';
import { openSceneData } from '../scene-data.js';
import { augmentationOf, fcnOptionsOf, isStaged, resolveFcnConfig } from '../segmenter-config.js';
import { classTable } from '../segmenter-figures.js';
import { prepareSegmenter } from '../segmenter-network.js';
import { type SegmenterOptions, segmenterOptions } from '../segmenter-options.js';
import { runSegmenter, type SegmenterRun } from '../segmenter-run.js';
import { stageName } from '../segmenter-stages.js';
import { counted, grouped, textTable } from '../text-table.js';
import { durationOf, quoted, repeatable } from '../training-run.js';

export const trainFcnCommand = command({
  name: 'train fcn',
  summary: 'Make a segmenter of an ONNX image classifier and train it on images with masks',
  examples: [
    'espalier train fcn --from squeezenet.onnx --data camvid --finest 4',
    'espalier train fcn --from vgg16.onnx --data VOC2012 --skips pool4,pool3 --preset paper-online',
    'espalier train fcn --from model.onnx --data masks --loss cross-entropy+dice --validation 0.1 --patience 5',
    'espalier train fcn --model resnet20 --data digits --finest 1 --epochs 3',
    'espalier train fcn --config runs/mine/config.yaml --seed 2 --output runs/mine-2',
  ],
  arguments: [],
  options: segmenterOptions,
  async run({ options: given }, context) {
    const origin = originOf(given);
    const data = await openSceneData(given, context);
    if (given.patience !== undefined && !data.validation)
      throw new UsageError('--patience needs validation scenes: give --validation as well');
    const { networks, preprocessing } = await prepareSegmenter(given, data, context);
    const config = await resolveFcnConfig(given, data.train, data.classes.length);
    checkBatchSize(config, preprocessing);
    context.note(
      `${networks.map(stageName).join(', then ')} for ${counted(data.classes.length, 'class', 'classes')}; a step is shown ${counted(config.batchSize, 'scene')} of ${preprocessing.height} x ${preprocessing.width} pixels`,
    );
    const augmentation = augmentationOf(given);
    const name = `${basename(origin, extname(origin))}-${basename(data.name)}`;
    const { height, width } = preprocessing;
    const resolved = { ...given, height, width, atOnce: undefined, staged: isStaged(given) };
    const run = await runSegmenter({
      ...(await runningOf(given, context)),
      ...{ config, networks, preprocessing, augmentation, origin },
      data: { ...data, name: given.data },
      bar: context.bar,
      evaluateEvery: given.evaluateEvery,
      options: repeatable({ ...resolved, ...fcnOptionsOf(config, augmentation) }),
      output: resolve(
        context.cwd,
        given.output ?? `runs/fcn-${name.replaceAll(/\s+/g, '-')}-seed-${config.seed}`,
      ),
      next: (model) => nextCommands(model, given, data),
    });
    return { json: run, text: describeRun(run) };
  },
});

/** @throws UsageError unless one of --from and --model is given. */
function originOf({ from, model }: SegmenterOptions): string {
  const origin = from ?? model;
  if (origin === undefined || (from !== undefined && model !== undefined))
    throw new UsageError(
      'give either --from with an ONNX classifier to start from, or --model with the name of a network to train from nothing',
    );
  return origin;
}

/** @throws UsageError where the scenes of a step do not fit in memory. */
function checkBatchSize({ batchSize }: FcnConfig, preprocessing: Preprocessing): void {
  const { channels, height, width } = preprocessing;
  const most = Math.floor(largestInput / (channels * height * width));
  if (batchSize > most)
    throw new UsageError(
      `--batch-size: ${batchSize} scenes of ${height} x ${width} pixels do not fit in memory, at most ${most} do. Take fewer, or show less of each with --height and --width.`,
      { expected: most, actual: batchSize },
    );
}

function nextCommands(
  model: string,
  given: SegmenterOptions,
  { test, validation }: OpenedScenes,
): string[] {
  const held =
    given.validation === undefined ? '' : ` --validation ${given.validation} --seed ${given.seed}`;
  const split = test ? '' : ` --split ${validation ? 'validation' : 'train'}${held}`;
  return [
    `npx espalier predict ${quoted(model)} <images>`,
    `npx espalier evaluate ${quoted(model)} --data ${quoted(given.data)}${split}`,
    `npx espalier inspect ${quoted(model)}`,
  ];
}

function describeRun(run: SegmenterRun): string {
  const split = run.test ? 'test' : 'validation';
  const figures = run.test ?? run.validation;
  const share = (value: number | undefined): string => value?.toFixed(4) ?? '-';
  const stages = run.stages.map(({ name, validation, test, model }) => [
    name,
    share(validation?.meanIu),
    share(test?.meanIu),
    model,
  ]);
  return [
    figures
      ? `${split} mean IU ${figures.meanIu.toFixed(4)}, pixel accuracy ${figures.pixelAccuracy.toFixed(4)}, after ${counted(run.steps, 'step')} on ${counted(run.scenes, 'scene')}`
      : 'no test scenes and none held out, so no figures to tell',
    `trained ${grouped(run.parameters)} parameters in ${durationOf(run.seconds)}`,
    ...(figures ? ['', classTable(figures)] : []),
    ...(stages.length > 1
      ? [
          '',
          textTable(['mean IU of', 'validation', 'test', 'model'], stages, [
            'left',
            'right',
            'right',
          ]),
        ]
      : []),
    '',
    `model   ${run.model}`,
    `report  ${run.report}`,
    '',
    'next:',
    ...run.next.map((line) => `  ${line}`),
  ].join('\n');
}
