/** How far an adversarial image lies from its original. All but L0 are in units of the whole range of values, [0, 1]. */
import { boundsOf, type ImageShape, type Range } from './model.js';

export interface Distance {
  readonly name: 'L0' | 'L1' | 'L2' | 'Linf';
  /** Between two 8-bit images (channels, height, width). */
  between(a: Uint8Array, b: Uint8Array, shape: ImageShape): number;
}

/** Indices of the pixels of which some channel differs, ascending. */
export function changedPixels(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  { channels, height, width }: ImageShape,
): number[] {
  const plane = height * width;
  const changed: number[] = [];
  for (let i = 0; i < plane; i++)
    for (let c = 0; c < channels; c++)
      if (a[c * plane + i] !== b[c * plane + i]) {
        changed.push(i);
        break;
      }
  return changed;
}

/** Pixels of which some channel differs. */
export const l0: Distance = {
  name: 'L0',
  between: (a, b, shape) => changedPixels(a, b, shape).length,
};

/** Mean absolute difference of a value: the paper's PTB where the range is one wide, as the default is. */
export const l1: Distance = {
  name: 'L1',
  between(a, b) {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] as number) - (b[i] as number));
    return sum / (255 * a.length);
  },
};

export const l2: Distance = {
  name: 'L2',
  between(a, b) {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
    return Math.sqrt(sum) / 255;
  },
};

export const linf: Distance = {
  name: 'Linf',
  between(a, b) {
    let most = 0;
    for (let i = 0; i < a.length; i++)
      most = Math.max(most, Math.abs((a[i] as number) - (b[i] as number)));
    return most / 255;
  },
};

/** PTB of the paper's tables: the L1 distance in the coordinates of the search, by the number of values. */
export function perturbation(
  a: Uint8Array,
  b: Uint8Array,
  { channels, height, width }: ImageShape,
  range: Range,
): number {
  const plane = height * width;
  let sum = 0;
  for (let c = 0; c < channels; c++) {
    const [lower, upper] = boundsOf(range, c);
    const values = { channels: 1, height, width };
    const [from, to] = [c * plane, (c + 1) * plane];
    sum += (upper - lower) * l1.between(a.subarray(from, to), b.subarray(from, to), values);
  }
  return sum / channels;
}
