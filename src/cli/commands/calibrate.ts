/** `espalier calibrate`: probabilities that hold, by a scaling of the logits that goes into the file. */
import { basename, extname, resolve } from 'node:path';
import { z } from 'zod';
import { subset } from '../../data/image-source.js';
import { DataError } from '../../errors.js';
import { calibrationMethods, probabilitiesOf } from '../../methods/calibration/calibration.js';
import { fitCalibration } from '../../methods/calibration/fit.js';
import { calibratedModel } from '../../methods/calibration/model.js';
import { imageScorer } from '../../methods/ood/score.js';
import { calibrationFigureNames, calibrationFigures } from '../../metrics/calibration.js';
import { renderReport } from '../../report/report.js';
import { writeAtomically } from '../../runs/atomic-file.js';
import { writeModelFile } from '../../runs/model-file.js';
import { writeRunConfig } from '../../runs/run-config.js';
import { openRunFolder } from '../../runs/run-folder.js';
import { nodeRuntime } from '../../runtime/node.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { calibrateReport } from '../calibrate-report.js';
import { command } from '../command.js';
import { namesOf } from '../evaluate-classifier.js';
import { holdOutIndices } from '../hold-out-indices.js';
import { imageDataOptions, openImageData } from '../image-data.js';
import {
  areNumbered,
  knownImages,
  openScoredModel,
  scoredModelOptions,
  sourceRows,
} from '../scored-model.js';
import { textTable } from '../text-table.js';
import { provenanceOf, quoted, repeatable } from '../training-run.js';

const options = z.object({
  ...imageDataOptions,
  ...scoredModelOptions,
  method: z
    .enum(calibrationMethods)
    .default('temperature')
    .describe('temperature: one number, no prediction changes; vector: two numbers a class'),
  split: z
    .enum(['test', 'validation', 'train'])
    .default('test')
    .describe('images that the model was not trained on'),
  share: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.5)
    .describe('share of them that the scaling is fitted on; the rest judge it'),
  seed: z.int().nonnegative().default(1).describe('decides which'),
  output: z
    .string()
    .optional()
    .meta({ placeholder: 'file', short: 'o' })
    .describe('where the calibrated model is written (-o); none unless given'),
  folder: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe('folder of the report (runs/calibrate-<model>-<data>)'),
  overwrite: z.boolean().optional().describe('replace a report that is there'),
});

export const calibrateCommand = command({
  name: 'calibrate',
  summary: 'Scale the scores of a classifier so that its probabilities hold, and save it so',
  examples: [
    'espalier calibrate model.onnx --data cifar10 --output calibrated.onnx',
    'espalier calibrate model.onnx --data photos --method vector --split validation',
  ],
  arguments: [{ name: 'model', description: 'an ONNX file', required: true }],
  options,
  async run({ options: given, arguments: { model: file } }, context) {
    const opened = await openScoredModel(file, given, context);
    const data = await openImageData(given, context);
    const images = data[given.split];
    if (!images || images.count < 2)
      throw new DataError(`${given.data} has no ${given.split} images: choose another --split`, {
        path: data.folder,
      });
    const { source, labels } = knownImages(images, data.classes, opened);
    const named = `runs/calibrate-${stemOf(file)}-${basename(given.data)}`.replaceAll(/\s+/g, '-');
    const place = resolve(context.cwd, given.folder ?? named);
    const { overwrite = false } = given;
    await openRunFolder(place, { overwrite, report: 'check' });
    const config = repeatable({ ...given, model: file });
    const runtime = await nodeRuntime();
    const run = await imageScorer(runtime, opened.network, [], given.batchSize);
    const bar = context.bar('classifying', source.count);
    const { logits } = await run(sourceRows(source, labels, opened, context), (n) =>
      bar.update(n),
    ).finally(() => bar.end());
    const { fitted, judged } = holdOutIndices(source.count, given.share, given.seed);
    const calibration = fitCalibration(given.method, rowsAt(logits, fitted), pick(labels, fitted));
    const [held, truth] = [rowsAt(logits, judged), pick(labels, judged)];
    const before = calibrationFigures(probabilitiesOf(held), truth);
    const after = calibrationFigures(probabilitiesOf(held, calibration), truth);
    const folder = await openRunFolder(place, { overwrite, report: 'write' });
    await writeRunConfig(folder, config);
    if (given.output !== undefined)
      await writeModelFile(
        resolve(context.cwd, given.output),
        calibratedModel(opened.network, calibration, opened.spec),
      );
    const { classes } = opened.spec;
    const report = await calibrateReport({
      classes: namesOf({ classes, isNamed: !areNumbered(classes) }, data.classes),
      ...{ opened, data: given.data, fitted: fitted.length, calibration, logits: held },
      ...{ source: subset(source, judged), labels: truth, before, after, config },
      next: [
        ...(given.output === undefined
          ? [
              `npx espalier calibrate ${quoted(file)} --data ${quoted(given.data)} --method ${given.method} --output calibrated.onnx --overwrite`,
            ]
          : []),
        `npx espalier ood ${quoted(given.output ?? file)} --in ${quoted(given.data)} --out noise:uniform`,
      ],
      provenance: provenanceOf(runtime, given.seed),
    });
    await writeAtomically(folder.report, renderReport(report), { what: 'report' });
    const title = `${file} on ${judged.length} images of ${given.data}, ${given.method} scaling fitted on ${fitted.length} others`;
    const rows = calibrationFigureNames.map((name) => [
      name,
      before[name].toFixed(4),
      after[name].toFixed(4),
    ]);
    const found =
      calibration.method === 'temperature'
        ? `\n\ntemperature ${calibration.temperature.toFixed(4)}`
        : '';
    return {
      json: {
        model: file,
        data: given.data,
        calibration,
        before,
        after,
        path: given.output ?? null,
        report: folder.report,
      },
      text: `${title}\n\n${textTable(['', 'before', 'after'], rows, ['left', 'right', 'right'])}${found}\n\nreport  ${folder.report}`,
    };
  },
});

const stemOf = (file: string): string => basename(file, extname(file));

function rowsAt({ data, dims }: Tensor<'float32'>, indices: readonly number[]): Tensor<'float32'> {
  const classes = dims[1] ?? 1;
  const rows = new Float32Array(indices.length * classes);
  indices.forEach((index, i) => {
    rows.set(data.subarray(index * classes, (index + 1) * classes), i * classes);
  });
  return tensor('float32', [indices.length, classes], rows);
}

const pick = (labels: Int32Array, indices: readonly number[]): Int32Array =>
  Int32Array.from(indices, (index) => labels[index] ?? -1);
