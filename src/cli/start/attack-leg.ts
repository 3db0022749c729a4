/** Ten digits that fool the classifier of the ladder leg, one of each class, found by its answers alone. */
import { join } from 'node:path';
import { labelsOf, sourceOf, subset } from '../../data/image-source.js';
import { datasets } from '../../data/table.js';
import { DataError, UsageError } from '../../errors.js';
import { defaultRange } from '../../methods/attack/model.js';
import { onnxBox } from '../../methods/attack/onnx-box.js';
import { sharp } from '../../methods/attack/sharp.js';
import { renderReport } from '../../report/report.js';
import { writeAtomically } from '../../runs/atomic-file.js';
import { openAttackFolder } from '../../runs/attack-folder.js';
import { readModelFile } from '../../runs/model-file.js';
import { attackReport } from '../attack-report.js';
import { runAudit } from '../attack-run.js';
import { percent } from '../text-table.js';
import { quoted } from '../training-run.js';
import { ladderModel } from './ladder-leg.js';
import type { Leg } from './leg.js';

const digits = 10;

export const attackLeg: Leg = {
  name: 'attack',
  async run({ runtime, output, seed, labels, context }) {
    const begun = performance.now();
    const path = ladderModel(output);
    const model = await readModelFile(path).catch((cause: unknown) => {
      throw new UsageError(
        `the part attack asks the model of the part ladder, and ${path} is not there: run both, as in --legs ladder,attack`,
        { path, cause },
      );
    });
    const { test } = await datasets.mnist.load({ labels, seed });
    if (!test) throw new DataError('MNIST has no test images here');
    context.note(`attack: ${digits} digits that the ladder network has right, by queries alone`);
    const all = sourceOf(test, 'MNIST test');
    const source = subset(all, oneOfEach(labelsOf(all)));
    const box = await onnxBox({ runtime, model, name: 'the ladder network' });
    const folder = await openAttackFolder(join(output, 'attack'), { overwrite: true });
    const attack = sharp();
    const settings = {
      model: path,
      data: 'mnist',
      attack: attack.name,
      ...attack.parameters,
      seed,
    };
    const { records, summary, pictures } = await runAudit({
      ...{ box, attack, source, labels: labelsOf(source), wanted: digits, folder, seed, settings },
      ...{ isRemote: false, examples: 1, k: 1, range: defaultRange, budget: {}, context },
    });
    const next = [
      `npx espalier attack ${quoted(path)} --data mnist --images 300`,
      `npx espalier attack ${quoted(path)} --data mnist --attack locsearch --images 50    # the paper's`,
    ];
    const page = attackReport({
      ...{ model: box.name, data: 'MNIST', attack: attack.name, k: 1, shape: box },
      ...{ records, summary, pictures, settings, next },
    });
    await writeAtomically(folder.report, renderReport(page), { what: 'report' });
    const { successes: fooled, attacked: images, pixelShare: pixels, queries } = summary;
    const seconds = Math.round((performance.now() - begun) / 10) / 100;
    const report = folder.report;
    return {
      json: { attack: { fooled, images, pixels, queries: queries.mean, seconds, report } },
      headline: `Digits that fool the ladder network: ${fooled} of ${images}, found by asking it`,
      figures: [
        ['pixels changed', percent(pixels, 2)],
        ['queries a digit', queries.mean.toFixed(0)],
      ],
      model: path,
      report,
      next,
    };
  },
};

/** Indices of all images, the first of every class first, then the second of each, and so on. */
function oneOfEach(labels: Int32Array): number[] {
  const seen = new Map<number, number>();
  const turns = Array.from(labels, (label) => {
    const turn = seen.get(label) ?? 0;
    seen.set(label, turn + 1);
    return turn;
  });
  const order = Array.from(labels, (_, i) => i);
  const of = (values: ArrayLike<number>, i: number): number => values[i] ?? 0;
  return order.sort((a, b) => of(turns, a) - of(turns, b) || of(labels, a) - of(labels, b));
}
