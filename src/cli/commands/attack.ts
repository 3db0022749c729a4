/** `espalier attack`: how few pixels, and how few queries, fool a classifier that can only be asked. */
import { basename, extname, resolve } from 'node:path';
import { z } from 'zod';
import { labelsOf } from '../../data/image-source.js';
import { roundedBox } from '../../methods/attack/rounded-box.js';
import { renderReport } from '../../report/report.js';
import { writeAtomically } from '../../runs/atomic-file.js';
import { openAttackFolder } from '../../runs/attack-folder.js';
import { writeRunConfig } from '../../runs/run-config.js';
import { attackNames, attacks } from '../attack-choice.js';
import { attackReport, describeAttack } from '../attack-report.js';
import { runAudit } from '../attack-run.js';
import { boxOptions, isAddress, openBox, rangeWords, readRange } from '../black-box/open-box.js';
import { command } from '../command.js';
import { matchClasses, splitOf } from '../evaluate-classifier.js';
import { imageDataOptions, openImageData } from '../image-data.js';
import { gatesOf, missedThresholds } from '../thresholds.js';
import { quoted, repeatable } from '../training-run.js';

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
  probe: z
    .enum(['PERT', 'CYCLIC'])
    .optional()
    .describe(
      'what locsearch tries at a candidate: what the paper has (PERT), or what it would write',
    ),
  rankBy: z
    .enum(['probability', 'margin'])
    .optional()
    .describe('score of locsearch: probability of the true class, or margin of log-probabilities'),
  candidates: positive.optional().describe('pixels looked at a round (locsearch: all, sharp: 8)'),
  exclusion: z
    .int()
    .nonnegative()
    .optional()
    .describe('rounds for which locsearch leaves a changed pixel alone (30)'),
  decimals: positive
    .optional()
    .describe('rounds the probabilities, as some addresses do, to find out what that costs'),
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
    'espalier attack model.onnx --data mnist --attack locsearch --p 10 --candidates 128 --exclusion 0',
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
    // Gradients are had one by one: all threads on one image.
    const most = attack.needs === 'gradients' ? 1 : given.images;
    const { box, isNamed, preprocessing, kind } = await openBox(model, given, context, most);
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
    const { rounds, queries, seconds, k, range, decimals, seed, examples } = given;
    const settings = {
      ...{ model, data: given.data, split: given.split, attack: attack.name, ...attack.parameters },
      ...{ k, range, decimals, seed, examples, rounds, queries, seconds },
    };
    const config = repeatable({ ...given, model });
    // Other settings than those of an audit that is there are refused below: until then it keeps its own.
    if (!folder.resumed) await writeRunConfig(folder, config);
    const { records, summary, pictures, sheet } = await runAudit({
      ...{
        box: decimals === undefined ? box : roundedBox(box, decimals),
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
    if (folder.resumed) await writeRunConfig(folder, config);
    const figures = {
      'robust-accuracy': summary.robustAccuracy,
      ...{
        success: summary.successRate,
        pixels: summary.pixelShare,
        queries: summary.queries.mean,
      },
    };
    const found = {
      ...{
        model,
        data: given.data,
        attack: attack.name,
        k,
        shape: box,
        records,
        summary,
        pictures,
      },
      settings: repeatable(settings),
      next: [
        `npx espalier attack ${quoted(model)} --data ${quoted(given.data)} --fail-under robust-accuracy=0.4`,
      ],
    };
    await writeAtomically(folder.report, renderReport(attackReport(found)), { what: 'report' });
    const missed = missedThresholds(gates, figures);
    return {
      json: { ...settings, ...summary, ledger: folder.ledger, report: folder.report, sheet },
      text: describeAttack(found, { ledger: folder.ledger, report: folder.report, sheet }),
      ...(missed && { error: missed }),
    };
  },
});
