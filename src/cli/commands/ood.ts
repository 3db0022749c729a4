/** `espalier ood`: does a classifier know what it does not know, and a file that says so. */
import { basename, extname, resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../errors.js';
import { calibrationMethods } from '../../methods/calibration/calibration.js';
import type { DetectorSettings } from '../../methods/ood/detector.js';
import { unknownModel } from '../../methods/ood/fold.js';
import { type DetectorName, detectorNames } from '../../methods/ood/table.js';
import { renderReport } from '../../report/report.js';
import { writeAtomically } from '../../runs/atomic-file.js';
import { writeModelFile } from '../../runs/model-file.js';
import { writeRunConfig } from '../../runs/run-config.js';
import { openRunFolder } from '../../runs/run-folder.js';
import { nodeRuntime } from '../../runtime/node.js';
import { type Context, command } from '../command.js';
import { classifierOptions } from '../image-classifier.js';
import { imageDataOptions, openImageData } from '../image-data.js';
import {
  describeClassifier,
  describeOod,
  gatedFigures,
  oodFigures,
  oodGateNames,
} from '../ood-figures.js';
import { outsideMistakes, outsideReport, reliabilityReport } from '../ood-report.js';
import { type InsideImages, insideImages, type OodRun, runOod } from '../ood-run.js';
import {
  checkHeldOut,
  heldOutSet,
  type OutsideSet,
  openOutsideSets,
  outsideWords,
} from '../ood-sets.js';
import { openScoredModel, type ScoredModel, scoredModelOptions } from '../scored-model.js';
import { percent } from '../text-table.js';
import { gatesOf, missedThresholds } from '../thresholds.js';
import { provenanceOf, quoted, repeatable } from '../training-run.js';

const { data, validation, verify } = imageDataOptions;
const positive = z.int().min(1);

const options = z.object({
  in: data.describe(
    `images inside, of classes that the model knows: ${data.description?.replace('images: ', '')}`,
  ),
  out: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'set' })
    .describe(`sets from outside, one or more: ${outsideWords}`),
  holdOut: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'class' })
    .describe('classes of --in whose images are outside'),
  detector: z
    .enum([...detectorNames, 'all'])
    .default('max-softmax')
    .describe('what gives the score; all makes one table of them'),
  tap: z
    .array(z.string())
    .optional()
    .meta({ placeholder: 'layer' })
    .describe('layers that mahalanobis and knn look at (what the last layer reads)'),
  temperature: z.number().positive().optional().describe('of energy (1) and odin (1000)'),
  epsilon: z
    .number()
    .min(0)
    .optional()
    .describe("odin's step, as a share of the range of a pixel (0.0014)"),
  neighbours: positive.optional().describe('knn: the distance to which one counts (1 in 1,000)'),
  tpr: z
    .number()
    .gt(0)
    .max(1)
    .default(0.95)
    .describe('share of the held-out images inside that the threshold accepts'),
  threshold: z.number().optional().describe('in place of that which --tpr gives'),
  calibration: z
    .enum(calibrationMethods)
    .optional()
    .describe('calibrate the probabilities on the held-out images, too'),
  validation,
  thresholdFrom: z
    .enum(['train', 'test'])
    .default('train')
    .describe(
      'which images set threshold and calibration where the data have no validation images: test where the model has learnt from all training images',
    ),
  share: z.number().gt(0).lt(1).default(0.1).describe('share of these that is held out for it'),
  learn: positive
    .default(5000)
    .describe('training images that mahalanobis and knn learn from, at most'),
  images: positive.default(10_000).describe('images of each set that are judged, at most'),
  resize: z
    .boolean()
    .default(false)
    .describe('take sets whose images are of another size than those of --in, too'),
  verify,
  seed: z.int().nonnegative().default(1).describe('decides what is held out, and noise'),
  resamples: positive.default(500).describe('of the bootstrap'),
  paperMetrics: z
    .boolean()
    .default(false)
    .describe('show the figures as the official code computes them, too'),
  save: z
    .string()
    .optional()
    .meta({ placeholder: 'file' })
    .describe('write the model with probabilities, score and verdict as outputs'),
  folder: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe('folder of the report (runs/ood-<model>-<in>)'),
  overwrite: z.boolean().optional().describe('replace a report that is there'),
  failUnder: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'figure=number' })
    .describe(
      `end with exit code 5 where a figure, the least of all sets, is below: ${oodGateNames.join(', ')}`,
    ),
  failOver: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'figure=number' })
    .describe('end with exit code 5 where a figure is above'),
  ...scoredModelOptions,
  threads: classifierOptions.threads,
});

type Options = z.output<typeof options>;

export const oodCommand = command({
  name: 'ood',
  summary: 'Say how well a classifier tells what it knows from what it does not, and save it so',
  examples: [
    'espalier ood model.onnx --in mnist --out fashion-mnist --out noise:uniform --out rotated:mnist',
    'espalier ood model.onnx --in mnist --hold-out 5,6,7,8,9 --detector all',
    'espalier ood model.onnx --in cifar10 --out photos --resize --detector energy --calibration temperature --save unknowing.onnx',
    'espalier ood model.onnx --in photos --out noise:gaussian --detector mahalanobis --tap conv4,fc --fail-under tnr=0.9',
  ],
  arguments: [{ name: 'model', description: 'an ONNX file', required: true }],
  options,
  async run({ options: given, arguments: { model: file } }, context) {
    const gates = gatesOf(given, oodGateNames);
    const detectors = chosenDetectors(given);
    const opened = await openScoredModel(file, given, context);
    const images = await openAll(opened, given, context);
    const stem = basename(file, extname(file));
    const named = `runs/ood-${stem}-${basename(given.in)}`.replaceAll(/\s+/g, '-');
    const output = resolve(context.cwd, given.folder ?? named);
    const { overwrite = false } = given;
    await openRunFolder(output, { overwrite, report: 'check' });
    const runtime = await nodeRuntime();
    const run = await runOod({
      ...{ runtime, opened, ...images, detectors, settings: settingsOf(given), context },
      ...{ batch: given.batchSize, tpr: given.tpr, threshold: given.threshold },
      ...{ calibration: given.calibration, threads: given.threads },
    });
    const figureOptions = { ...given, paper: given.paperMetrics };
    const found = oodFigures(run, figureOptions);
    const folder = await openRunFolder(output, { overwrite, report: 'write' });
    if (given.save !== undefined) await save(resolve(context.cwd, given.save), run, opened, given);
    const settings = repeatable({ ...given, model: file });
    await writeRunConfig(folder, settings);
    const page = renderReport({
      title: 'Does it know what it does not know?',
      subtitle: `${file}, ${given.in} inside`,
      figures: headlines(run, found),
      ...{ config: settings, curves: [] },
      outside: outsideReport(run, found, leadOf(run, given), figureOptions),
      reliability: reliabilityReport(run, found),
      mistakes: await outsideMistakes(run, opened.target, opened.spec.classes),
      next: [
        `npx espalier ood ${quoted(file)} --in ${quoted(given.in)} --out noise:uniform --save knowing.onnx`,
        `npx espalier calibrate ${quoted(file)} --data ${quoted(given.in)}`,
      ],
      provenance: provenanceOf(runtime, given.seed),
    });
    await writeAtomically(folder.report, page, { what: 'report' });
    const error = missedThresholds(gates, gatedFigures(found));
    const places = { report: folder.report, path: given.save ?? null };
    return {
      json: { model: file, in: given.in, tpr: given.tpr, ...found, ...places },
      text: [
        ...[describeClassifier(found), '', describeOod(found, figureOptions), ''],
        `report  ${folder.report}`,
        ...(given.save === undefined ? [] : [`model   ${given.save}`]),
      ].join('\n'),
      ...(error && { error }),
    };
  },
});

/** Images inside by what they are for, and the sets from outside, those of held-out classes first. */
async function openAll(
  opened: ScoredModel,
  given: Options,
  context: Context,
): Promise<{ readonly images: InsideImages; readonly outside: readonly OutsideSet[] }> {
  const { holdOut, seed, share, images: most, learn: learnt, verify: verified, resize } = given;
  const found = await openImageData({ ...given, data: given.in }, context);
  checkHeldOut(holdOut, found.classes, opened.spec.classes);
  const from = given.thresholdFrom;
  const chosen = { opened, heldOut: holdOut, share, from, seed, learnt, most };
  const images = insideImages(found, given.in, chosen, context);
  const sets = await openOutsideSets(
    given.out,
    { opened, inside: images.judged, most, seed, verify: verified, resize },
    context,
  );
  const held = holdOut.length > 0 && found.test ? [found.test] : [];
  return {
    images,
    outside: [...held.map((test) => heldOutSet(test, found.classes, holdOut, most)), ...sets],
  };
}

const settingsOf = (given: Options): DetectorSettings => ({
  ...{ temperature: given.temperature, neighbours: given.neighbours, taps: given.tap },
  ...(given.epsilon !== undefined && { epsilon: 255 * given.epsilon }),
});

/** @throws UsageError where options need one detector, or there is nothing outside. */
function chosenDetectors(given: Options): readonly DetectorName[] {
  if (given.out.length === 0 && given.holdOut.length === 0)
    throw new UsageError('there is nothing outside: give --out, or classes to --hold-out');
  if (given.detector !== 'all') return [given.detector];
  if (given.save !== undefined || given.threshold !== undefined)
    throw new UsageError(
      `${given.save === undefined ? '--threshold is' : '--save writes the verdict'} of one detector: name it with --detector, of ${detectorNames.join(', ')}`,
      { expected: detectorNames, actual: 'all' },
    );
  return detectorNames;
}

async function save(path: string, run: OodRun, { network, spec }: ScoredModel, given: Options) {
  const [detector] = run.detectors;
  if (!detector) return;
  const made = unknownModel(
    network,
    {
      ...{ detector: detector.fitted, threshold: detector.threshold },
      ...{ calibration: run.calibration },
      ...(given.threshold === undefined && { tpr: given.tpr }),
    },
    spec,
  );
  await writeModelFile(path, made);
}

/** The least of all sets first: that is what one can rely on. */
function headlines(
  { outside }: OodRun,
  { detectors, before, after }: ReturnType<typeof oodFigures>,
) {
  const [first] = detectors;
  const least = (first?.sets ?? []).reduce(
    (worst, set) => (worst && worst.figures.tnr <= set.figures.tnr ? worst : set),
    first?.sets[0],
  );
  const figures = after ?? before;
  return [
    {
      name: outside.length > 1 ? 'Least TNR' : 'TNR',
      value: percent(least?.figures.tnr ?? Number.NaN, 1),
      note: `${least?.name}, ${first?.name}`,
    },
    { name: 'AUROC', value: percent(least?.figures.auroc ?? Number.NaN, 1), note: 'there' },
    { name: 'Accuracy inside', value: percent(figures.accuracy) },
    { name: 'ECE', value: percent(figures.ece), note: after ? 'calibrated' : 'as it is' },
  ];
}

function leadOf({ detectors, inside }: OodRun, given: Options): string {
  const how = detectors.length === 1 ? `by ${detectors[0]?.name}` : 'by each detector';
  return `${inside.source.count.toLocaleString('en')} test images of ${given.in} against sets from outside, ${how}. Inside is the positive class: TNR is the share of the outside that is refused where ${percent(given.tpr, 0)} of the inside are kept.`;
}
