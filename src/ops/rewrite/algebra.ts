/** Element-wise algebra that removes passes over memory. */
import type { Node, Value } from '../../graph/graph.js';
import { broadcastShapes, isStatic, sameShape, sizeOf } from '../../tensor/shape.js';
import type { RewriteContext } from './optimize.js';

/** x itself, where the node changes neither dtype nor shape. */
export function sameType({ x: [x], y }: RewriteContext): Value | null {
  return x && x.dtype === y.dtype && sameShape(x.shape, y.shape) ? x : null;
}

/** x + 0, x - 0, x * 1, x / 1 -> x. */
export function neutral({ op, x: [a, c], y, scalar }: RewriteContext): Value | null {
  if (!a || !c) return null;
  const element = op === 'Mul' || op === 'Div' ? 1 : 0;
  if (scalar(c) === element && sameShape(a.shape, y.shape)) return a;
  const commutes = op === 'Mul' || op === 'Add';
  return commutes && scalar(a) === element && sameShape(c.shape, y.shape) ? c : null;
}

/** 0 - x -> -x. */
export function zeroMinus({ b, x: [a, c], y, scalar }: RewriteContext): Value | null {
  return c && scalar(a) === 0 && sameShape(c.shape, y.shape) ? b.Neg(c) : null;
}

/** x^2 -> x x, which takes two thirds of the time. */
export function square({ b, x: [x, exponent], y, scalar }: RewriteContext): Value | null {
  return x && scalar(exponent) === 2 && sameShape(x.shape, y.shape) ? b.Mul(x, x) : null;
}

/** The largest float32: times it, every normal number above 0 is 1 or more. */
const largest = 3.4028234663852886e38;

/**
 * x > 0 as a number -> HardSigmoid, which cuts `largest` x off at 0 and 1: one pass on all threads, while ONNX Runtime
 * 1.30 makes numbers of booleans on one. A denormal number, below 1.2e-38, may give a fraction where it is not taken
 * for 0; a NaN is no 0.
 */
export function isPositive({ b, x: [x], y, made, scalar }: RewriteContext): Value | null {
  const node = y.dtype === 'float32' ? made(x, 'Greater') : null;
  if (!node) return null;
  const [left, right] = node.inputs.map((name) => b.value(name));
  if (left?.dtype !== 'float32' || scalar(right) !== 0 || !sameShape(left.shape, y.shape))
    return null;
  return b.HardSigmoid(left, { alpha: largest, beta: 0 });
}

/** -(-x) -> x. */
export function doubleNegation({ b, x: [x], made }: RewriteContext): Value | null {
  const inner = made(x, 'Neg', true);
  return inner ? b.value(inner.inputs[0] ?? '') : null;
}

/** a + (-c) -> a - c, a - (-c) -> a + c. */
export function negationInSum({ b, op, x: [a, c], made }: RewriteContext): Value | null {
  if (!a || !c) return null;
  const right = made(c, 'Neg', true);
  if (right) {
    const inner = b.value(right.inputs[0] ?? '');
    return op === 'Add' ? b.Sub(a, inner) : b.Add(a, inner);
  }
  const left = op === 'Add' ? made(a, 'Neg', true) : null;
  return left ? b.Sub(c, b.value(left.inputs[0] ?? '')) : null;
}

/**
 * Feeds a broadcasting operator what an Expand was made from, where the result has the full shape anyway; else
 * stretches the smaller result, where nothing else uses the Expand.
 */
export function withoutExpand({ b, op, x: [a, c], y, made }: RewriteContext): Value | null {
  if (!a || !c) return null;
  const unexpanded = (value: Value): Value => {
    const node = b.producer(value);
    return node?.op === 'Expand' ? b.value(node.inputs[0] ?? '') : value;
  };
  for (const [left, right] of [
    [unexpanded(a), unexpanded(c)],
    [unexpanded(a), c],
    [a, unexpanded(c)],
  ] as const)
    if ((left !== a || right !== c) && sameShape(broadcastShapes(left.shape, right.shape), y.shape))
      return b.node(op, [left, right])[0] ?? null;
  const smaller = isStatic(y.shape) && (made(a, 'Expand') || made(c, 'Expand'));
  const [left, right] = [unexpanded(a), unexpanded(c)];
  return smaller ? b.Expand(emit(b, op, left, right), y.shape) : null;
}

/**
 * (x . s) . t -> x . (s . t) for + and *, where s . t is smaller than x: a pass over x becomes one over s. And
 * (x . s) . z -> (x . z) . s where z is as large as x, so that small operands gather at the end of a chain.
 */
export function regroup({ b, op, x: [a, c], y, made }: RewriteContext): Value | null {
  if (!a || !c || !isStatic(y.shape)) return null;
  for (const [chain, other] of [
    [a, c],
    [c, a],
  ] as const) {
    const inner = made(chain, op);
    if (!inner) continue;
    const operands = inner.inputs.map((name) => b.value(name));
    const [large, small] = bySize(operands);
    if (!large || !small || size(small) >= size(large)) continue;
    if (size(other) < size(large)) {
      const joined = broadcastShapes(small.shape, other.shape);
      if (sizeOf(joined as number[]) < size(large) && fits(joined, large, y))
        return emit(b, op, large, emit(b, op, small, other));
    }
  }
  return null;
}

/** Elements below which a node more costs what a quicker one saves. */
const worthReshaping = 1024;

/**
 * x . s for a scalar s, without the axes of size 1 that end x's shape: ONNX Runtime 1.30 goes over those element by
 * element. The weights of a 1x1 convolution, (1000, 512, 1, 1), by a scalar take 4.8 ms with them and 0.1 without (one
 * thread).
 */
export function withoutTrailingOnes({ b, op, x: [a, c], y }: RewriteContext): Value | null {
  const isScalar = a?.shape.length === 0 || c?.shape.length === 0;
  if (!a || !c || !isScalar || !isStatic(y.shape) || y.shape.at(-1) !== 1) return null;
  if (sizeOf(y.shape) < worthReshaping) return null;
  const shape = y.shape.slice(0, y.shape.findLastIndex((dim) => dim !== 1) + 1);
  const flat = (value: Value): Value =>
    value.shape.length === 0 ? value : b.Reshape(value, shape);
  return b.Reshape(emit(b, op, flat(a), flat(c)), y.shape);
}

const fits = (small: readonly (number | string)[], large: Value, y: Value): boolean =>
  sameShape(broadcastShapes(small, large.shape), y.shape);

const emit = (b: RewriteContext['b'], op: string, left: Value, right: Value): Value =>
  b.node(op, [left, right])[0] as Value;

const size = (value: Value): number => (isStatic(value.shape) ? sizeOf(value.shape) : Number.NaN);

const bySize = (values: readonly Value[]): Value[] => [...values].sort((p, q) => size(q) - size(p));

/** The operands of a commutative node, the larger first. */
export function operandsBySize(b: RewriteContext['b'], node: Node): Value[] {
  return bySize(node.inputs.map((name) => b.value(name)));
}
