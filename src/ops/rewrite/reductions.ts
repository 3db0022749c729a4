/** Reductions: cheaper forms of sums. */
import type { Value } from '../../graph/graph.js';
import { isStatic, normalizeAxis, sameShape } from '../../tensor/shape.js';
import { toNumbers } from '../../tensor/tensor.js';
import { reshapedTo } from '../emit.js';
import { operandsBySize } from './algebra.js';
import type { RewriteContext } from './optimize.js';

/** The axes that a reduction runs over, or null where they are not known. */
function axesOf({ b, x, attributes }: RewriteContext): number[] | null {
  const [data, axes] = x;
  if (!data) return null;
  const rank = data.shape.length;
  const known = axes ? b.known(axes.name) : null;
  if (axes && !known) return null;
  const given = known ? toNumbers(known) : (attributes['axes'] as readonly number[] | undefined);
  if (given === undefined || given.length === 0)
    return attributes['noop_with_empty_axes'] === 1 ? [] : data.shape.map((_, i) => i);
  return given.map((axis) => normalizeAxis(axis, rank));
}

/** A sum or mean over axes of size 1 -> Reshape. */
export function onlyOnes(context: RewriteContext): Value | null {
  const { b, x, y } = context;
  const [data] = x;
  const axes = axesOf(context);
  if (!data || !axes || !isStatic(y.shape) || !axes.every((axis) => data.shape[axis] === 1))
    return null;
  return reshapedTo(b, data, y.shape);
}

/**
 * ReduceSum(x * x) over everything -> ReduceSumSquare(x). Over some axes ONNX Runtime's ReduceSumSquare takes four
 * times as long as the two nodes (1000 x 500, one thread: 408 against 109 microseconds).
 */
export function sumOfSquares(context: RewriteContext): Value | null {
  const { b, x, attributes, made } = context;
  const square = made(x[0], 'Mul');
  const axes = axesOf(context);
  if (!square || !axes || square.inputs[0] !== square.inputs[1]) return null;
  if (axes.length !== x[0]?.shape.length) return null;
  return b.ReduceSumSquare(b.value(square.inputs[0] ?? ''), axes, {
    keepdims: Number(attributes['keepdims']),
  });
}

/** ReduceSum(-x) -> -ReduceSum(x). */
export function negationOut(context: RewriteContext): Value | null {
  const { b, x, attributes, made } = context;
  const negation = made(x[0], 'Neg');
  const axes = axesOf(context);
  if (!negation || !axes?.length) return null;
  const inner = b.value(negation.inputs[0] ?? '');
  return b.Neg(b.ReduceSum(inner, axes, { keepdims: Number(attributes['keepdims']) }));
}

/** ReduceSum(x * s), s constant along the reduced axes -> ReduceSum(x) * s. */
export function constantFactor(context: RewriteContext): Value | null {
  const { b, x, y, attributes, made } = context;
  const product = made(x[0], 'Mul');
  const axes = axesOf(context);
  if (!product || !axes || !isStatic(y.shape)) return null;
  const [large, factor] = operandsBySize(b, product);
  const whole = x[0]?.shape ?? [];
  if (!large || !factor || large === factor || large.shape.length !== whole.length) return null;
  if (!large.shape.every((dim, i) => dim === whole[i])) return null;
  const offset = whole.length - factor.shape.length;
  if (!axes.every((axis) => axis < offset || factor.shape[axis - offset] === 1)) return null;
  const sum = b.ReduceSum(large, axes, { keepdims: 1 });
  const scaled = b.Mul(sum, factor);
  return Number(attributes['keepdims']) === 1 ? scaled : reshapedTo(b, scaled, y.shape);
}

/** Reshape(ReduceSum(x) with the axes kept as 1) -> ReduceSum(x) without them, where that is all the Reshape does. */
export function dropReduced({ b, x: [x], y, made }: RewriteContext): Value | null {
  const node = made(x, 'ReduceSum');
  const keepdims = node?.attributes['keepdims'];
  if (!node || (keepdims?.type === 'int' && keepdims.value === 0)) return null;
  const axes = node.inputs[1] ? b.known(node.inputs[1]) : null;
  if (!axes) return null;
  const data = b.value(node.inputs[0] ?? '');
  const reduced = toNumbers(axes).map((axis) => normalizeAxis(axis, data.shape.length));
  const left = data.shape.filter((_, axis) => !reduced.includes(axis));
  return sameShape(left, y.shape) ? b.ReduceSum(data, reduced, { keepdims: 0 }) : null;
}
