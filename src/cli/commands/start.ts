/** `espalier start`, which `npm start` runs: the main job in minutes, on real digits, beside its baseline. */
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { imageSize } from '../../data/image-set.js';
import { datasets } from '../../data/table.js';
import { ladderConfig, presetFor } from '../../methods/ladder/config.js';
import { nodeRuntime } from '../../runtime/node.js';
import { command } from '../command.js';
import { type LadderRun, runLadder } from '../ladder-run.js';

const options = z.object({
  labels: z.number().int().positive().default(100).describe('labels to learn from'),
  // Ours: the paper trains 150; five are enough to see what the unlabelled images are worth.
  epochs: z.number().positive().default(5).describe('passes over the 60,000 unlabelled digits'),
  seed: z
    .number()
    .int()
    .nonnegative()
    .default(1)
    .describe('decides labels, weights, noise and order'),
  output: z
    .string()
    .default('runs/start')
    .meta({ placeholder: 'folder' })
    .describe('folder of both runs'),
});

const percent = (share: number | null): string => `${(100 * (share ?? Number.NaN)).toFixed(2)} %`;

export const start = command({
  name: 'start',
  summary: 'Train a ladder network on MNIST with 100 labels, beside a supervised baseline',
  examples: ['espalier start', 'espalier start --json', 'espalier start --epochs 15'],
  arguments: [],
  options,
  async run({ options: { labels, epochs, seed, output } }, context) {
    const begun = performance.now();
    const runtime = await nodeRuntime();
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
        runtime,
        config,
        data,
        options: { data: 'mnist', ...config },
        output: join(resolve(context.cwd, output), mode === 'full' ? 'ladder' : 'supervised'),
        overwrite: true,
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
    const seconds = Math.round((performance.now() - begun) / 1000);
    return {
      json: {
        ladder: { testError: ladder.testError, labels },
        supervised: { testError: supervised.testError },
        seconds,
        model: ladder.model,
        report: ladder.report,
      },
      text: [
        `Test error on 10,000 digits, learnt from ${labels} labels in ${seconds} s`,
        '',
        `  ladder network       ${percent(ladder.testError).padStart(8)}`,
        `  supervised baseline  ${percent(supervised.testError).padStart(8)}`,
        '',
        `model   ${ladder.model}`,
        `report  ${ladder.report}`,
        '',
        'next:',
        `  npx espalier inspect ${ladder.model}`,
        `  npx espalier evaluate ${ladder.model} --data mnist`,
        `  npx espalier train ladder --labels ${labels}    # the paper's 150 epochs`,
      ].join('\n'),
    };
  },
});
