/**
 * The gradient of a convolution by its weights in the blocked layout of ONNX Runtime's CPU build: one Conv for each
 * column of the kernel, whose channels are the images of a batch and whose weights are dy. Its windows lie on the
 * channels of the image, side by side in rows of one height, so that nothing is cut out tap by tap: decision 022.
 */
import type { Node, WeightGradient } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { int, ints, type NodeMaker } from './node-maker.js';

type Four = readonly [number, number, number, number];

export interface GradientSizes {
  /** (N, C, height, width) */
  readonly image: Four;
  /** (N, M, height, width) */
  readonly windows: Four;
  /** Height and width of the weights. */
  readonly kernel: readonly [number, number];
}

/** Blocks of M from which on a Conv in blocks has enough to do for each number that it reads. */
const fewestBlocks = 2;
/** Channels of the image below which its rows are too short. */
const fewestChannels = 16;

/** Whether the gradient has this form, and is quicker in it: images and M fill blocks, and the kernel has several taps. */
export function hasBlockedGradient(
  { image: [batch, channels, , width], windows: [, made], kernel }: GradientSizes,
  gradient: WeightGradient,
  block: number,
): boolean {
  if (batch === 0 || batch % block !== 0 || made % block !== 0) return false;
  if (made < fewestBlocks * block || channels < fewestChannels) return false;
  if (sizeOf(kernel) === 1 || gradient.before.some((pad) => pad < 0)) return false;
  // The windows of each column of the kernel begin in the row of their channel.
  return startOf(gradient, kernel[1] - 1) < width + gapOf(gradient);
}

/** Zeros before each row of the image, which are also behind the row before it. */
const gapOf = ({ before, after }: WeightGradient): number =>
  Math.max(before[1] ?? 0, after[1] ?? 0, 0);

/** Where in a row the windows of a column of the kernel begin. */
const startOf = (gradient: WeightGradient, column: number): number =>
  gapOf(gradient) - (gradient.before[1] ?? 0) + column * (gradient.dilations[1] ?? 1);

/**
 * Nodes that make the gradient, and the name of what they give, (M, C, taps). For those of which `hasBlockedGradient`
 * says that they have this form.
 * @param dw what names of values and nodes begin with
 */
export function blockedGradient(
  maker: NodeMaker,
  dw: string,
  gradient: WeightGradient,
  sizes: GradientSizes,
  block: number,
): [Node[], string] {
  const {
    image: [, channels],
    windows: [, made],
    kernel: [rows, columns],
  } = sizes;
  const [images, image] = imageNodes(maker, dw, gradient, sizes, block);
  const [kernels, kernel] = kernelNodes(maker, dw, gradient, sizes, block);
  const inColumns = Array.from({ length: columns }, (_, column) =>
    columnNodes(maker, dw, gradient, sizes, { image, kernel, column, block }),
  );
  const named = (name: string): string => maker.name(`${dw}/${name}`);
  const [together, apart, numbers] = [named('together'), named('apart'), named('numbers')];
  const parts = inColumns.map(([, part]) => part);
  return [
    [
      ...images,
      ...kernels,
      ...inColumns.flatMap(([nodes]) => nodes),
      maker.node('Concat', parts, together, { axis: int(2) }, ''),
      maker.reshape(together, [made, rows * columns, channels], apart),
      maker.node('Transpose', [apart], numbers, { perm: ints([0, 2, 1]) }, ''),
    ],
    numbers,
  ];
}

/** The image as (1, N, height, C · (gap + width)): the rows of one height of all channels side by side. */
function imageNodes(
  maker: NodeMaker,
  dw: string,
  gradient: WeightGradient,
  { image: [batch, channels, height, width] }: GradientSizes,
  block: number,
): [Node[], string] {
  const named = (name: string): string => maker.name(`${dw}/image/${name}`);
  const [flat, ordered, apart, turned] = [
    named('flat'),
    named('ordered'),
    named('apart'),
    named('turned'),
  ];
  const [gap, blocks] = [gapOf(gradient), batch / block];
  const nodes = [
    maker.reshape(gradient.image, [1, batch, channels * height, width], flat),
    maker.node('ReorderInput', [flat], ordered),
    maker.reshape(ordered, [blocks, channels, height, width * block], apart),
    maker.node('Transpose', [apart], turned, { perm: ints([0, 2, 1, 3]) }, ''),
  ];
  const rows = named('rows');
  const dims = [1, batch, height, channels * (gap + width)];
  if (gap === 0) return [[...nodes, maker.reshape(turned, dims, rows)], rows];
  const [zeros, spaced] = [named('zeros'), named('spaced')];
  const zeroDims = maker.list(`${zeros}/dims`, [blocks, height, channels, gap * block]);
  nodes.push(
    maker.node('ConstantOfShape', [zeroDims], zeros, {}, ''),
    maker.node('Concat', [zeros, turned], spaced, { axis: int(3) }, ''),
    maker.reshape(spaced, dims, rows),
  );
  return [nodes, rows];
}

/** dy as weights for each block of images, in blocks of both kinds of channels: (blocks · M, block, ...). */
function kernelNodes(
  maker: NodeMaker,
  dw: string,
  gradient: WeightGradient,
  { windows: [batch, made, height, width] }: GradientSizes,
  block: number,
): [Node[], string] {
  const named = (name: string): string => maker.name(`${dw}/windows/${name}`);
  const [flat, ordered] = [named('flat'), named('ordered')];
  const [apart, turned, kernel] = [named('apart'), named('turned'), named('kernel')];
  const blocks = batch / block;
  const nodes = [
    maker.reshape(gradient.windows, [1, batch, made * height, width], flat),
    maker.node('ReorderInput', [flat], ordered),
    maker.reshape(ordered, [(blocks * made) / block, block, height * width, block], apart),
    maker.node('ReorderInput', [apart], turned),
    maker.reshape(turned, [blocks * made, block, height, width], kernel),
  ];
  return [nodes, kernel];
}

/** One column of the kernel: (M, rows, 1, C). */
function columnNodes(
  maker: NodeMaker,
  dw: string,
  gradient: WeightGradient,
  sizes: GradientSizes,
  {
    image,
    kernel,
    column,
    block,
  }: { readonly image: string; readonly kernel: string; readonly column: number; block: number },
): [Node[], string] {
  const {
    image: [batch, channels, height, width],
    windows: [, made, counted, wide],
    kernel: [rows],
  } = sizes;
  const { before, after, strides, dilations } = gradient;
  const [pitch, start] = [width + gapOf(gradient), startOf(gradient, column)];
  // Windows cannot begin behind the start of the image. So the first is put before it, in padding, and dropped.
  const [left, dropped] = start === 0 ? [0, 0] : [pitch - start, 1];
  const right = Math.max(0, start + (wide - 1) * (strides[1] ?? 1) + 1 - pitch);
  const [top, bottom] = [before[0] ?? 0, Math.max(0, after[0] ?? 0)];
  const room = height + top + bottom - (counted - 1) * (strides[0] ?? 1) - 1;
  const found = [Math.floor(room / (dilations[0] ?? 1)) + 1, channels + dropped];
  const groups = batch / block;
  const named = (name: string): string => maker.name(`${dw}/column ${column}/${name}`);
  const list = (name: string, numbers: readonly number[]): string =>
    maker.list(`${dw}/column ${column}/${name}`, numbers);
  const [blocked, plain, apart] = [named('blocked'), named('plain'), named('apart')];
  const [sum, cut, part] = [named('sum'), named('cut'), named('part')];
  const ends = list('ends', [rows, channels + dropped]);
  const bounds = [list('starts', [0, dropped]), ends, list('axes', [1, 2])];
  const nodes = [
    maker.node('Conv', [image, kernel], blocked, {
      kernel_shape: ints([counted, wide]),
      strides: ints([dilations[0] ?? 1, pitch]),
      dilations: ints(strides),
      pads: ints([top, left, bottom, right]),
      group: int(groups),
    }),
    maker.node('ReorderOutput', [blocked], plain, { channels: int(groups * made) }),
    maker.reshape(plain, [groups, made, ...found], apart),
    maker.node('ReduceSum', [apart, list('blocks', [0])], sum, { keepdims: int(0) }, ''),
    maker.node('Slice', [sum, ...bounds], cut, {}, ''),
    maker.reshape(cut, [made, rows, 1, channels], part),
  ];
  return [nodes, part];
}
