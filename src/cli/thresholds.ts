/** Gates for continuous integration: figures that must reach, or must not exceed, what the caller wants. */
import { ThresholdError, UsageError } from '../errors.js';
import { didYouMean } from './suggest.js';

/** One gate. */
export interface Threshold {
  readonly flag: string;
  readonly figure: string;
  readonly limit: number;
  /** Whether the figure must be at least, or at most, the limit. */
  readonly kind: 'least' | 'most';
}

/**
 * Reads `accuracy=0.95` for each entry.
 * @param figures the names that there are, for the check
 * @throws UsageError for another form, or a figure that is not measured.
 */
export function readThresholds(
  flag: string,
  kind: Threshold['kind'],
  entries: readonly string[],
  figures: readonly string[],
): Threshold[] {
  return entries.map((entry) => {
    const at = entry.lastIndexOf('=');
    const [figure, text] = [entry.slice(0, at).trim(), entry.slice(at + 1).trim()];
    const limit = text === '' ? Number.NaN : Number(text);
    if (at < 1 || !Number.isFinite(limit))
      throw new UsageError(
        `${flag}: must be <figure>=<number> as in accuracy=0.95, got "${entry}"`,
        {
          actual: entry,
        },
      );
    if (!figures.includes(figure))
      throw new UsageError(
        `${flag}: unknown figure "${figure}".${didYouMean(figure, figures)} The figures are ${figures.join(', ')}`,
        { expected: figures, actual: figure },
      );
    return { flag, figure, limit, kind };
  });
}

/** The options that gates come from. */
export interface GateOptions {
  readonly failUnder: readonly string[];
  readonly failOver: readonly string[];
}

/** The gates of both options. @throws UsageError as `readThresholds`. */
export function gatesOf(
  { failUnder, failOver }: GateOptions,
  figures: readonly string[],
): Threshold[] {
  return [
    ...readThresholds('--fail-under', 'least', failUnder, figures),
    ...readThresholds('--fail-over', 'most', failOver, figures),
  ];
}

/** The error that names each figure that misses its limit, what was wanted and what was seen; undefined where none does. */
export function missedThresholds(
  thresholds: readonly Threshold[],
  figures: Readonly<Record<string, number>>,
): ThresholdError | undefined {
  const missed = thresholds.filter(({ figure, limit, kind }) => {
    const value = figures[figure] ?? Number.NaN;
    // A figure over nothing is NaN, and misses every limit.
    return kind === 'least' ? !(value >= limit) : !(value <= limit);
  });
  if (missed.length === 0) return undefined;
  const sentences = missed.map(
    ({ figure, limit, kind }) =>
      `${figure} is ${Number(figures[figure]?.toPrecision(6))}, wanted at ${kind} ${limit}`,
  );
  return new ThresholdError(sentences.join('\n'), {
    expected: Object.fromEntries(missed.map(({ figure, limit }) => [figure, limit])),
    actual: Object.fromEntries(missed.map(({ figure }) => [figure, figures[figure]])),
  });
}
