/** Fully connected layers as convolutions whose kernel covers their former input (Long et al. 2015, section 3.1). */
import type { Node, Value } from '../graph/graph.js';
import { allocate, type DType } from '../tensor/dtype.js';
import { sizeOf } from '../tensor/shape.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { type Conversion, ints, Refusal } from './conversion.js';
import { isFlat, type Layout, positions, sizesOf } from './layout.js';

interface Matrix {
  /** (features, outputs), or (outputs, features) where `isTransposed`. */
  readonly data: Tensor;
  readonly isTransposed: boolean;
  readonly scale: number;
}

/**
 * The weights of a fully connected layer as kernels.
 * @returns (outputs, channels, height, width), of the matrix's dtype: the same data where they lie so already
 */
export function kernelsOf(
  { data, isTransposed, scale }: Matrix,
  { map: [channels, height, width], order }: Pick<Layout, 'map' | 'order'>,
): Tensor {
  const features = channels * height * width;
  const outputs = data.data.length / Math.max(1, features);
  const dims = [outputs, channels, height, width];
  const isInOrder = order === 'chw' || height * width === 1;
  if (isTransposed && isInOrder && scale === 1) return { ...data, dims };
  const kernels = allocate(data.dtype, sizeOf(dims)) as Float32Array;
  const source = data.data as Float32Array;
  const area = height * width;
  for (let o = 0, at = 0; o < outputs; o++)
    for (let c = 0; c < channels; c++)
      for (let p = 0; p < area; p++, at++) {
        const feature = isInOrder ? c * area + p : p * channels + c;
        const value = source[isTransposed ? o * features + feature : feature * outputs + o] ?? 0;
        kernels[at] = scale * value;
      }
  return { dtype: data.dtype, dims, data: kernels } as Tensor;
}

/** Y = alpha A' B' + beta C, where A is the flattened map. */
export function gemm(node: Node, c: Conversion): void {
  const { transA, transB, alpha, beta } = c.attributes(node);
  const layout = c.layout(node);
  if (layout.isTurned !== (transA === 1))
    throw new Refusal('its rows are not the images of the batch');
  const isTransposed = transB === 1;
  const kernels = kernelsFor(node, c, layout, isTransposed, Number(alpha));
  const bias = node.inputs[2] ? biasOf(node, c, kernels.outputs, Number(beta)) : null;
  addConvolution(node, c, layout, kernels, bias);
}

/** The flattened map times a matrix. */
export function matMul(node: Node, c: Conversion): void {
  const layout = c.layout(node);
  if (layout.isTurned) throw new Refusal('its rows are not the images of the batch');
  addConvolution(node, c, layout, kernelsFor(node, c, layout, false, 1), null);
}

interface Kernels {
  readonly value: Value;
  readonly outputs: number;
}

function kernelsFor(
  node: Node,
  c: Conversion,
  layout: Layout,
  isTransposed: boolean,
  scale: number,
): Kernels {
  if (c.layouts.has(node.inputs[1] ?? '')) throw new Refusal('both factors depend on the image');
  const data = c.known(node, 1);
  checkRows(c, layout);
  checkFloat(data.dtype);
  const features = data.dims[isTransposed ? 1 : 0] ?? 0;
  const outputs = data.dims[isTransposed ? 0 : 1] ?? 0;
  const all = sizeOf(layout.map);
  if (data.dims.length !== 2 || features !== all)
    throw new Refusal(
      `its weights ${sizesOf(data.dims)} do not cover the map ${sizesOf(layout.map)}`,
    );
  const form = `kernels ${layout.map} ${layout.order} ${isTransposed} ${scale}`;
  const value = c.constant(node.inputs[1] ?? '', form, () =>
    kernelsOf({ data, isTransposed, scale }, layout),
  );
  return { value, outputs };
}

function checkFloat(dtype: DType): void {
  if (dtype !== 'float32' && dtype !== 'float64')
    throw new Refusal(`its weights are ${dtype}: only float32 and float64 are converted`);
}

/** @throws Refusal where a row of the matrix is not one image of the batch with all that is known of it. */
function checkRows(c: Conversion, layout: Layout): void {
  const { shape, map, order, isTurned } = layout;
  const batch = c.from.inputs[0]?.shape[0];
  const [rows, features] = isTurned ? shape.toReversed() : shape;
  const isFlattened = shape.length === 2 && rows === batch && features === sizeOf(map);
  if (!isFlattened && !isFlat(layout))
    throw new Refusal(
      `it mixes along one axis of a map ${sizesOf(shape)} (${order}), which is not flattened before it`,
    );
}

function biasOf(node: Node, c: Conversion, outputs: number, beta: number): Value {
  const name = node.inputs[2] ?? '';
  const data = c.known(node, 2);
  const { length } = data.data;
  const isRow = data.dims.slice(0, -1).every((size) => size === 1);
  if (!isRow || (length !== outputs && length !== 1))
    throw new Refusal(
      `its C is ${sizesOf(data.dims)}, where one number for each of ${outputs} outputs is wanted`,
    );
  return c.constant(name, `bias ${outputs} ${beta}`, () => {
    const source = data.data as Float32Array;
    const values = Array.from({ length: outputs }, (_, i) => source[length === 1 ? 0 : i] ?? 0);
    return tensor(
      data.dtype === 'float64' ? 'float64' : 'float32',
      [outputs],
      values.map((value) => beta * value),
    );
  });
}

function addConvolution(
  node: Node,
  c: Conversion,
  layout: Layout,
  { value: weights, outputs }: Kernels,
  bias: Value | null,
): void {
  c.takesWhole(layout);
  const [, height, width] = layout.map;
  const given = { order: 'chw', isTurned: false } as const;
  const [value = null] = layout.value
    ? c.add(
        { ...node, op: 'Conv', attributes: { kernel_shape: ints([height, width]) } },
        { inputs: [layout.value, weights, ...(bias ? [bias] : [])] },
      )
    : [null];
  const pooledBy = positions(layout) === 1 ? layout.pooledBy : null;
  c.give(node, value, [outputs, 1, 1], { ...given, pooledBy });
}
