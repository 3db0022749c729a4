/** Matrix products. In each rule a and w are the factors, dy the output's gradient. */
import { ShapeError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { broadcastShapes, type Dim, formatShape, type Shape } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { outputSize } from './cost.js';
import { dimsOf, equalDims, sameDType } from './dims.js';
import { reshapedTo } from './emit.js';
import { float, int, type Op } from './op.js';
import { productField } from './receptive-field-rules.js';

const last = (shape: Shape): Dim => shape.at(-1) ?? 1;
const secondLast = (shape: Shape): Dim => shape.at(-2) ?? 1;

/** numpy's `matmul`: a 1-D left factor is a row, a 1-D right factor a column, and that axis goes again. */
function productShape(a: Shape, w: Shape): Dim[] {
  if (a.length === 0 || w.length === 0)
    throw new ShapeError('inputs must have at least one dimension, got a scalar', {
      actual: [a, w],
    });
  equalDims(last(a), w.length === 1 ? last(w) : secondLast(w), 'inner dimensions');
  return [
    ...broadcastShapes(a.slice(0, -2), w.slice(0, -2)),
    ...(a.length === 1 ? [] : [secondLast(a)]),
    ...(w.length === 1 ? [] : [last(w)]),
  ];
}

const transposed = (b: Builder, x: Value): Value => {
  const axes = x.shape.map((_, axis) => axis);
  return b.Transpose(x, { perm: [...axes.slice(0, -2), axes.length - 1, axes.length - 2] });
};

const asMatrix = (b: Builder, x: Value): Value => {
  const dims = dimsOf(x);
  const columns = dims.at(-1) ?? 1;
  const rows = dims.slice(0, -1).reduce((product, dim) => product * dim, 1);
  return reshapedTo(b, x, [rows, columns]);
};

/** da = dy wᵀ and dw = aᵀ dy, for factors of rank 2 or more. */
function productGradient(b: Builder, a: Value, w: Value, dy: Value): [Value, Value] {
  if (w.shape.length > 2) return [b.MatMul(dy, transposed(b, w)), b.MatMul(transposed(b, a), dy)];
  // One weight matrix for all batches: the batches are rows of one product, and Gemm transposes as it reads.
  const rows = asMatrix(b, dy);
  const da = b.Gemm(rows, w, null, { transB: 1 });
  return [reshapedTo(b, da, dimsOf(a)), b.Gemm(asMatrix(b, a), rows, null, { transA: 1 })];
}

export const MatMul: Op<['A', 'B'], object> = {
  inputs: ['A', 'B'],
  attributes: {},
  infer({ input }) {
    sameDType(input(0), input(1));
    return { dtype: input(0).dtype, shape: productShape(input(0).shape, input(1).shape) };
  },
  field: (context) => productField(context, (factor, rank) => rank - 1 - factor),
  macs: (context) => outputSize(context) * (context.inputs[0]?.at(-1) ?? 1),
  gradient({ b, x: [a, w], dy }) {
    const [rowOnly, columnOnly] = [a.shape.length === 1, w.shape.length === 1];
    const batch = dimsOf(dy).slice(0, dy.shape.length - (rowOnly ? 0 : 1) - (columnOnly ? 0 : 1));
    const row = rowOnly ? reshapedTo(b, a, [1, ...dimsOf(a)]) : a;
    const column = columnOnly ? reshapedTo(b, w, [...dimsOf(w), 1]) : w;
    const [m, n] = [dimsOf(row).at(-2) ?? 1, dimsOf(column).at(-1) ?? 1];
    const [da, dw] = productGradient(b, row, column, reshapedTo(b, dy, [...batch, m, n]));
    return [
      rowOnly ? reshapedTo(b, da, dimsOf(da).toSpliced(-2, 1)) : da,
      columnOnly ? reshapedTo(b, dw, dimsOf(dw).slice(0, -1)) : dw,
    ];
  },
  cases: [
    { inputs: [[3], [3]] },
    { inputs: [[3], [3, 4]] },
    { inputs: [[2, 3], [3]] },
    {
      inputs: [
        [2, 3],
        [3, 4],
      ],
    },
    { inputs: [[3], [2, 3, 4]] },
    { inputs: [[2, 4, 3], [3]] },
    {
      inputs: [
        [2, 2, 3],
        [3, 4],
      ],
    },
    {
      inputs: [
        [2, 1, 2, 3],
        [3, 2],
      ],
    },
    {
      inputs: [
        [2, 3],
        [2, 3, 2],
      ],
    },
    {
      inputs: [
        [2, 2, 3],
        [2, 3, 2],
      ],
    },
    {
      inputs: [
        [2, 1, 2, 3],
        [3, 3, 2],
      ],
    },
    {
      inputs: [
        [2, 2, 3],
        [1, 3, 2],
      ],
    },
  ],
};

/** Attributes of Gemm. */
export interface GemmAttributes {
  readonly alpha: number;
  readonly beta: number;
  readonly transA: number;
  readonly transB: number;
}

/** Y = alpha A' B' + beta C, where a prime is a transpose if asked for. */
export const Gemm: Op<['A', 'B', 'C?'], GemmAttributes> = {
  inputs: ['A', 'B', 'C?'],
  attributes: { alpha: float(1), beta: float(1), transA: int(0), transB: int(0) },
  infer({ input, inputs, attributes: { transA, transB } }) {
    const [a, w, c] = [input(0), input(1), inputs[2]];
    sameDType(a, w);
    for (const { shape } of [a, w])
      if (shape.length !== 2)
        throw new ShapeError(
          `A and B must be matrices, got rank ${shape.length}. MatMul takes batches`,
          { expected: 2, actual: shape.length },
        );
    const [rows, inner] = transA ? [...a.shape].reverse() : a.shape;
    const [innerB, columns] = transB ? [...w.shape].reverse() : w.shape;
    equalDims(inner ?? 1, innerB ?? 1, 'inner dimensions');
    const shape = [rows ?? 1, columns ?? 1];
    if (c) checkBias(c.shape, shape);
    if (c) sameDType(a, c);
    return { dtype: a.dtype, shape };
  },
  field: (context) =>
    productField(context, (factor) => {
      const { transA, transB } = context.attributes;
      return factor === 0 ? (transA ? 0 : 1) : transB ? 1 : 0;
    }),
  macs(context) {
    const inner = context.inputs[0]?.[context.attributes.transA ? 0 : 1];
    return outputSize(context) * (inner ?? 1);
  },
  gradient({ b, x: [a, w, c], dy, attributes: { alpha, beta, transA, transB } }) {
    const da = transA
      ? b.Gemm(w, dy, null, { alpha, transA: transB, transB: 1 })
      : b.Gemm(dy, w, null, { alpha, transB: transB ? 0 : 1 });
    const dw = transB
      ? b.Gemm(dy, a, null, { alpha, transA: 1, transB: transA })
      : b.Gemm(a, dy, null, { alpha, transA: transA ? 0 : 1 });
    const dc = beta === 1 ? dy : b.Mul(dy, beta);
    return [da, dw, c && dc];
  },
  cases: [
    {
      inputs: [
        [2, 3],
        [3, 4],
      ],
    },
    { inputs: [[2, 3], [3, 4], [4]], attributes: { alpha: 0.5, beta: 2 } },
    {
      inputs: [
        [3, 2],
        [3, 4],
        [2, 4],
      ],
      attributes: { transA: 1, alpha: 0.5 },
    },
    {
      inputs: [
        [2, 3],
        [4, 3],
        [2, 1],
      ],
      attributes: { transB: 1, beta: 0.5 },
    },
    {
      inputs: [
        [3, 2],
        [4, 3],
        [1, 4],
      ],
      attributes: { transA: 1, transB: 1, alpha: 2, beta: -1 },
    },
    { inputs: [[2, 3], [4, 3], []], attributes: { transB: 1, alpha: -1 } },
    { inputs: [[2, 3], [3, 4], [1]] },
    {
      inputs: [
        [2, 3],
        [3, 4],
        [1, 1],
      ],
      attributes: { beta: 3 },
    },
  ],
};

/** C may only be broadcast to the product's shape, never the other way. */
function checkBias(c: Shape, product: Shape): void {
  const fits = c.length <= 2 && c.every((dim, i) => fitsDim(dim, product[2 - c.length + i]));
  if (!fits)
    throw new ShapeError(
      `C ${formatShape(c)} does not broadcast to the product ${formatShape(product)}`,
      { expected: product, actual: c },
    );
}

const fitsDim = (dim: Dim, target: Dim | undefined): boolean =>
  dim === 1 || dim === target || typeof dim === 'string' || typeof target === 'string';
