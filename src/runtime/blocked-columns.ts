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
const mostFilling = 1.25;

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

const filled = (width: number, block: number): number => Math.ceil(width / block) * block;

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
    image: [batch, channels, , width],
    windows: [, made, counted],
    kernel: [rows, columns],
  } = sizes;
  const { before, after, dilations } = gradient;
  const named = (name: string): string => maker.name(`${dw}/${name}`);
  const node = (op: string, inputs: string[], output: string, attributes = {}): Node =>
    maker.node(op, inputs, output, attributes, '');
  const [images, image] = imageNodes(maker, dw, sizes, sides.image, block);
  const [moves, together] = movedNodes(maker, dw, gradient, sizes, sides.windows, block);
  const [kernel, blocked] = [named('kernel'), named('blocked')];
  const [flat, sum, apart, numbers] = [
    named('flat'),
    named('sum'),
    named('apart'),
    named('numbers'),
  ];
  const [blocks, all] = [filled(width, block) / block, columns * made];
  return [
    [
      ...images,
      ...moves,
      maker.reshape(together, [batch * all, block, counted, blocks], kernel),
      maker.node('Conv', [image, kernel], blocked, {
        kernel_shape: ints([counted, blocks]),
        strides: ints([dilations[0] ?? 1, blocks]),
        pads: ints([before[0] ?? 0, 0, after[0] ?? 0, 0]),
        group: int(batch),
      }),
      maker.reshape(blocked, [batch, all * rows * channels], flat),
      node('ReduceSum', [flat, maker.list(`${sum}/axes`, [0])], sum, { keepdims: int(0) }),
      maker.reshape(sum, [columns, rows, channels, made], apart),
      node('Transpose', [apart], numbers, { perm: ints([3, 2, 1, 0]) }),
    ],
    numbers,
  ];
}

/** The image as (1, N · block, height, C · columns / block): a block of columns in the place of channels. */
function imageNodes(
  maker: NodeMaker,
  dw: string,
  { image: [batch, channels, height, width] }: GradientSizes,
  image: string,
  block: number,
): [Node[], string] {
  const named = (name: string): string => maker.name(`${dw}/image/${name}`);
  const [wide, apart, plain, rows] = [named('wide'), named('apart'), named('plain'), named('rows')];
  const [blocks, columns] = [channels / block, filled(width, block)];
  const [nodes, source] = [[] as Node[], columns === width ? image : wide];
  if (source === wide) {
    const tap = {
      ...zeros('float32', [channels, 1, 1, 1]),
      data: new Float32Array(channels).fill(1),
    };
    nodes.push(
      maker.node('Conv', [image, maker.constant(`${wide}/tap`, tap)], wide, {
        pads: ints([0, 0, 0, columns - width]),
        group: int(channels),
      }),
    );
  }
  nodes.push(
    // Each row of a block of channels is laid out plainly by itself: rows stay where they are.
    maker.reshape(source, [batch * blocks * height, block, 1, columns], apart),
    maker.node('ReorderOutput', [apart], plain, { channels: int(block) }),
  );
  const dims = [1, batch * block, height, (channels * columns) / block];
  if (blocks === 1) return [[...nodes, maker.reshape(plain, dims, rows)], rows];
  const [split, turned] = [named('split'), named('turned')];
  nodes.push(
    maker.reshape(plain, [batch, blocks, height, block * columns], split),
    maker.node('Transpose', [split], turned, { perm: ints([0, 2, 1, 3]) }, ''),
    maker.reshape(turned, dims, rows),
  );
  return [nodes, rows];
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
