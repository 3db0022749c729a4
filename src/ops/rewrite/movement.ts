/** Shape changes on shape changes. */
import type { Value } from '../../graph/graph.js';
import { isStatic } from '../../tensor/shape.js';
import { reshapedTo } from '../emit.js';
import type { RewriteContext } from './optimize.js';

const reshaping = ['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten'];

/** A chain of reshapes -> the last one. They all keep the order of the elements. */
export function reshapeOnce({ b, x: [x], y, made }: RewriteContext): Value | null {
  if (!x || !isStatic(y.shape) || !isStatic(x.shape)) return null;
  for (const op of reshaping) {
    const inner = made(x, op, true);
    if (!inner) continue;
    const source = b.value(inner.inputs[0] ?? '');
    return isStatic(source.shape) ? reshapedTo(b, source, y.shape) : null;
  }
  return null;
}

/** Transpose of a Transpose -> one, or none. */
export function transposeOnce({ b, x: [x], attributes, made }: RewriteContext): Value | null {
  if (!x) return null;
  const outer = permOf(attributes['perm'], x.shape.length);
  if (outer.every((axis, i) => axis === i)) return x;
  const inner = made(x, 'Transpose', true);
  if (!inner) return null;
  const source = b.value(inner.inputs[0] ?? '');
  const given = inner.attributes['perm'];
  const first = permOf(given?.type === 'ints' ? given.value : undefined, x.shape.length);
  const perm = outer.map((axis) => first[axis] ?? 0);
  return perm.every((axis, i) => axis === i) ? source : b.Transpose(source, { perm });
}

/** The permutation, reversed axes where the attribute is absent. */
export function permOf(perm: unknown, rank: number): readonly number[] {
  return (
    (perm as readonly number[] | undefined) ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
  );
}
