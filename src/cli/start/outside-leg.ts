/** The digit classifier of the ladder leg faced with noise and with digits on their side: does it say that it does not know? */
import { join } from 'node:path';
import { alteredImages, noiseImages } from '../../data/altered.js';
import { spreadOver } from '../../data/confident-batches.js';
import { holdOut } from '../../data/image-source.js';
import { openImages } from '../../data/open-images.js';
import { DataError, UsageError } from '../../errors.js';
import { unknownModel } from '../../methods/ood/fold.js';
import { renderReport } from '../../report/report.js';
import { writeAtomically } from '../../runs/atomic-file.js';
import { writeModelFile } from '../../runs/model-file.js';
import { openRunFolder } from '../../runs/run-folder.js';
import { type FigureOptions, oodFigures } from '../ood-figures.js';
import { outsideMistakes, outsideReport, reliabilityReport } from '../ood-report.js';
import { runOod } from '../ood-run.js';
import { openScoredModel } from '../scored-model.js';
import { grouped, percent } from '../text-table.js';
import { provenanceOf, quoted } from '../training-run.js';
import { ladderModel } from './ladder-leg.js';
import type { Leg } from './leg.js';

/** Ours: as many as are judged in two seconds. */
const judged = 4000;
const heldOut = 4000;
const tpr = 0.95;

export const outsideLeg: Leg = {
  name: 'outside',
  async run({ runtime, output, seed, context }) {
    const begun = performance.now();
    const path = ladderModel(output);
    const opened = await openScoredModel(path, { scores: 'auto', batchSize: 500 }, context).catch(
      (cause: unknown) => {
        throw new UsageError(
          `the part outside looks at the model of the part ladder, and ${path} cannot be read: run both, as in --legs ladder,outside`,
          { path, cause },
        );
      },
    );
    const mnist = await openImages('mnist', { env: context.env });
    if (!mnist.test) throw new DataError('MNIST has no test images here');
    context.note(`outside: what the ladder network makes of noise and of digits on their side`);
    const { held } = holdOut(mnist.train, heldOut, seed);
    const test = spreadOver(mnist.test, judged);
    const run = await runOod({
      ...{ runtime, opened, context, tpr, batch: 500, settings: {}, detectors: ['energy'] },
      images: { fitted: held, held, judged: test },
      outside: [
        { name: 'noise', source: noiseImages('uniform', judged, opened.target, seed) },
        { name: 'rotated digits', source: alteredImages(test, 'rotated', seed) },
      ],
    });
    const options: FigureOptions = { tpr, resamples: 200, seed, paper: false };
    const found = oodFigures(run, options);
    const [ready] = run.detectors;
    const [figures] = found.detectors;
    if (!ready || !figures) throw new DataError('no detector was fitted');
    const folder = await openRunFolder(join(output, 'outside'), { overwrite: true });
    const { fitted: detector, threshold } = ready;
    await writeModelFile(
      folder.model,
      unknownModel(opened.network, { detector, threshold, tpr }, opened.spec),
    );
    const next = [
      `npx espalier ood ${quoted(path)} --in mnist --out fashion-mnist --out blurred:mnist --detector all`,
      'npx espalier train confident --data mnist    # unsure of what is outside, without having seen it',
    ];
    const shares = figures.sets.map(
      ({ name, refused }) => [`${name} refused`, percent(refused, 1)] as const,
    );
    const page = renderReport({
      title: 'Does it know what it does not know?',
      subtitle: 'the ladder network, digits inside',
      figures: [
        ...shares.map(([name, value]) => ({ name, value })),
        { name: 'Digits kept', value: percent(figures.accepted, 1), note: 'of the test images' },
      ],
      config: { model: path, detector: 'energy', tpr, seed },
      curves: [],
      outside: outsideReport(run, found, leadOf(figures.accepted), options),
      reliability: reliabilityReport(run, found),
      mistakes: await outsideMistakes(run, opened.target, opened.spec.classes),
      ...{ next, provenance: provenanceOf(runtime, seed) },
    });
    await writeAtomically(folder.report, page, { what: 'report' });
    const seconds = Math.round((performance.now() - begun) / 10) / 100;
    const { report, model } = folder;
    const sets = figures.sets.map(({ name, refused, figures: { tnr, auroc } }) => ({
      ...{ name, refused, tnr, auroc },
    }));
    return {
      json: { outside: { kept: figures.accepted, sets, threshold, seconds, model, report } },
      headline: `What the ladder network says it does not know, where it keeps ${percent(figures.accepted, 1)} of ${grouped(judged)} digits`,
      figures: shares,
      ...{ model, report, next },
    };
  },
};

const leadOf = (accepted: number): string =>
  `The energy of the network's scores against a threshold that ${percent(tpr, 0)} of ${grouped(heldOut)} other digits stay below; ${percent(accepted, 1)} of the test digits do. TNR and the rest are taken at their own thresholds.`;
