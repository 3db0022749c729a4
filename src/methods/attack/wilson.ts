/** How sure a share is that was counted. */
import { UsageError } from '../../errors.js';

/** Of the normal distribution, two-sided 95 %. */
const z95 = 1.959963984540054;

/**
 * Wilson's interval of a share (1927): where the true one lies, in 95 of 100 cases, when `count` of `trials` were counted.
 * @throws UsageError where they are no whole numbers with 0 <= count <= trials, trials > 0.
 */
export function wilsonInterval(
  count: number,
  trials: number,
  z = z95,
): readonly [low: number, high: number] {
  const whole = Number.isSafeInteger(count) && Number.isSafeInteger(trials);
  if (!whole || count < 0 || trials < 1 || count > trials)
    throw new UsageError(`${count} of ${trials} is no share: give whole numbers, trials above 0`, {
      actual: [count, trials],
    });
  const share = count / trials;
  const squared = z ** 2 / trials;
  const middle = share + squared / 2;
  const half = z * Math.sqrt((share * (1 - share)) / trials + squared / (4 * trials));
  // At the ends the exact value is 0 or 1, which rounding would miss.
  const low = count === 0 ? 0 : (middle - half) / (1 + squared);
  const high = count === trials ? 1 : (middle + half) / (1 + squared);
  return [low, high];
}
