/** What is attacked, and the coordinates in which attacks search. */
import { UsageError } from '../../errors.js';

/** Sides of an image; pixel i stands at row i / width, column i % width. */
export interface ImageShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/**
 * What a black box's rows are:
 * - `logits`: any finite numbers whose softmax is the answer, log-probabilities among them. Nothing saturates: the best;
 * - `probabilities`: one of each class. What is rounded away, attacks cannot see;
 * - `top-k`: probabilities of some classes, and of the others what is left over, in equal parts, filled in by the adapter;
 * - `label`: no scores; 1 for the class answered, 0 for the others. Attacks that need scores refuse.
 */
export type ScoreKind = 'logits' | 'probabilities' | 'top-k' | 'label';

/** What is known of a classifier without asking it. */
export interface BoxFacts extends ImageShape {
  readonly name: string;
  readonly classes: readonly string[];
  readonly scores: ScoreKind;
  /**
   * Whether values beyond 0..255 and between whole numbers reach the network as they are (an ONNX file, a function of
   * floats). Where not (an endpoint that takes PNGs), images are rounded and clipped before they are asked.
   */
  readonly outOfRange: boolean;
  /** Rows beyond which a batch brings nothing; 64 where unknown. No batch is larger. */
  readonly bestBatch?: number;
  /** Batches that may be under way at a time; 1 where unknown. */
  readonly concurrency?: number;
}

/** What is attacked: nothing of it is seen but answers. */
export interface BlackBox extends BoxFacts {
  /**
   * Answers a batch; must be deterministic, or figures do not repeat. Counted and cached by the caller.
   * @param images float32 (n, channels, height, width) in units of 8-bit values, 0..255; read at once, since the caller
   *   writes the next batch into the same memory when the answer is there
   * @param isJudgement whether the answer is to be a fresh one although the same may have been asked before
   * @returns float32 (n, classes), as `scores` says
   */
  predict(
    images: Float32Array,
    n: number,
    signal?: AbortSignal,
    isJudgement?: boolean,
  ): Promise<Float32Array>;
}

/** A classifier whose gradients are had as well: for the reference that they are. */
export interface WhiteBox extends BlackBox {
  /**
   * Gradient of each row's loss, -log of the probability of its label, by its image.
   * @returns float32 (n, channels, height, width), by units of 8-bit values
   */
  inputGradient(images: Float32Array, n: number, labels: Int32Array): Promise<Float32Array>;
}

export const isWhiteBox = (box: BlackBox): box is WhiteBox => 'inputGradient' in box;

/**
 * The interval [LB, UB] that 8-bit values are laid on, one for all channels or one each: x = LB + (UB - LB) v / 255.
 * Section 3 of Narodytska and Kasiviswanathan 2016 asks for LB < 0 < UB and gives no numbers.
 */
export interface Range {
  readonly lower: number | readonly number[];
  readonly upper: number | readonly number[];
}

/** [-0.5, 0.5], Foolbox's. */
export const defaultRange: Range = { lower: -0.5, upper: 0.5 };

/**
 * The range of a network's own normalisation.
 * @param mean of each channel, of values in [0, 1]; as `std`
 */
export const networkRange = (mean: readonly number[], std: readonly number[]): Range => ({
  lower: mean.map((m, c) => -m / (std[c] ?? 1)),
  upper: mean.map((m, c) => (1 - m) / (std[c] ?? 1)),
});

/** LB and UB of one channel. */
export function boundsOf(range: Range, channel: number): readonly [lower: number, upper: number] {
  const at = (side: number | readonly number[]): number =>
    typeof side === 'number' ? side : (side[channel] ?? Number.NaN);
  return [at(range.lower), at(range.upper)];
}

/** @throws UsageError where a bound is missing or LB <= 0 <= UB, LB < UB does not hold. */
export function checkRange(range: Range, channels: number): void {
  for (let c = 0; c < channels; c++) {
    const [lower, upper] = boundsOf(range, c);
    if (!(lower <= 0 && upper >= 0 && lower < upper && upper - lower < Number.POSITIVE_INFINITY))
      throw new UsageError(
        `range of channel ${c} is [${lower}, ${upper}]: give finite bounds, the lower one at most 0 and the upper one at least 0`,
        { expected: 'LB <= 0 <= UB, LB < UB', actual: [lower, upper] },
      );
  }
}

/** Values of any size as the 8-bit image that a file would hold: clipped, halves up. */
export function toBytes(values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Math.min(255, Math.max(0, Math.floor((values[i] as number) + 0.5)));
  return bytes;
}
