/** The fast gradient sign method and its iterated form: what attacks reach that see the gradients, as a reference. */
import { UsageError } from '../../errors.js';
import type { Attack, AttackContext, Proposal } from './attack.js';
import { boundsOf, toBytes } from './model.js';

/** Settings of both; epsilon and steps are in the coordinates of the range, in which the paper states them. */
export interface FgsmOptions {
  /** Largest change of a value. 0.2 unless given: the paper's on its small images (section 6; 1 on ImageNet). */
  readonly epsilon?: number;
  /**
   * Classes that are tried besides the true one, the likeliest first; all unless given, as in the paper, which takes the
   * best over all labels. From the true class the image goes up its loss, to another down that one's.
   */
  readonly labels?: number | 'all';
}

export interface IteratedFgsmOptions extends Omit<FgsmOptions, 'labels'> {
  /** As FGSM's, but 1 unless given: ten steps for every class would take ten times as many queries. */
  readonly labels?: number | 'all';
  /** Steps at most; 10 unless given (Kurakin et al. 2017, section 2.2: some tens). */
  readonly steps?: number;
  /** Length of a step; 2.5 epsilon / steps unless given (Madry et al. 2018, appendix). */
  readonly stepSize?: number;
}

interface Settings {
  readonly epsilon: number;
  readonly labels: number | 'all';
  readonly steps: number;
  readonly stepSize: number;
}

/**
 * FGSM (Goodfellow et al. 2015): one step of epsilon along the sign of the gradient by the image, for the true label and
 * others; the candidate that is furthest beyond the criterion is proposed. Candidates are rounded to 8 bits before they
 * are asked about.
 * @throws UsageError for settings that make no sense.
 */
export function fgsm({ epsilon = 0.2, labels = 'all' }: FgsmOptions = {}): Attack {
  return gradientSign(
    'FGSM',
    { epsilon, labels, steps: 1, stepSize: epsilon },
    { epsilon, labels },
  );
}

/**
 * Iterated FGSM (Kurakin et al. 2017): steps along the sign, kept within epsilon of the original, until one of the
 * candidates meets the criterion. Up the loss of the true label, and down that of the likeliest other unless `labels` says
 * more: where the true class has a probability of exactly 1 in float32, the gradient of its loss is 0 and leads nowhere.
 * @throws UsageError for settings that make no sense.
 */
export function iteratedFgsm(options: IteratedFgsmOptions = {}): Attack {
  const { epsilon = 0.2, labels = 1, steps = 10 } = options;
  const settings = {
    ...{ epsilon, labels, steps },
    stepSize: options.stepSize ?? (2.5 * epsilon) / steps,
  };
  return gradientSign('iterated FGSM', settings, settings);
}

function gradientSign(
  name: string,
  settings: Settings,
  parameters: Readonly<Record<string, unknown>>,
): Attack {
  const { steps, labels } = settings;
  if (!Number.isSafeInteger(steps) || steps < 1)
    throw new UsageError(`invalid steps ${steps}: give a whole number from 1 on`, {
      actual: steps,
    });
  for (const each of ['epsilon', 'stepSize'] as const)
    if (!(settings[each] > 0 && settings[each] < Number.POSITIVE_INFINITY))
      throw new UsageError(`invalid ${each} ${settings[each]}: give a number above 0`, {
        actual: settings[each],
      });
  if (labels !== 'all' && (!Number.isSafeInteger(labels) || labels < 0))
    throw new UsageError(`invalid labels ${labels}: give "all" or a whole number from 0 on`, {
      actual: labels,
    });
  return {
    ...{ name, needs: 'gradients', avoids: false },
    parameters: { ...parameters, probe: 'sign of the gradient', score: 'margin' },
    run: (context) => climb(context, settings),
  };
}

/** Takes the steps of all labels side by side. */
async function climb(context: AttackContext, settings: Settings): Promise<Proposal> {
  const { image, label, criterion, box } = context;
  const { steps, epsilon, stepSize } = settings;
  const labels = labelsOf(context, settings.labels);
  const [n, size, classes] = [labels.length, image.length, box.classes.length];
  const [radius, step] = [inBytes(context, epsilon), inBytes(context, stepSize)];
  const current = new Float32Array(n * size);
  for (let row = 0; row < n; row++) current.set(image, row * size);
  let best = { image: Uint8Array.from(image), margin: Number.POSITIVE_INFINITY };
  const most = Math.min(steps, context.rounds ?? Number.POSITIVE_INFINITY);
  for (let round = 1; round <= most; round++) {
    const gradients = await context.gradient(current, n, labels);
    for (let i = 0; i < current.length; i++) {
      const [row, at] = [Math.floor(i / size), i % size];
      const channel = Math.floor(at / (box.height * box.width));
      const away = (labels[row] === label ? 1 : -1) * Math.sign(gradients[i] ?? 0);
      const [original, r] = [image[at] ?? 0, radius[channel] ?? 0];
      const moved = (current[i] ?? 0) + away * (step[channel] ?? 0);
      const inside = Math.min(original + r, Math.max(original - r, moved));
      current[i] = Math.min(255, Math.max(0, inside));
    }
    const bytes = toBytes(current);
    const logs = await context.query(Float32Array.from(bytes), n);
    for (let row = 0; row < n; row++) {
      const scores = logs.subarray(row * classes, (row + 1) * classes);
      const margin = criterion.margin(scores, label);
      if (margin < best.margin) best = { image: bytes.slice(row * size, (row + 1) * size), margin };
      if (criterion.met(scores, label) && round < steps)
        return { image: bytes.slice(row * size, (row + 1) * size), rounds: round };
    }
    context.progress(round, Float32Array.from(best.image));
  }
  return { image: best.image, rounds: most };
}

/** A length in the coordinates of the range as 8-bit units, by channel. */
function inBytes({ box, range }: AttackContext, length: number): number[] {
  return Array.from({ length: box.channels }, (_, channel) => {
    const [lower, upper] = boundsOf(range, channel);
    return (255 * length) / (upper - lower);
  });
}

/** The true label, and as many others as are wanted, the likeliest on the original first. */
function labelsOf({ clean, label }: AttackContext, wanted: number | 'all'): Int32Array {
  const others = Array.from(clean, (log, index) => ({ log, index }))
    .filter(({ index }) => index !== label)
    .sort((a, b) => b.log - a.log)
    .slice(0, wanted === 'all' ? clean.length : wanted);
  return Int32Array.from([label, ...others.map(({ index }) => index)]);
}
