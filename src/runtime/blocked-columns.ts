/**
 * The gradient of a convolution by its weights, image by image in the blocked layout of ONNX Runtime's CPU build: in one
 * Conv every image is a group, a block of its columns takes the place of channels, and dy is the kernel as it lies in
 * memory. Nothing is turned, and what one image needs stays in the cache beside a core. For results of one block of
 * channels, of which `blocked-weights.ts` reads every number too often for what it does with it: decision 027.
 */
import type { Node, WeightGradient } from '../graph/graph.js';
import { zeros } from '../tensor/tensor.js';
import type { GradientSizes } from './blocked-weights.js';
import { int, ints, type NodeMaker } from './node-maker.js';

/** The two values in blocks that a gradient is made of. */
export interface BlockedSides {
  readonly image: string;
  readonly windows: string;
}

/** The most that columns may be filled up by to make blocks. */
export const mostFilling = 1.25;

/** Whether the gradient has this form, and is quicker in it. */
export function hasColumns(
  { image: [batch, channels, , width], windows: [, made], kernel: [rows, columns] }: GradientSizes,
  { strides, dilations, before, after }: WeightGradient,
  block: number,
): boolean {
  if (batch === 0 || channels === 0 || channels % block !== 0 || made !== block) return false;
  if (Math.max(rows, columns) < 2 || filled(width, block) > mostFilling * width) return false;
  if (strides.some((stride) => stride !== 1)) return false;
  // A first column that would have to be moved by more than the kernel reaches could not be a tap of it.
  if ((before[1] ?? 0) > (columns - 1) * (dilations[1] ?? 1)) return false;
  return ![...before, ...after].some((pad) => pad < 0);
}

/** So many columns as fill blocks. */
export const filled = (width: number, block: number): number => Math.ceil(width / block) * block;

/**
 * Nodes that make the gradient, and the name of what they give, M, C, rows and columns in their order. For those of which
 * `hasColumns` says that they have this form.
 * @param dw what names of values and nodes begin with
 * @param sides the image and dy, in blocks
 */
export function columnsGradient(
  maker: NodeMaker,
  dw: string,
  gradient: WeightGradient,
  sizes: GradientSizes,
  sides: BlockedSides,
  block: number,
): [Node[], string] {
  const {
    image: [, channels, , own],
    windows: [, made],
    kernel: [rows, columns],
  } = sizes;
  const width = filled(own, block);
  const [images, image] = imageNodes(maker, dw, sizes, sides.image, block);
  const [moves, kernel] = movedNodes(maker, dw, gradient, sizes, sides.windows, block);
  const [sums, sum] = byImages(maker, dw, gradient, { image, kernel, channels }, sizes, {
    made: columns * made,
    width,
    block,
  });
  const [apart, numbers] = [maker.name(`${dw}/apart`), maker.name(`${dw}/numbers`)];
  return [
    [
      ...images,
      ...moves,
      ...sums,
      maker.reshape(sum, [columns, rows, channels, made], apart),
      maker.node('Transpose', [apart], numbers, { perm: ints([3, 2, 1, 0]) }, ''),
    ],
    numbers,
  ];
}

/**
 * The Conv whose groups are images and whose channels are a block of columns, and the sum over images: (results / block,
 * rows, channels, block) numbers.
 * @param image rows of each height of all `channels` side by side, plain: (N, height, channels, width) numbers
 * @param kernel dy in blocks, as wide: (N, made, height, width)
 */
export function byImages(
  maker: NodeMaker,
  dw: string,
  { before, after, dilations }: WeightGradient,
  { image, kernel, channels }: { image: string; kernel: string; channels: number },
  { image: [batch, , height], windows: [, , counted], kernel: [rows] }: GradientSizes,
  { made, width, block }: { made: number; width: number; block: number },
): [Node[], string] {
  const named = (name: string): string => maker.name(`${dw}/${name}`);
  const [lines, taps, blocked] = [named('lines'), named('taps'), named('blocked')];
  const [flat, sum] = [named('flat'), named('sum')];
  const blocks = width / block;
  return [
    [
      maker.reshape(image, [1, batch * block, height, channels * blocks], lines),
      maker.reshape(kernel, [batch * made, block, counted, blocks], taps),
      maker.node('Conv', [lines, taps], blocked, {
        kernel_shape: ints([counted, blocks]),
        strides: ints([dilations[0] ?? 1, blocks]),
        pads: ints([before[0] ?? 0, 0, after[0] ?? 0, 0]),
        group: int(batch),
      }),
      maker.reshape(blocked, [batch, made * rows * channels], flat),
      maker.node(
        'ReduceSum',
        [flat, maker.list(`${sum}/axes`, [0])],
        sum,
        { keepdims: int(0) },
        '',
      ),
    ],
    sum,
  ];
}

/** A value in blocks with so many columns of zeros behind it. */
export function widened(
  maker: NodeMaker,
  dw: string,
  { value, channels, by }: { value: string; channels: number; by: number },
): [Node[], string] {
  if (by === 0) return [[], value];
  const wide = maker.name(`${dw}/wide`);
  const ones = zeros('float32', [channels, 1, 1, 1]);
  ones.data.fill(1);
  return [
    [
      maker.node('Conv', [value, maker.constant(`${wide}/ones`, ones)], wide, {
        pads: ints([0, 0, 0, by]),
        group: int(channels),
      }),
    ],
    wide,
  ];
}

/** The image plainly, (N, height, C, columns): rows of one height side by side. */
function imageNodes(
  maker: NodeMaker,
  dw: string,
  { image: [batch, channels, height, width] }: GradientSizes,
  image: string,
  block: number,
): [Node[], string] {
  const named = (name: string): string => maker.name(`${dw}/image/${name}`);
  const [apart, plain, split, turned] = [
    named('apart'),
    named('plain'),
    named('split'),
    named('turned'),
  ];
  const [blocks, columns] = [channels / block, filled(width, block)];
  const [wider, wide] = widened(maker, `${dw}/image`, {
    value: image,
    channels,
    by: columns - width,
  });
  const nodes = [
    ...wider,
    // Each row of a block of channels is laid out plainly by itself: rows stay where they are.
    maker.reshape(wide, [batch * blocks * height, block, 1, columns], apart),
    maker.node('ReorderOutput', [apart], plain, { channels: int(block) }),
  ];
  if (blocks === 1) return [nodes, plain];
  nodes.push(
    maker.reshape(plain, [batch, blocks, height, block * columns], split),
    maker.node('Transpose', [split], turned, { perm: ints([0, 2, 1, 3]) }, ''),
  );
  return [nodes, turned];
}

/** dy for each column of the kernel, moved along its rows to where the image has what it meets there: (N, columns · M, ...). */
function movedNodes(
  maker: NodeMaker,
  dw: string,
  { before, dilations }: WeightGradient,
  { image: [, , , width], windows: [, made, , wide], kernel: [, columns] }: GradientSizes,
  windows: string,
  block: number,
): [Node[], string] {
  const taps = zeros('float32', [columns * made, made, 1, columns]);
  const step = dilations[1] ?? 1;
  for (let column = 0; column < columns; column++)
    for (let m = 0; m < block; m++)
      taps.data[((column * columns + (columns - 1 - column)) * block + m) * block + m] = 1;
  const moved = maker.name(`${dw}/moved`);
  const left = (columns - 1) * step - (before[1] ?? 0);
  return [
    [
      maker.node('Conv', [windows, maker.constant(`${dw}/taps`, taps)], moved, {
        kernel_shape: ints([1, columns]),
        dilations: ints([1, step]),
        pads: ints([0, left, 0, filled(width, block) - wide + (before[1] ?? 0)]),
      }),
    ],
    moved,
  ];
}
