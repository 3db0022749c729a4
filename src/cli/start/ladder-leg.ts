/** Digits from 100 labels: a ladder network beside a baseline with the same labels. */
import { join } from 'node:path';
import { imageSize } from '../../data/image-set.js';
import { datasets } from '../../data/table.js';
import { ladderConfig, presetFor } from '../../methods/ladder/config.js';
import { runPaths } from '../../runs/run-folder.js';
import { type LadderRun, runLadder } from '../ladder-run.js';
import { quoted } from '../training-run.js';
import type { Leg } from './leg.js';

/** Where the ladder network's model lies; other parts ask it. */
export const ladderModel = (output: string): string => runPaths(join(output, 'ladder')).model;

const percent = (share: number | null): string => `${(100 * (share ?? Number.NaN)).toFixed(2)} %`;

export const ladderLeg: Leg = {
  name: 'ladder',
  async run({ runtime, output, seed, labels, epochs, context }) {
    const data = await datasets.mnist.load({ labels, seed });
    const train = async (
      mode: 'full' | 'supervised',
      comparison?: { name: string; value: string },
    ): Promise<LadderRun> => {
      const config = {
        ...ladderConfig(presetFor(labels), mode, imageSize(data.shape), data.classes.length),
        epochs,
        seed,
      };
      context.note(
        mode === 'full'
          ? `ladder network: ${labels} labels and ${data.unlabelled.count} digits without`
          : `supervised baseline: the same ${labels} labels, as many steps`,
      );
      return runLadder({
        ...{ runtime, config, data, overwrite: true },
        options: { data: 'mnist', ...config },
        output: join(output, mode === 'full' ? 'ladder' : 'supervised'),
        ...(comparison && { comparison }),
        signal: context.signal,
        progress: context.progress,
      });
    };
    const supervised = await train('supervised');
    const ladder = await train('full', {
      name: 'Baseline, same labels',
      value: percent(supervised.testError),
    });
    const model = quoted(ladder.model);
    return {
      json: {
        ladder: { testError: ladder.testError, labels },
        supervised: { testError: supervised.testError },
        model: ladder.model,
        report: ladder.report,
      },
      headline: `Test error on 10,000 digits, learnt from ${labels} labels`,
      figures: [
        ['ladder network', percent(ladder.testError)],
        ['supervised baseline', percent(supervised.testError)],
      ],
      model: ladder.model,
      report: ladder.report,
      next: [
        `npx espalier inspect ${model}`,
        `npx espalier evaluate ${model} --data mnist`,
        `npx espalier train ladder --labels ${labels}    # the paper's 150 epochs`,
      ],
    };
  },
};
