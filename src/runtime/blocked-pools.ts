/**
 * The gradient of a max-pool in the blocked layout of ONNX Runtime's CPU build, axis by axis as in
 * `ops/pool-max-gradient.ts`: masks are depthwise convolutions that subtract and end in a HardSigmoid so steep that it is
 * 1 from zero on and 0 below, and what is beside each other is put there by whole blocks of channels: decision 028.
 *
 * Two infinities have no difference: where x holds infinite numbers the gradient is NaN, plainly it is not.
 */
import type { Attributes, Node, PoolGradient } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { depthwiseKernel } from './blocked-form.js';
import type { GradientSizes } from './blocked-weights.js';
import { int, ints, type NodeMaker } from './node-maker.js';

/** 0 for height, 1 for width. */
type Axis = 0 | 1;
type Pair = readonly [number, number];

/** Slope at which every normal number but 0 leaves the range of a HardSigmoid. */
const steepest = 3.4e38;

/** Whether the gradient has this form: windows of stride 2, no padding before them, the first two elements of all there. */
export function hasBlockedPool(
  { image, windows: [, , ...counts], kernel }: GradientSizes,
  { strides, dilations, before }: PoolGradient,
  block: number,
): boolean {
  const [, channels, ...size] = image;
  if (sizeOf(image) === 0 || channels % block !== 0) return false;
  if (!kernel.every((width) => width === 2 || width === 3)) return false;
  if (strides.some((stride) => stride !== 2) || dilations.some((each) => each !== 1)) return false;
  if (before.some((pad) => pad !== 0)) return false;
  return counts.every((count, axis) => 2 * count <= (size[axis] ?? 0));
}

/** What is made of the gradient of a max-pool, in blocks. */
export interface BlockedPool {
  readonly nodes: readonly Node[];
  /** The gradient. */
  readonly dx: string;
  /** Its columns of even and of odd number; of an odd width these end with a column of zeros. */
  readonly columns: readonly [string, string];
}

/**
 * The gradient of a pool of which `hasBlockedPool` says that it has this form.
 * @param dx what names of values and nodes begin with
 * @param x the image in blocks
 * @param dy the gradient by the windows in blocks
 */
export function blockedPoolGradient(
  maker: NodeMaker,
  dx: string,
  { image: [batch, channels, ...size], windows: [, , ...counts], kernel }: GradientSizes,
  { x, dy, block }: { readonly x: string; readonly dy: string; readonly block: number },
): BlockedPool {
  const maps = new Maps(maker, dx, [batch, channels], block);
  const pairs = size.map((each) => Math.ceil(each / 2)) as [number, number];
  const windowAlong = (axis: Axis): Along => ({
    axis,
    kernel: kernel[axis],
    size: size[axis],
    pairs: pairs[axis],
    whole: 2 * (counts[axis] - 1) + kernel[axis] <= size[axis],
  });
  const [high, wide] = [windowAlong(0), windowAlong(1)];
  // Rows first: the largest of each row of a window, and of those the largest.
  const reduced = maps.largest(x, wide);
  const [masks, rowMasks] = [maps.masks(x, wide, reduced), maps.masks(reduced, high, null)];
  const rows = maps.shared(maps.extended(dy, counts, pairs), rowMasks, high);
  const columns = maps.shared(maps.inTurn(rows, high, [size[0], pairs[1]]), masks, wide);
  return { nodes: maps.nodes, dx: maps.inTurn(columns, wide, size), columns };
}

/** Windows along one axis of a value: that of number i begins with the pair of number i. */
interface Along {
  readonly axis: Axis;
  readonly kernel: number;
  readonly size: number;
  /** Pairs of elements, the last of which may lack one. */
  readonly pairs: number;
  /** Whether no window reaches behind the last element. */
  readonly whole: boolean;
}

/** A list of numbers along one axis, and another along the other. */
const along = (axis: Axis, number: number, other: number): number[] =>
  axis === 0 ? [number, other] : [other, number];

interface Taps {
  readonly axis: Axis;
  readonly stride?: number;
  readonly pads?: Pair;
  /** A value that is added; its buffer is taken where nobody else reads it. */
  readonly sum?: string;
  /** Slope of a HardSigmoid through (0, 1). */
  readonly slope?: number;
}

/** Nodes on values in blocks, as they come. */
class Maps {
  readonly nodes: Node[] = [];

  constructor(
    readonly maker: NodeMaker,
    readonly name: string,
    /** Batch and channels. */
    readonly outer: Pair,
    readonly block: number,
  ) {}

  #add(op: string, inputs: readonly string[], attributes: Attributes = {}, domain?: string) {
    const output = this.maker.name(`${this.name}/${op}`);
    this.nodes.push(this.maker.node(op, inputs, output, attributes, domain));
    return output;
  }

  #reshaped(x: string, dims: readonly number[]): string {
    const output = this.maker.name(`${this.name}/Reshape`);
    this.nodes.push(this.maker.reshape(x, dims, output));
    return output;
  }

  /** Each channel with these weights along the axis. */
  #taps(x: string, weights: readonly number[], { axis, stride = 1, pads, sum, slope }: Taps) {
    const [shape, [before, after]] = [along(axis, weights.length, 1), pads ?? [0, 0]];
    const operands = sum === undefined ? [x] : [x, '', sum];
    return this.#conv(operands, weights, shape, {
      strides: ints(along(axis, stride, 1)),
      pads: ints([...along(axis, before, 0), ...along(axis, after, 0)]),
      ...(slope !== undefined && {
        activation: { type: 'string', value: 'HardSigmoid' },
        activation_params: { type: 'floats', value: [slope, 1] },
      }),
    });
  }

  /** A depthwise convolution with the same weights for each channel. @param operands x, and what Conv takes behind weights */
  #conv(
    [x = '', ...others]: readonly string[],
    weights: readonly number[],
    shape: readonly number[],
    attributes: Attributes,
  ): string {
    const [, channels] = this.outer;
    const kernel = depthwiseKernel(this.maker, x, weights, shape, channels, this.block);
    const fixed = { kernel_shape: ints(shape), group: int(channels) };
    return this.#add('Conv', [x, kernel, ...others], { ...fixed, ...attributes });
  }

  /** The largest element of each window. */
  largest(x: string, { axis, kernel, size, pairs }: Along): string {
    return this.#add('MaxPool', [x], {
      kernel_shape: ints(along(axis, kernel, 1)),
      strides: ints(along(axis, 2, 1)),
      pads: ints([0, 0, ...along(axis, Math.max(0, 2 * (pairs - 1) + kernel - size), 0)]),
    });
  }

  /**
   * For each element of a window but the last: whether it is as large as those behind it, should none before it be the
   * largest.
   * @param known what `largest` gives, where it is at hand
   */
  masks(x: string, window: Along, known: string | null): string[] {
    const { axis, kernel, size, pairs, whole } = window;
    const mask = (place: number, weights: readonly number[], slope: number, sum?: string) => {
      const taps = [...Array<number>(place).fill(0), ...weights];
      const after = Math.max(0, 2 * (pairs - 1) + taps.length - size);
      const ends = { axis, stride: 2, pads: [0, after] as const, slope };
      return this.#taps(x, taps, sum === undefined ? ends : { ...ends, sum });
    };
    return Array.from({ length: kernel - 1 }, (_, place) => {
      // The last two are compared with each other, but for an absent one, which is no zero.
      if (place === kernel - 2 && (whole || kernel === 2)) return mask(place, [1, -1], steepest);
      const top = (place === 0 ? known : null) ?? this.largest(x, window);
      return mask(place, [-1], -steepest, top);
    });
  }

  /** `dy` with zeros for windows that there are not, to one for each pair. */
  extended(dy: string, counts: Pair, pairs: Pair): string {
    const after = pairs.map((each, axis) => each - (counts[axis] ?? 0));
    if (after.every((count) => count === 0)) return dy;
    return this.#conv([dy], [1], [1, 1], { pads: ints([0, 0, ...after]) });
  }

  /** The gradient by the first and by the second element of each pair along an axis, from the one by the windows' largest. */
  shared(dy: string, masks: readonly string[], { axis }: Along): readonly [string, string] {
    let rest = dy;
    const [even = '', odd] = masks.map((mask) => {
      const got = this.#add('Mul', [rest, mask], {}, '');
      rest = this.#add('Sub', [rest, got], {}, '');
      return got;
    });
    if (odd === undefined) return [even, rest];
    // The third element of a window is the first of the next pair.
    return [this.#taps(rest, [1, 0], { axis, pads: [1, 0], sum: even }), odd];
  }

  /**
   * Elements of two values in turn along an axis: whole blocks, or rows of them.
   * @param size height and width of what is made
   */
  inTurn(parts: readonly [string, string], { axis, pairs }: Along, size: Pair): string {
    const [batch, channels] = this.outer;
    const piece = (axis === 0 ? size[1] : 1) * this.block;
    const pieces = (batch * channels * pairs * size[axis === 0 ? 1 : 0]) / piece;
    const flat = parts.map((part) => this.#reshaped(part, [pieces, piece]));
    const joined = this.#add('Concat', flat, { axis: int(1) }, '');
    const whole = this.#reshaped(joined, [...this.outer, ...size.with(axis, 2 * pairs)]);
    return size[axis] === 2 * pairs ? whole : this.#taps(whole, [1, 0], { axis });
  }
}
