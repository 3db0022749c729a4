/**
 * The gradient of a first convolution by its weights where dy is that of a max-pool, and so comes from `blocked-pools.ts`
 * in two parts, of the columns of even and of odd number. A sum over positions takes them in any order: what windows meet
 * is copied out of the image for either part, and nothing puts the columns side by side: decision 028.
 */
import type { Node, WeightGradient } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { zeros } from '../tensor/tensor.js';
import type { GradientSizes } from './blocked-weights.js';
import { int, ints, type NodeMaker } from './node-maker.js';

/** Channels of the image and taps up to which copies of it are small beside dy: decision 013. */
const [fewChannels, fewTaps] = [4, 48];

/** Whether the gradient has this form, and is quicker in it. */
export function hasPatches(
  { image: [batch, channels], kernel }: GradientSizes,
  { dilations, before }: WeightGradient,
): boolean {
  if (batch === 0 || channels === 0 || channels > fewChannels || sizeOf(kernel) > fewTaps)
    return false;
  return dilations[1] === 1 && before.every((pad) => pad >= 0);
}

/**
 * Nodes that make the gradient, and the name of what they give, M, C, rows and columns in their order. For those of which
 * `hasPatches` says that they have this form.
 * @param dw what names of values and nodes begin with
 * @param parts columns of dy in blocks, (N, M, height, half of its width rounded up): a column that dy lacks is zero
 */
export function patchesGradient(
  maker: NodeMaker,
  dw: string,
  gradient: WeightGradient,
  sizes: GradientSizes,
  parts: readonly [string, string],
): [Node[], string] {
  const named = (name: string): string => maker.name(`${dw}/${name}`);
  const { windows } = sizes;
  const [batch, made, height] = windows;
  const wide = Math.ceil(windows[3] / 2);
  const products = parts.map((part, odd) => {
    const [plain, rows] = [named('columns'), named('rows')];
    const [turned, product] = [named('turned'), named('product')];
    const [copies, patches] = patchNodes(maker, dw, gradient, sizes, { odd, wide });
    return {
      product,
      nodes: [
        ...copies,
        maker.node('ReorderOutput', [part], plain, { channels: int(made) }),
        maker.reshape(plain, [batch, made, height * wide], rows),
        maker.node('Transpose', [patches], turned, { perm: ints([0, 2, 1]) }, ''),
        maker.node('MatMul', [rows, turned], product, {}, ''),
      ],
    };
  });
  const [both, sum] = [named('both'), named('sum')];
  const names = products.map(({ product }) => product);
  return [
    [
      ...products.flatMap(({ nodes }) => nodes),
      maker.node('Add', names, both, {}, ''),
      maker.node(
        'ReduceSum',
        [both, maker.list(`${sum}/axes`, [0])],
        sum,
        { keepdims: int(0) },
        '',
      ),
    ],
    sum,
  ];
}

/** What windows meet in every second column, (N, C · taps, positions): a Conv that copies taps. */
function patchNodes(
  maker: NodeMaker,
  dw: string,
  { image, strides, dilations, before, after }: WeightGradient,
  {
    image: [batch, channels, , width],
    windows: [, , height],
    kernel: [rows, columns],
  }: GradientSizes,
  { odd, wide }: { readonly odd: number; readonly wide: number },
): [Node[], string] {
  const [down = 1, right = 1] = strides;
  const [left, taken] = [before[1] ?? 0, channels * rows * columns];
  // Windows of odd number begin where those before them do, and pass over a stride.
  const span = odd * right + columns;
  const taps = zeros('float32', [taken, channels, rows, span]);
  for (let i = 0; i < taken; i++) {
    const row = Math.floor(i / columns);
    const channel = Math.floor(row / rows);
    taps.data[
      ((i * channels + channel) * rows + (row % rows)) * span + odd * right + (i % columns)
    ] = 1;
  }
  const [copied, patches] = [maker.name(`${dw}/copied`), maker.name(`${dw}/patches`)];
  const behind = Math.max(0, 2 * right * (wide - 1) + span - width - left);
  const nodes = [
    maker.node(
      'Conv',
      [image, maker.constant(`${copied}/taps`, taps)],
      copied,
      {
        kernel_shape: ints([rows, span]),
        strides: ints([down, 2 * right]),
        dilations: ints([dilations[0] ?? 1, 1]),
        pads: ints([before[0] ?? 0, left, Math.max(0, after[0] ?? 0), behind]),
      },
      '',
    ),
    maker.reshape(copied, [batch, taken, height * wide], patches),
  ];
  return [nodes, patches];
}
