/** Which convolutions go into blocks of channels, and how their weights lie then. */
import type { Node } from '../graph/graph.js';
import { isStatic, type Shape, sizeOf } from '../tensor/shape.js';
import { zeros } from '../tensor/tensor.js';
import type { NodeMaker } from './node-maker.js';

/**
 * How the weights of a convolution are laid out: by blocks of both kinds of channels, or of the output's alone, as of
 * depthwise ones and of those of an image that has less than a block of channels and stays as it is.
 */
export type BlockedForm = 'both' | 'outputs' | 'image';

/** Positions of all images from which on a convolution is worth the laying out of its weights. */
export const fewestPositions = 100;

/**
 * The form that a convolution takes, or null where it stays plain: its channels do not fill blocks, it is not over two
 * spatial axes, or it is so small that laying values out anew costs what it saves.
 * @param w dimensions of the weights, (M, C / group, height, width)
 * @param y shape of the result, (N, M, height, width), where it is known
 * @param fewestTaps of a kernel whose convolution is worth it
 */
export function blockedForm(
  w: readonly number[],
  y: Shape | null,
  group: number,
  block: number,
  fewestTaps = 2,
): BlockedForm | null {
  const [made = 1, each = 1, ...kernel] = w;
  if (kernel.length !== 2 || sizeOf(w) === 0 || made % block !== 0) return null;
  if (y && isStatic(y) && sizeOf(y) < made * fewestPositions) return null;
  if (group > 1 && each === 1 && made === group) return 'outputs';
  if (sizeOf(kernel) < fewestTaps) return null;
  if (group === 1 && each < block) return 'image';
  return each % block === 0 && (made / group) % block === 0 ? 'both' : null;
}

/**
 * Lays weights out: (M, C, taps) as (M / block, C / block, taps, block of C, block of M), or without the blocks of C, under the
 * old dimensions. `ReorderInput` does it, which lays any two axes out so and works on all threads: a Transpose of two axes
 * takes 1 ms for 128 x 64 x 9, one of all five 15 ms for 512 x 512 x 9.
 * @param dims of the weights `w`
 * @returns the nodes, and the name of what they make
 */
export function blockedKernel(
  maker: NodeMaker,
  w: string,
  dims: readonly number[],
  form: BlockedForm,
  block: number,
): [Node[], string] {
  const [made = 1, each = 1, ...kernel] = dims;
  const taps = sizeOf(kernel);
  const inner = form === 'both' ? turned(maker, w, [(made * each) / block, block, taps, 1]) : null;
  const outer = turned(maker, inner?.output ?? w, [made / block, block, each * taps, 1]);
  const blocked = maker.name(`${w}/blocked`);
  return [
    [...(inner?.nodes ?? []), ...outer.nodes, maker.reshape(outer.output, dims, blocked)],
    blocked,
  ];
}

/** Nodes that give `x` the dimensions `dims`, of which the second is a block, and then put that last. */
function turned(maker: NodeMaker, x: string, dims: readonly number[]) {
  const [apart, output] = [maker.name(`${x}/apart`), maker.name(`${x}/turned`)];
  const nodes = [maker.reshape(x, dims, apart), maker.node('ReorderInput', [apart], output)];
  return { nodes, output };
}

/**
 * The kernel of a depthwise convolution that gives every channel the same weights, as it lies in blocks, where the taps come
 * before the channels of a block.
 * @param name what its own begins with
 */
export function depthwiseKernel(
  maker: NodeMaker,
  name: string,
  weights: readonly number[],
  shape: readonly number[],
  channels: number,
  block: number,
): string {
  const kernel = zeros('float32', [channels, 1, ...shape]);
  kernel.data.forEach((_, i) => {
    kernel.data[i] = weights[Math.floor(i / block) % weights.length] ?? 0;
  });
  return maker.constant(`${name}/taps`, kernel);
}
