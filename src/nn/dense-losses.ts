/**
 * Losses over every pixel. The softmax is formed here rather than by the operator, which transposes where its axis
 * is not the last: cross-entropy and its gradient take a third of the time so (see `dense-losses.test.ts` for what
 * they must agree with). The labels of a mask are one-hot by comparison, as in `losses.ts`.
 */
import { ShapeError, UsageError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { formatShape } from '../tensor/shape.js';
import { tensor } from '../tensor/tensor.js';

/** What every loss over pixels takes. */
export interface PixelOptions {
  /** Label of the pixels that count nowhere. 255 by default, as PASCAL VOC has it. */
  readonly ignore?: number;
  /** Weight of the pixels of each class, none negative. All alike by default. */
  readonly classWeights?: readonly number[];
}

/** What a loss that is a sum of the pixels' costs takes besides. */
export interface SummedPixelOptions extends PixelOptions {
  /**
   * `mean` (the default): the weighted mean over the pixels that are not void, as PyTorch has it. `sum`: their
   * weighted sum, the unnormalised loss of Long, Shelhamer and Darrell (PAMI 2016).
   */
  readonly reduction?: 'mean' | 'sum';
}

/** What the focal loss takes. */
export interface FocalOptions extends SummedPixelOptions {
  /** How much pixels that are right already lose their weight, 0 or more; 0 is cross-entropy. 2 by default. */
  readonly gamma?: number;
}

/** Ids that a label may be: those of a mask of one byte. */
const ids = 256;
/** Divisor of sums over no pixel. */
const tiny = 1e-30;

/** What the losses have in common, spread over (n, 1, h, w) unless said otherwise. */
interface Pixels {
  /** 1 where the label is a class, 0 where it is void, NaN where it is neither. */
  readonly valid: Value;
  /** `valid` times the class's weight. */
  readonly weight: Value;
  /** One-hot labels (n, classes, h, w), all 0 where void. */
  readonly target: Value;
  /** exp(scores - shift), (n, classes, h, w). */
  readonly exponentials: Value;
  readonly shift: Value;
  /** Sum of `exponentials` over the classes, 1 or so at least. */
  readonly total: Value;
}

/**
 * Cross-entropy of the softmax over classes, of every pixel.
 * @param scores float32 (n, classes, h, w), logits
 * @param labels int32 (n, h, w), -256 to 255: classes from 0 on, or `ignore`. Any other makes the loss NaN, so that
 *   a mask that does not fit stops the training.
 * @returns rank 0, in nats; 0 where every pixel is void
 * @throws ShapeError where the shapes do not fit, UsageError for class weights that do not
 */
export function crossEntropyPixels(
  b: Builder,
  scores: Value,
  labels: Value,
  options: SummedPixelOptions = {},
): Value {
  const pixels = pixelsOf(b, scores, labels, options);
  return reduced(b, costs(b, scores, pixels), pixels.weight, options.reduction);
}

/**
 * Focal loss (Lin et al. 2017, eq. 4 and 5): the cross-entropy of each pixel times (1 - p)^gamma, p the probability
 * of its class. `classWeights` is the paper's alpha. Like the paper it normalises by no sum of (1 - p)^gamma: the
 * mean is over pixels.
 * @param scores float32 (n, classes, h, w), logits
 * @param labels int32 (n, h, w), as of `crossEntropyPixels`
 * @returns rank 0; 0 where every pixel is void
 * @throws ShapeError where the shapes do not fit, UsageError for a gamma or class weights that do not
 */
export function focalLoss(
  b: Builder,
  scores: Value,
  labels: Value,
  { gamma = 2, ...options }: FocalOptions = {},
): Value {
  if (!(gamma >= 0 && Number.isFinite(gamma)))
    throw new UsageError(`focal loss: gamma must be 0 or more, got ${gamma}`, { actual: gamma });
  const pixels = pixelsOf(b, scores, labels, options);
  const entropy = costs(b, scores, pixels);
  if (gamma === 0) return reduced(b, entropy, pixels.weight, options.reduction);
  // Rounding may make a probability larger than 1, and a power of a negative number is none; the bound is what
  // float32 has no number below 1 closer than.
  const missing = b.Max(b.Sub(1, b.Exp(b.Neg(entropy))), 2 ** -24);
  return reduced(b, b.Mul(b.Pow(missing, gamma), entropy), pixels.weight, options.reduction);
}

/**
 * Soft Dice loss: 1 less the mean over classes of 2 Σ p t / (Σ p + Σ t), p the softmax and t the one-hot labels, sums
 * over all pixels of the batch that are not void (Drozdzal et al. 2016, for each class). The mean is over classes
 * of which the batch has a pixel, weighted with `classWeights`.
 * @param scores float32 (n, classes, h, w), logits
 * @param labels int32 (n, h, w), as of `crossEntropyPixels`
 * @returns rank 0, in [0, 1]; 0 where every pixel is void
 * @throws ShapeError where the shapes do not fit, UsageError for class weights that do not
 */
export function diceLoss(
  b: Builder,
  scores: Value,
  labels: Value,
  options: PixelOptions = {},
): Value {
  const { valid, target, exponentials, total } = pixelsOf(b, scores, labels, options);
  const { classes } = sizes(scores, labels);
  const probabilities = b.Mul(exponentials, b.Div(valid, total));
  const perClass = (value: Value): Value =>
    b.ReduceSum(b.ReduceSum(value, [2, 3], { keepdims: 0 }), [0], { keepdims: 0 });
  const ofClass = perClass(target);
  const both = b.Add(perClass(probabilities), ofClass);
  const overlap = b.Mul(perClass(b.Mul(probabilities, target)), 2);
  const lost = b.Sub(1, b.Div(overlap, b.Max(both, tiny)));
  const present = b.Cast(b.Greater(ofClass, 0), { to: 1 });
  const weights = tensor('float32', [classes], options.classWeights ?? new Array(classes).fill(1));
  const weight = b.Mul(present, b.constant(weights));
  return b.Div(sum(b, b.Mul(lost, weight)), b.Max(sum(b, weight), tiny));
}

/**
 * Share of the pixels that are not void whose class has not the largest score. Classes that share the largest are
 * both right.
 * @param scores float32 (n, classes, h, w)
 * @param labels int32 (n, h, w), as of `crossEntropyPixels`
 * @returns rank 0, in [0, 1]; 0 where every pixel is void
 * @throws ShapeError where the shapes do not fit
 */
export function errorOfPixels(
  b: Builder,
  scores: Value,
  labels: Value,
  options: Pick<PixelOptions, 'ignore'> = {},
): Value {
  const { valid, target } = labelled(b, scores, labels, options);
  const largest = b.ReduceMax(scores, [1], { keepdims: 1 });
  const wrong = b.Cast(b.Less(picked(b, scores, target), largest), { to: 1 });
  return reduced(b, wrong, valid, 'mean');
}

/** log Σ exp(scores) - score of the label, (n, 1, h, w); 0 where void. */
function costs(b: Builder, scores: Value, { valid, target, shift, total }: Pixels): Value {
  const normalizer = b.Add(b.Log(total), shift);
  return b.Mul(b.Sub(normalizer, picked(b, scores, target)), valid);
}

const picked = (b: Builder, scores: Value, target: Value): Value =>
  b.ReduceSum(b.Mul(target, scores), [1], { keepdims: 1 });

function reduced(
  b: Builder,
  cost: Value,
  weight: Value,
  reduction: 'mean' | 'sum' = 'mean',
): Value {
  const total = sum(b, b.Mul(cost, weight));
  return reduction === 'sum' ? total : b.Div(total, b.Max(sum(b, weight), tiny));
}

/** Over all elements, row by row first: in one go float32 loses the fourth digit of a large batch. */
function sum(b: Builder, value: Value): Value {
  const rows = value.shape.length > 1 ? b.ReduceSum(value, [-1], { keepdims: 0 }) : value;
  return b.ReduceSum(rows, null, { keepdims: 0 });
}

function pixelsOf(b: Builder, scores: Value, labels: Value, options: PixelOptions): Pixels {
  // A softmax is the same whatever is subtracted, so no gradient need flow through it; rounded up, none does.
  const shift = b.Ceil(b.ReduceMax(scores, [1], { keepdims: 1 }));
  const exponentials = b.Exp(b.Sub(scores, shift));
  const total = b.ReduceSum(exponentials, [1], { keepdims: 1 });
  return { ...labelled(b, scores, labels, options), exponentials, shift, total };
}

function labelled(
  b: Builder,
  scores: Value,
  labels: Value,
  { ignore = 255, classWeights }: PixelOptions,
): Pick<Pixels, 'valid' | 'weight' | 'target'> {
  const { classes } = sizes(scores, labels);
  checkOptions(classes, ignore, classWeights);
  const spread = b.Unsqueeze(labels, [1]);
  const looked = (ofClass: (id: number) => number): Value => {
    const table = Array.from({ length: ids }, (_, id) =>
      id === (ignore + ids) % ids ? 0 : id < classes ? ofClass(id) : Number.NaN,
    );
    return b.Gather(b.constant(tensor('float32', [ids], table)), spread);
  };
  const valid = looked(() => 1);
  // A void id that is also a class's must fit no row of the comparison.
  const rows = Array.from({ length: classes }, (_, id) => (id === ignore ? -ids - 1 : id));
  return {
    valid,
    weight: classWeights ? looked((id) => classWeights[id] ?? 0) : valid,
    target: b.Cast(b.Equal(spread, b.constant(tensor('int32', [1, classes, 1, 1], rows))), {
      to: 1,
    }),
  };
}

function sizes(scores: Value, labels: Value): { readonly classes: number } {
  const [n, classes, h, w] = scores.shape;
  const fits =
    scores.shape.length === 4 &&
    labels.shape.length === 3 &&
    [n, h, w].every((size, i) => {
      const other = labels.shape[i];
      return typeof size === 'string' || typeof other === 'string' || size === other;
    });
  if (!fits || typeof classes !== 'number')
    throw new ShapeError(
      `loss over pixels: scores must be (n, classes, h, w) and labels (n, h, w), got ${formatShape(scores.shape)} and ${formatShape(labels.shape)}. Bring them to one size, the number of classes known.`,
      { expected: scores.shape, actual: labels.shape },
    );
  if (classes > ids)
    throw new ShapeError(
      `loss over pixels: at most ${ids} classes have a place in a mask, got ${classes}`,
      { expected: ids, actual: classes },
    );
  return { classes };
}

function checkOptions(
  classes: number,
  ignore: number,
  weights: readonly number[] | undefined,
): void {
  if (!Number.isInteger(ignore) || ignore < -ids || ignore >= ids)
    throw new UsageError(
      `loss over pixels: the label to ignore must be from -${ids} to ${ids - 1}, got ${ignore}`,
      { actual: ignore },
    );
  if (weights === undefined) return;
  if (weights.length !== classes)
    throw new UsageError(
      `loss over pixels: ${weights.length} class weights for ${classes} classes. Give one for each.`,
      { expected: classes, actual: weights.length },
    );
  const wrong = weights.findIndex((weight) => !(weight >= 0 && Number.isFinite(weight)));
  if (wrong >= 0)
    throw new UsageError(
      `loss over pixels: the weight of class ${wrong} must be 0 or more, got ${weights[wrong]}`,
      { actual: weights[wrong] },
    );
}
