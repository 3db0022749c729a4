/** `espalier attack`: how few pixels, and how few queries, fool a classifier that can only be asked. */
import { basename, extname, resolve } from 'node:path';
import { z } from 'zod';
import { labelsOf } from '../../data/image-source.js';
import type { AttackRecord } from '../../methods/attack/attack.js';
import type { AttackSummary } from '../../methods/attack/summary.js';
import { renderReport } from '../../report/report.js';
import { writeAtomically } from '../../runs/atomic-file.js';
import { openAttackFolder } from '../../runs/attack-folder.js';
import { writeRunConfig } from '../../runs/run-config.js';
import { attackNames, attacks } from '../attack-choice.js';
import { runAudit } from '../attack-run.js';
import { boxOptions, isAddress, openBox, rangeWords, readRange } from '../black-box/open-box.js';
import { command } from '../command.js';
import { matchClasses, splitOf } from '../evaluate-classifier.js';
import { imageDataOptions, openImageData } from '../image-data.js';
import { percent, textTable } from '../text-table.js';
import { gatesOf, missedThresholds } from '../thresholds.js';
import { quoted, repeatable } from '../training-run.js';
import { version } from '../version.js';

/** Figures that gates may name. */
const gateFigures = ['robust-accuracy', 'success', 'pixels', 'queries'] as const;

const positive = z.int().min(1);

const options = z.object({
  ...imageDataOptions,
  split: z.enum(['test', 'validation', 'train']).default('test').describe('which of the images'),
  attack: z
    .enum(attackNames)
    .default('sharp')
    .describe(
      "how: sharp is ours, locsearch the paper's, randadv tries pixels at random, sparse-rs is the modern reference, fgsm and iterated-fgsm look at gradients",
    ),
  images: positive
    .default(100)
    .describe('images to attack: those on which the classifier is right'),
  k: positive.default(1).describe('the true class is to leave the k likeliest'),
  examples: positive.default(1).describe('different adversarial images wanted of each original'),
  p: z.string().optional().describe('of PERT: a number, or adaptive (locsearch, randadv)'),
  r: z.number().optional().describe('of CYCLIC, 0 to 2 (locsearch: 1.5)'),
  d: z.int().min(0).optional().describe('half the side of a neighbourhood (locsearch: 5)'),
  t: positive.optional().describe('pixels changed a round (locsearch: 5, sharp: 2)'),
  pixels: positive
    .optional()
    .describe('pixels of a set (randadv: 1), or that may differ (sparse-rs: searched for)'),
  epsilon: z.number().positive().optional().describe('of fgsm, in the units of --range (0.2)'),
  range: z.string().default('foolbox').describe(`interval of the search: ${rangeWords}`),
  rounds: positive.optional().describe('rounds of an image at most'),
  queries: positive.optional().describe('queries of an image at most'),
  seconds: z.number().positive().optional().describe('seconds of an image at most'),
  seed: z.number().int().nonnegative().default(1).describe('decides all that is random'),
  folder: z
    .string()
    .optional()
    .meta({ placeholder: 'folder' })
    .describe('folder of the audit (runs/attack-<model>-<data>)'),
  overwrite: z.boolean().optional().describe('replace an audit that is there'),
  resume: z
    .boolean()
    .optional()
    .describe('go on with an audit that is there; nothing is asked twice'),
  failUnder: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'figure=number' })
    .describe(`end with exit code 5 where a figure is below: ${gateFigures.join(', ')}`),
  failOver: z
    .array(z.string())
    .default([])
    .meta({ placeholder: 'figure=number' })
    .describe('end with exit code 5 where a figure is above'),
  ...boxOptions,
});

export const attackCommand = command({
  name: 'attack',
  summary: 'Find out how few pixels and how few queries fool a classifier that can only be asked',
  examples: [
    'espalier attack model.onnx --data mnist',
    'espalier attack model.onnx --data cifar10 --attack locsearch --p 0.5 --images 300',
    'espalier attack https://example.org/classify --data photos --images 20 --queries 500 --auth-variable API_KEY',
    'espalier attack ./predict.mjs --data photos --fail-under robust-accuracy=0.4',
  ],
  arguments: [
    {
      name: 'model',
      description: 'an ONNX file, a module with a function, or an HTTP address',
      required: true,
    },
  ],
  options,
  async run({ options: given, arguments: { model } }, context) {
    const gates = gatesOf(given, gateFigures);
    const attack = attacks[given.attack](given);
    const { box, isNamed, preprocessing, kind } = await openBox(model, given, context);
    const data = await openImageData(given, context);
    const source = splitOf(data, given);
    const { classes } = box;
    const labels = matchClasses(given.data, data.classes, labelsOf(source), {
      ...{ classes, isNamed, path: model },
    });
    const stem = isAddress(model) ? new URL(model).hostname : basename(model, extname(model));
    const output =
      given.folder ?? `runs/attack-${stem}-${basename(given.data)}`.replaceAll(/\s+/g, '-');
    const folder = await openAttackFolder(resolve(context.cwd, output), {
      overwrite: given.overwrite ?? false,
      resume: given.resume ?? false,
    });
    const { rounds, queries, seconds, k, range, seed, examples } = given;
    const settings = {
      ...{ model, data: given.data, split: given.split, attack: attack.name, ...attack.parameters },
      ...{ k, range, seed, examples, rounds, queries, seconds },
    };
    await writeRunConfig(folder, repeatable({ ...given, model }));
    const { records, summary, pictures, sheet } = await runAudit({
      ...{
        box,
        attack,
        source,
        labels,
        wanted: given.images,
        examples,
        k,
        seed,
        folder,
        settings,
        context,
      },
      isRemote: kind !== 'onnx',
      range: readRange(range, preprocessing),
      budget: {
        ...(rounds !== undefined && { rounds }),
        ...(queries !== undefined && { queries }),
        ...(seconds !== undefined && { seconds }),
      },
    });
    const figures = {
      'robust-accuracy': summary.robustAccuracy,
      ...{
        success: summary.successRate,
        pixels: summary.pixelShare,
        queries: summary.queries.mean,
      },
    };
    const page = renderReport({
      title: 'How is it fooled?',
      subtitle: `${attack.name} on ${model}, ${given.data}, ${summary.attacked} images attacked`,
      figures: [
        { name: 'Success', value: percent(summary.successRate, 1), note: `k = ${k}` },
        { name: 'Pixels', value: percent(summary.pixelShare, 2), note: 'mean of successes' },
        {
          name: 'Queries',
          value: summary.queries.mean.toFixed(0),
          note: `median ${summary.queries.median}`,
        },
        { name: 'Robust accuracy', value: percent(summary.robustAccuracy, 1) },
        { name: 'Base error', value: percent(summary.baseError, 1) },
      ],
      config: repeatable(settings),
      ...{ curves: curvesOf(records), adversarial: pictures, provenance: { Espalier: version } },
      next: [
        `npx espalier attack ${quoted(model)} --data ${quoted(given.data)} --fail-under robust-accuracy=0.4`,
      ],
    });
    await writeAtomically(folder.report, page, { what: 'report' });
    const missed = missedThresholds(gates, figures);
    return {
      json: { ...settings, ...summary, ledger: folder.ledger, report: folder.report, sheet },
      text: describe(model, attack.name, k, summary, folder.ledger, folder.report, sheet),
      ...(missed && { error: missed }),
    };
  },
});

/** Successes of all that were attacked, by the queries and by the pixels that they took. */
function curvesOf(records: readonly AttackRecord[]) {
  const attacked = records.filter(({ outcome, example }) => outcome !== 'skipped' && example === 0);
  const cumulative = (values: readonly number[]) =>
    values.toSorted((a, b) => a - b).map((value, i) => [value, (i + 1) / attacked.length] as const);
  const won = attacked.filter(({ success }) => success);
  const curve = (title: string, yLabel: string, values: readonly number[]) => ({
    ...{ title, yLabel },
    series: [{ name: 'fooled', points: [[0, 0] as const, ...cumulative(values)] }],
  });
  return [
    curve(
      'Success by queries',
      'share fooled',
      won.map(({ queries }) => queries.atFirstSuccess ?? queries.total),
    ),
    curve(
      'Success by pixels',
      'share fooled',
      won.map(({ l0 }) => l0),
    ),
  ];
}

function describe(
  model: string,
  attack: string,
  k: number,
  summary: AttackSummary,
  ...[ledger, report, sheet]: string[]
): string {
  const {
    successInterval: [low, high],
  } = summary;
  const table = textTable(
    ['base error', 'adversarial error', 'confidence', 'PTB', '% pixels', 's an image', 'queries'],
    [
      [
        percent(summary.baseError, 2),
        percent(summary.adversarialError, 2),
        summary.confidence.toFixed(2),
        summary.ptb.toFixed(3),
        percent(summary.pixelShare, 2),
        summary.seconds.mean.toFixed(2),
        `${summary.queries.mean.toFixed(0)} (median ${summary.queries.median})`,
      ],
    ],
    ['right', 'right', 'right', 'right', 'right', 'right', 'right'],
  );
  return [
    `${attack} fooled ${model} on ${summary.successes} of ${summary.attacked} images, k = ${k}: ${percent(summary.successRate, 1)} (${percent(low, 1)} to ${percent(high, 1)}), judged on the 8-bit image`,
    '',
    table,
    '',
    `ledger  ${ledger}`,
    `report  ${report}`,
    ...(summary.successes > 0 ? [`sheet   ${sheet}`] : []),
  ].join('\n');
}
