/** Conv as a linear map between an image and its windows, which Conv and ConvTranspose walk in either direction. */
import type { Value } from '../graph/graph.js';
import type { Builder } from './builder.js';
import { dimsOf } from './dims.js';
import { padded } from './emit.js';
import type { Window } from './window.js';

/** A convolution of known size. The image has the shape (N, C, ...spatial), the windows (N, M, ...window.counts). */
export interface Convolution {
  readonly window: Window;
  /** Spatial sizes of the image. */
  readonly spatial: readonly number[];
  readonly group: number;
}

/** `x` with zeros around it on the spatial axes, or cut where a number is negative. */
export function paddedSpatially(
  b: Builder,
  x: Value,
  before: readonly number[],
  after: readonly number[],
): Value {
  return padded(b, x, [0, 0, ...before], [0, 0, ...after]);
}

/** A Conv node whose pads may be negative. x: (N, C, ...), w: (M, C / group, ...kernel). */
export function convolved(
  b: Builder,
  x: Value,
  w: Value,
  before: readonly number[],
  after: readonly number[],
  attributes: {
    readonly strides?: readonly number[];
    readonly dilations?: readonly number[];
    readonly group: number;
  },
): Value {
  const cut = (pads: readonly number[]) => pads.map((pad) => Math.min(0, pad));
  const kept = (pads: readonly number[]) => pads.map((pad) => Math.max(0, pad));
  return b.Conv(paddedSpatially(b, x, cut(before), cut(after)), w, null, {
    kernel_shape: dimsOf(w).slice(2),
    pads: [...kept(before), ...kept(after)],
    ...attributes,
  });
}

/** The windows of an image: what Conv computes, without a bias. */
export function windowsOf(b: Builder, image: Value, w: Value, form: Convolution): Value {
  const { begin, strides, dilations } = form.window;
  const { group } = form;
  return convolved(b, image, w, begin, endPads(form), { strides, dilations, group });
}

/** Elements behind the image that the windows reach; negative where the last of the image are in none. */
export function endPads({ window, spatial }: Convolution): number[] {
  const { begin, counts, strides, extents } = window;
  return spatial.map((size, i) => {
    const covered = ((counts[i] ?? 1) - 1) * (strides[i] ?? 1) + (extents[i] ?? 1);
    return covered - size - (begin[i] ?? 0);
  });
}
