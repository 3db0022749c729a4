/**
 * The gradient of a convolution by few weights where the image lies in blocks: the columns that decision 013 cuts out of
 * it, one for each column of the kernel, are depthwise convolutions that copy one tap, on all threads, where Pad and Slice
 * have one. For as few channels as `blocked-weights.ts` has too little work for: decision 025.
 */
import type { Node, WeightGradient } from '../graph/graph.js';
import { zeros } from '../tensor/tensor.js';
import type { GradientSizes } from './blocked-weights.js';
import { int, ints, type NodeMaker } from './node-maker.js';

/** Channels of image and result together up to which rows serve, and the row from which on they do: decision 013. */
const [mostChannels, shortestRow] = [32, 32];

/** Whether the gradient has this form, and is quicker in it. */
export function hasRows(
  { image: [batch, channels], windows: [, made, , wide], kernel }: GradientSizes,
  { strides, before, after }: WeightGradient,
  block: number,
): boolean {
  if (batch === 0 || made === 0 || channels === 0 || channels % block !== 0) return false;
  if (made + channels > mostChannels || wide < shortestRow || Math.min(...kernel) < 2) return false;
  return strides.every((stride) => stride === 1) && ![...before, ...after].some((pad) => pad < 0);
}

/**
 * Nodes that make the gradient, and the name of what they give, (M, C, rows, columns). For those of which `hasRows` says
 * that they have this form.
 * @param dw what names of values and nodes begin with
 * @param image the image in blocks
 */
export function rowsGradient(
  maker: NodeMaker,
  dw: string,
  gradient: WeightGradient,
  sizes: GradientSizes,
  image: string,
  block: number,
): [Node[], string] {
  const {
    image: [, channels],
    windows: [batch, made, counted, wide],
    kernel: [rows, columns],
  } = sizes;
  const named = (name: string): string => maker.name(`${dw}/${name}`);
  const node = (op: string, inputs: string[], output: string, attributes = {}): Node =>
    maker.node(op, inputs, output, attributes, '');
  const step = gradient.dilations[0] ?? 1;
  const below = (rows - 1) * step;
  const positions = (counted + below) * wide;
  // dy once for each row of the kernel, moved down by it: between two of them are the zeros of both.
  const [gap, moved, flat] = [named('gap'), named('moved'), named('moved rows')];
  const gapDims = maker.list(`${gap}/dims`, [batch, made, below + step, wide]);
  const dy = Array.from({ length: rows }, (_, row) =>
    row === 0 ? [gradient.windows] : [gap, gradient.windows],
  );
  const found = Array.from({ length: columns }, (_, column) => {
    const [cut, matrix] = [named(`column ${column}`), named(`column ${column}/matrix`)];
    const [turned, products] = [`${matrix}/turned`, `${matrix}/products`].map((name) =>
      maker.name(name),
    ) as [string, string];
    const [sum, part] = [named(`column ${column}/sum`), named(`column ${column}/part`)];
    const nodes = [
      ...columnNodes(maker, cut, gradient, sizes, { image, column, block }),
      maker.reshape(cut, [batch, channels, positions], matrix),
      node('Transpose', [matrix], turned, { perm: ints([0, 2, 1]) }),
      node('MatMul', [flat, turned], products),
      node('ReduceSum', [products, maker.list(`${sum}/axes`, [0])], sum, { keepdims: int(0) }),
      maker.reshape(sum, [made, rows, 1, channels], part),
    ];
    return { nodes, part };
  });
  const [together, numbers] = [named('together'), named('numbers')];
  return [
    [
      node('ConstantOfShape', [gapDims], gap),
      node('Concat', dy.flat(), moved, { axis: int(2) }),
      maker.reshape(moved, [batch, made * rows, positions], flat),
      ...found.flatMap(({ nodes }) => nodes),
      node(
        'Concat',
        found.map(({ part }) => part),
        together,
        { axis: int(2) },
      ),
      node('Transpose', [together], numbers, { perm: ints([0, 3, 1, 2]) }),
    ],
    numbers,
  ];
}

/** What the windows meet of the image in one column of the kernel, as high as all rows reach: plain, as `cut`. */
function columnNodes(
  maker: NodeMaker,
  cut: string,
  { before, after, dilations }: WeightGradient,
  { image: [, channels], kernel: [, columns] }: GradientSizes,
  { image, column, block }: { readonly image: string; readonly column: number; block: number },
): Node[] {
  const tap = zeros('float32', [channels, 1, 1, columns]);
  // In blocks of channels the taps come first.
  for (let channel = 0; channel < channels; channel++) {
    const first = channel - (channel % block);
    tap.data[first * columns + column * block + (channel % block)] = 1;
  }
  const blocked = maker.name(`${cut}/blocked`);
  return [
    maker.node('Conv', [image, maker.constant(`${cut}/tap`, tap)], blocked, {
      kernel_shape: ints([1, columns]),
      dilations: ints([1, dilations[1] ?? 1]),
      pads: ints([before[0] ?? 0, before[1] ?? 0, after[0] ?? 0, after[1] ?? 0]),
      group: int(channels),
    }),
    maker.node('ReorderOutput', [blocked], cut, { channels: int(channels) }),
  ];
}
