/**
 * The gradient of a convolution from one block of channels to several, image by image as in `blocked-columns.ts`: dy is
 * the kernel as it lies, and what its windows meet in each column of the kernel is copied out of the image, which is
 * small beside dy. Plainly dy is read once for each tap: decision 027.
 */
import type { Node, WeightGradient } from '../graph/graph.js';
import { zeros } from '../tensor/tensor.js';
import { type BlockedSides, byImages, filled, mostFilling, widened } from './blocked-columns.js';
import type { GradientSizes } from './blocked-weights.js';
import { int, ints, type NodeMaker } from './node-maker.js';

/** Columns of a map from which on one image of dy is more than the cache beside a core keeps while taps read it. */
const fewestColumns = 40;

/** Whether the gradient has this form, and is quicker in it. */
export function hasCopies(
  { image: [batch, channels], windows: [, made, , wide], kernel: [rows, columns] }: GradientSizes,
  { strides, before, after }: WeightGradient,
  block: number,
): boolean {
  if (batch === 0 || channels !== block || made === 0 || made % block !== 0) return false;
  if (channels * columns > made || Math.max(rows, columns) < 2 || wide < fewestColumns)
    return false;
  if (filled(wide, block) > mostFilling * wide || strides.some((stride) => stride !== 1))
    return false;
  return ![...before, ...after].some((pad) => pad < 0);
}

/**
 * Nodes that make the gradient, and the name of what they give, M, C, rows and columns in their order. For those of which
 * `hasCopies` says that they have this form.
 * @param dw what names of values and nodes begin with
 * @param sides the image and dy, in blocks
 */
export function copiesGradient(
  maker: NodeMaker,
  dw: string,
  gradient: WeightGradient,
  sizes: GradientSizes,
  sides: BlockedSides,
  block: number,
): [Node[], string] {
  const copies = copiesNodes(maker, dw, gradient, sizes, { image: sides.image, block });
  return gradientFromCopies(maker, dw, gradient, sizes, copies, sides.windows, block);
}

/**
 * The gradient from what windows meet in each column of the kernel, (N, height, C · columns, width filled up), and from dy
 * in blocks: M, C, rows and columns in their order.
 */
export function gradientFromCopies(
  maker: NodeMaker,
  dw: string,
  gradient: WeightGradient,
  sizes: GradientSizes,
  [copies, image]: readonly [readonly Node[], string],
  windows: string,
  block: number,
): [Node[], string] {
  const {
    image: [, channels],
    windows: [, made, , wide],
    kernel: [rows, columns],
  } = sizes;
  const width = filled(wide, block);
  const [fills, kernel] = widened(maker, `${dw}/windows`, {
    value: windows,
    channels: made,
    by: width - wide,
  });
  const taken = { image, kernel, channels: channels * columns };
  const [sums, sum] = byImages(maker, dw, gradient, taken, sizes, { made, width, block });
  const [apart, numbers] = [maker.name(`${dw}/apart`), maker.name(`${dw}/numbers`)];
  return [
    [
      ...copies,
      ...fills,
      ...sums,
      maker.reshape(sum, [made / block, rows, channels, columns, block], apart),
      maker.node('Transpose', [apart], numbers, { perm: ints([0, 4, 2, 1, 3]) }, ''),
    ],
    numbers,
  ];
}

/** What windows meet in each column of the kernel, (N, height, C · columns, width): a Conv that copies taps. */
function copiesNodes(
  maker: NodeMaker,
  dw: string,
  { before, dilations }: WeightGradient,
  {
    image: [batch, channels, height, width],
    windows: [, , , wide],
    kernel: [, columns],
  }: GradientSizes,
  { image, block }: { readonly image: string; readonly block: number },
): [Node[], string] {
  const named = (name: string): string => maker.name(`${dw}/image/${name}`);
  const [copied, apart, plain] = [named('copied'), named('apart'), named('plain')];
  const [split, turned] = [named('split'), named('turned')];
  const columnsWide = filled(wide, block);
  // Blocks of results, columns, channels, the channels of a block: result i is of channel i / columns and column i % columns.
  const taps = zeros('float32', [channels * columns, channels, 1, columns]);
  for (let i = 0; i < channels * columns; i++) {
    const [channel, column] = [Math.floor(i / columns), i % columns];
    const first = (Math.floor(i / block) * columns + column) * channels + channel;
    taps.data[first * block + (i % block)] = 1;
  }
  const [left, step] = [before[1] ?? 0, dilations[1] ?? 1];
  return [
    [
      maker.node('Conv', [image, maker.constant(`${copied}/taps`, taps)], copied, {
        kernel_shape: ints([1, columns]),
        dilations: ints([1, step]),
        pads: ints([0, left, 0, columnsWide - width - left + (columns - 1) * step]),
      }),
      // Each row of a block is laid out plainly by itself; then the blocks of one height come together.
      maker.reshape(copied, [batch * columns * height, block, 1, columnsWide], apart),
      maker.node('ReorderOutput', [apart], plain, { channels: int(block) }),
      maker.reshape(plain, [batch, columns, height, block * columnsWide], split),
      maker.node('Transpose', [split], turned, { perm: ints([0, 2, 1, 3]) }, ''),
    ],
    turned,
  ];
}
