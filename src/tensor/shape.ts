/** Arithmetic on shapes: broadcasting, axes, sizes. A dimension is a number, or a name where it is not known. */
import { ShapeError } from '../errors.js';

/** A number, or the name of a symbolic dimension such as `batch`. */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** `[2, 3, batch]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function isStatic(shape: Shape): shape is readonly number[] {
  return shape.every((dim) => typeof dim === 'number');
}

/** Number of elements. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** Row-major strides, in elements. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let i = dims.length - 2; i >= 0; i--)
    strides[i] = (strides[i + 1] ?? 1) * (dims[i + 1] ?? 1);
  return strides;
}

/**
 * Axis in [-rank, rank) -> [0, rank).
 * @throws ShapeError where it is outside.
 */
export function normalizeAxis(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new ShapeError(`axis ${axis} is outside [${-rank}, ${rank - 1}] for rank ${rank}`);
  return axis < 0 ? axis + rank : axis;
}

/**
 * The shape of an element-wise result (ONNX multidirectional broadcasting). A symbolic dimension meets 1 or
 * itself; against another number the number is taken, since the symbol can only be it or 1.
 * @throws ShapeError where two dimensions differ and neither is 1.
 */
export function broadcastShapes(...shapes: readonly Shape[]): Dim[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    let result: Dim = 1;
    for (const shape of shapes) {
      const dim = shape[i - rank + shape.length] ?? 1;
      if (dim === result || dim === 1) continue;
      if (result === 1 || (typeof result === 'string' && typeof dim === 'number')) result = dim;
      else if (typeof result === 'number' && typeof dim === 'number')
        throw new ShapeError(
          `shapes ${shapes.map(formatShape).join(' and ')} do not broadcast: ${result} against ${dim}`,
          { actual: shapes },
        );
    }
    return result;
  });
}

/** The axes of `from` over which a gradient is summed to come back to `to`, which broadcast to `from`. */
export function broadcastAxes(from: Shape, to: Shape): number[] {
  const offset = from.length - to.length;
  return from.flatMap((dim, i) => (i < offset || (to[i - offset] === 1 && dim !== 1) ? [i] : []));
}
