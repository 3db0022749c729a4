/** What a Gemm can take in: transposes, scales, and a sum with another matrix. */
import type { Node, Value } from '../../graph/graph.js';
import { isFloat } from '../../tensor/dtype.js';
import { sameShape } from '../../tensor/shape.js';
import { permOf } from './movement.js';
import type { RewriteContext } from './optimize.js';

const flag = (node: Node, name: string, otherwise: number): number => {
  const attribute = node.attributes[name];
  return attribute?.type === 'int' || attribute?.type === 'float' ? attribute.value : otherwise;
};

/** Gemm(A', B) with A' = Transpose(A) -> Gemm(A, B) with transA turned; MatMul of two matrices likewise. */
export function transposeIntoGemm(context: RewriteContext): Value | null {
  const { b, op, x, attributes, made } = context;
  const [A, B, C] = x;
  // Runtimes have MatMul of integers, but no Gemm.
  if (!A || !B || !isFloat(A.dtype) || A.shape.length !== 2 || B.shape.length !== 2) return null;
  const source = (value: Value): Value | null => {
    const node = made(value, 'Transpose', true);
    const perm = node?.attributes['perm'];
    if (!node || permOf(perm?.type === 'ints' ? perm.value : undefined, 2)[0] !== 1) return null;
    return b.value(node.inputs[0] ?? '');
  };
  const [fromA, fromB] = [source(A), source(B)];
  if (!fromA && !fromB) return null;
  const given = op === 'Gemm' ? attributes : { transA: 0, transB: 0 };
  return b.Gemm(fromA ?? A, fromB ?? B, C ?? null, {
    ...given,
    transA: Number(given['transA']) ^ (fromA ? 1 : 0),
    transB: Number(given['transB']) ^ (fromB ? 1 : 0),
  });
}

/** Gemm(A, B) + X -> Gemm(A, B, X): the sum happens while the product is written. */
export function accumulate({ b, x: [p, q], y, made }: RewriteContext): Value | null {
  for (const [product, other] of [
    [p, q],
    [q, p],
  ] as const) {
    const node = made(product, 'Gemm');
    if (!node || !other || node.inputs[2] || !sameShape(other.shape, y.shape)) continue;
    return b.Gemm(b.value(node.inputs[0] ?? ''), b.value(node.inputs[1] ?? ''), other, {
      transA: flag(node, 'transA', 0),
      transB: flag(node, 'transB', 0),
      alpha: flag(node, 'alpha', 1),
    });
  }
  return null;
}

/** s * Gemm(A, B) for a constant s -> alpha. */
export function scaleIntoGemm({ b, x: [p, q], made, scalar }: RewriteContext): Value | null {
  for (const [product, factor] of [
    [p, q],
    [q, p],
  ] as const) {
    const node = made(product, 'Gemm');
    const s = scalar(factor);
    if (!node || s === null || node.inputs[2]) continue;
    return b.Gemm(b.value(node.inputs[0] ?? ''), b.value(node.inputs[1] ?? ''), {
      transA: flag(node, 'transA', 0),
      transB: flag(node, 'transB', 0),
      alpha: flag(node, 'alpha', 1) * s,
    });
  }
  return null;
}
