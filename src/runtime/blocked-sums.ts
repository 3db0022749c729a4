/**
 * Sums over batch and positions of maps in blocks, by channel. Of one map they are a pool over each image; of a product of
 * two maps a depthwise convolution of one with the other for its kernel, as large as the map, so that no product is written
 * and read again: decision 025.
 */
import type { Graph, Node } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { type Tensor, tensor, toNumbers } from '../tensor/tensor.js';
import { int, ints, type NodeMaker } from './node-maker.js';

/** A sum or mean over batch and positions, and what it reads. */
export interface ChannelSum {
  readonly op: 'ReduceSum' | 'ReduceMean';
  /** The value that is summed, (N, C, height, width). */
  readonly x: string;
  /** The numbers by channel that it gives, in the shape that it gives them. */
  readonly y: string;
}

/** The node as a sum or mean over batch and positions; null for other nodes. */
export function channelSum({ op, domain, inputs, outputs }: Node, graph: Graph): ChannelSum | null {
  const [[x = '', axes = ''], [y = '']] = [inputs, outputs];
  if (domain !== '' || (op !== 'ReduceSum' && op !== 'ReduceMean')) return null;
  return isAllButChannels(graph.initializers.get(axes)) ? { op, x, y } : null;
}

const isAllButChannels = (axes: Tensor | undefined): boolean =>
  axes !== undefined &&
  toNumbers(axes)
    .map((axis) => (axis + 4) % 4)
    .sort()
    .join() === '0,2,3';

/**
 * Nodes of the sum of what lies in blocks: a pool of each image, and a product with a row of equal numbers, which is
 * quicker than ReduceSum and a Mul of C numbers.
 * @param blocked the value in blocks
 * @param dims its dimensions, (N, C, height, width)
 * @param shape dimensions of the sums
 */
export function sumToChannels(
  maker: NodeMaker,
  sum: ChannelSum,
  blocked: string,
  dims: readonly number[],
  shape: readonly number[],
): Node[] {
  const pooled = maker.name(`${sum.y}/pooled`);
  return [
    maker.node('GlobalAveragePool', [blocked], pooled),
    // A pool gives means.
    ...overImages(maker, sum, pooled, dims, shape, sizeOf(dims.slice(2))),
  ];
}

/**
 * Nodes of the sum of the products of two values in blocks. Of (1, N · C, height, width) and a kernel (N · C, 1, height,
 * width) a depthwise Conv makes N · C sums, and in blocks those are the very numbers of both values: over 64 x 16 x 32 x
 * 32 it takes 0.21 ms with two threads, their product and its pool 0.40; of a value with itself 0.10 rather than 0.27.
 * @param factors the values in blocks
 */
export function productSumToChannels(
  maker: NodeMaker,
  sum: ChannelSum,
  [left, right]: readonly [string, string],
  dims: readonly number[],
  shape: readonly number[],
): Node[] {
  const [batch = 1, channels = 1, ...window] = dims;
  const named = (name: string): string => maker.name(`${sum.y}/${name}`);
  const [image, kernel, products] = [named('image'), named('kernel'), named('products')];
  return [
    maker.reshape(left, [1, batch * channels, ...window], image),
    maker.reshape(right, [batch * channels, 1, ...window], kernel),
    maker.node('Conv', [image, kernel], products, {
      kernel_shape: ints(window),
      group: int(batch * channels),
    }),
    ...overImages(maker, sum, products, dims, shape, 1),
  ];
}

/** The sum or mean from one number for each image and channel: blocks of channels are then channels in their order. */
function overImages(
  maker: NodeMaker,
  { op, y }: ChannelSum,
  numbers: string,
  [batch = 1, channels = 1, ...window]: readonly number[],
  shape: readonly number[],
  each: number,
): Node[] {
  const factor = op === 'ReduceSum' ? each : each / (batch * sizeOf(window));
  const [matrix, sums] = [maker.name(`${y}/matrix`), maker.name(`${y}/sums`)];
  const row = tensor('float32', [batch], new Array<number>(batch).fill(factor));
  const flat = shape.length === 1;
  return [
    maker.reshape(numbers, [batch, channels], matrix),
    maker.node('MatMul', [maker.constant(`${y}/row`, row), matrix], flat ? y : sums, {}, ''),
    ...(flat ? [] : [maker.reshape(sums, shape, y)]),
  ];
}
