/** A classifier that shows its probabilities rounded, as many addresses on the web do. */
import { UsageError } from '../../errors.js';
import { logProbabilities } from './answers.js';
import type { BlackBox } from './model.js';

/**
 * The same box, of which nothing is seen but probabilities rounded to some decimals. What lies below the last one is lost:
 * a true class at 0.9996 and others at 0.0004 answer 1 and 0, and changes that do not cross a step are not seen.
 * @throws UsageError where `decimals` is no whole number from 1 to 15.
 */
export function roundedBox(box: BlackBox, decimals: number): BlackBox {
  if (!Number.isSafeInteger(decimals) || decimals < 1 || decimals > 15)
    throw new UsageError(`invalid decimals ${decimals}: give a whole number from 1 to 15`, {
      actual: decimals,
    });
  const steps = 10 ** decimals;
  return {
    ...facts(box),
    scores: box.scores === 'logits' ? 'probabilities' : box.scores,
    async predict(images, n, signal, isJudgement) {
      const answer = await box.predict(images, n, signal, isJudgement);
      const logs = logProbabilities(answer, n, box, () => undefined);
      return logs.map((log) => Math.round(steps * Math.exp(log)) / steps);
    },
  };
}

/** What is known of the box, without what else it can do: gradients are not rounded. */
function facts(box: BlackBox): Omit<BlackBox, 'predict'> {
  const { name, classes, channels, height, width, outOfRange, scores } = box;
  const { bestBatch, concurrency } = box;
  return {
    ...{ name, classes, channels, height, width, outOfRange, scores },
    ...(bestBatch !== undefined && { bestBatch }),
    ...(concurrency !== undefined && { concurrency }),
  };
}
