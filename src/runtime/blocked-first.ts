/**
 * The gradient of a first convolution by its weights, whose image has fewer channels than a block, image by image as in
 * `blocked-columns.ts`: dy is the kernel as it lies, and what its windows meet in each column is copied out of the image,
 * which is small beside dy: decision 027.
 */
import type { Node, WeightGradient } from '../graph/graph.js';
import { zeros } from '../tensor/tensor.js';
import { filled } from './blocked-columns.js';
import { gradientFromCopies } from './blocked-copies.js';
import type { GradientSizes } from './blocked-weights.js';
import { int, ints, type NodeMaker } from './node-maker.js';

/** Channels of the image times columns of the kernel up to which copies of the image are small beside dy. */
const mostCopies = 32;

/** Whether the gradient has this form, and is quicker in it. */
export function hasFirst(
  { image: [batch, channels], windows: [, made, , wide], kernel: [rows, columns] }: GradientSizes,
  { strides, before, after }: WeightGradient,
  block: number,
): boolean {
  if (batch === 0 || channels === 0 || channels >= block || made === 0 || made % block !== 0)
    return false;
  if (channels * columns > mostCopies || Math.max(rows, columns) < 2) return false;
  // Filling rows up with zeros would cost a pass over dy, which is all that is saved.
  if (wide % block !== 0 || strides.some((stride) => stride !== 1)) return false;
  return ![...before, ...after].some((pad) => pad < 0);
}

/**
 * Nodes that make the gradient, and the name of what they give, M, C, rows and columns in their order. For those of which
 * `hasFirst` says that they have this form.
 * @param dw what names of values and nodes begin with
 * @param windows dy in blocks
 */
export function firstGradient(
  maker: NodeMaker,
  dw: string,
  gradient: WeightGradient,
  sizes: GradientSizes,
  windows: string,
  block: number,
): [Node[], string] {
  const copies = copiesNodes(maker, dw, gradient, sizes, block);
  return gradientFromCopies(maker, dw, gradient, sizes, copies, windows, block);
}

/** What windows meet in each column of the kernel, (N, height, C · columns, width): a Conv that copies taps. */
function copiesNodes(
  maker: NodeMaker,
  dw: string,
  { image: source, before, dilations }: WeightGradient,
  {
    image: [batch, channels, height, width],
    windows: [, , , wide],
    kernel: [, columns],
  }: GradientSizes,
  block: number,
): [Node[], string] {
  const named = (name: string): string => maker.name(`${dw}/image/${name}`);
  const [copied, apart, plain] = [named('copied'), named('apart'), named('plain')];
  const taken = channels * columns;
  const made = filled(taken, block);
  const step = dilations[1] ?? 1;
  // For each block of results the taps come first, and they in the order of channels and columns.
  const taps = zeros('float32', [made, channels, 1, columns]);
  for (let i = 0; i < taken; i++) {
    const first = i - (i % block);
    taps.data[first * taken + i * block + (i % block)] = 1;
  }
  const left = before[1] ?? 0;
  const blocks = made / block;
  const nodes = [
    maker.node('Conv', [source, maker.constant(`${copied}/taps`, taps)], copied, {
      kernel_shape: ints([1, columns]),
      dilations: ints([1, step]),
      pads: ints([0, left, 0, wide - width - left + (columns - 1) * step]),
    }),
  ];
  if (blocks === 1) {
    nodes.push(
      // Each row is laid out plainly by itself: rows stay where they are.
      maker.reshape(copied, [batch * height, block, 1, wide], apart),
      maker.node('ReorderOutput', [apart], plain, { channels: int(taken) }),
    );
    return [nodes, plain];
  }
  const [split, turned] = [named('split'), named('turned')];
  nodes.push(
    maker.node('ReorderOutput', [copied], split, { channels: int(taken) }),
    maker.node('Transpose', [split], turned, { perm: ints([0, 2, 1, 3]) }, ''),
  );
  return [nodes, turned];
}
