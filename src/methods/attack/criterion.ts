/**
 * When an image counts as adversarial. Criteria read log-probabilities, since probabilities next to 1 are all the same
 * in float32 while their logarithms are not.
 */
import { UsageError } from '../../errors.js';

export interface Criterion {
  /** For example `misclassified(1)`. */
  readonly name: string;
  /** Whether one row of log-probabilities, (classes), fools as wished. */
  met(logs: Float32Array, label: number): boolean;
  /**
   * How far the row is from that, in nats: what attacks make small. Below 0, or 0 where equality will do, where it is met.
   */
  margin(logs: Float32Array, label: number): number;
  /** @throws UsageError where no answer over so many classes can meet it for this label. */
  check(classes: number, label: number): void;
}

/** The `rank`-th largest element beside that at `except`, 1 the largest; -Infinity where there are not so many. */
export function rankedOther(logs: Float32Array, except: number, rank: number): number {
  // As many as k, kept in order: k is small.
  const best = new Array<number>(rank).fill(Number.NEGATIVE_INFINITY);
  for (let c = 0; c < logs.length; c++) {
    const value = logs[c] as number;
    if (c === except || !(value > (best[rank - 1] as number))) continue;
    let at = rank - 1;
    for (; at > 0 && value > (best[at - 1] as number); at--) best[at] = best[at - 1] as number;
    best[at] = value;
  }
  return best[rank - 1] as number;
}

/**
 * The true class is not among the k likeliest: section 3 of the paper. In a tie it is.
 * @throws UsageError where `k` is no whole number above 0.
 */
export function misclassified(k = 1): Criterion {
  if (!Number.isSafeInteger(k) || k < 1)
    throw new UsageError(`invalid k ${k}: give a whole number from 1 on`, { actual: k });
  const margin = (logs: Float32Array, label: number): number =>
    (logs[label] ?? 0) - rankedOther(logs, label, k);
  return {
    name: `misclassified(${k})`,
    margin,
    met: (logs, label) => margin(logs, label) < 0,
    check(classes) {
      if (k >= classes)
        throw new UsageError(
          `k is ${k}, but of ${classes} classes the true one is always among the first ${k}: give a k below ${classes}`,
          { expected: `1 to ${classes - 1}`, actual: k },
        );
    },
  };
}

/** The class `target` is likelier than every other. @throws UsageError where it is no class's index. */
export function targeted(target: number): Criterion {
  if (!Number.isSafeInteger(target) || target < 0)
    throw new UsageError(`invalid target ${target}: give the index of a class`, { actual: target });
  const margin = (logs: Float32Array): number =>
    rankedOther(logs, target, 1) - (logs[target] ?? Number.NEGATIVE_INFINITY);
  return {
    name: `targeted(${target})`,
    margin,
    met: (logs) => margin(logs) < 0,
    check(classes, label) {
      if (target >= classes)
        throw new UsageError(`target ${target} is not one of ${classes} classes`, {
          expected: `0 to ${classes - 1}`,
          actual: target,
        });
      if (target === label)
        throw new UsageError(
          `target ${target} is the true class of an image: leave out images of that class`,
          { actual: target },
        );
    },
  };
}

/** Some wrong class has at least the probability `confidence`. @throws UsageError where that is not in (0, 1]. */
export function confident(confidence: number): Criterion {
  if (!(confidence > 0 && confidence <= 1))
    throw new UsageError(`invalid confidence ${confidence}: give a probability above 0`, {
      actual: confidence,
    });
  const wanted = Math.log(confidence);
  const margin = (logs: Float32Array, label: number): number =>
    wanted - rankedOther(logs, label, 1);
  return {
    name: `confident(${confidence})`,
    margin,
    met: (logs, label) => margin(logs, label) <= 0,
    check(classes) {
      if (classes < 2)
        throw new UsageError('a classifier of one class cannot be wrong: give one of two or more');
    },
  };
}

/** Both are met. */
export const both = (a: Criterion, b: Criterion): Criterion => ({
  name: `${a.name} & ${b.name}`,
  margin: (logs, label) => Math.max(a.margin(logs, label), b.margin(logs, label)),
  met: (logs, label) => a.met(logs, label) && b.met(logs, label),
  check(classes, label) {
    a.check(classes, label);
    b.check(classes, label);
  },
});
