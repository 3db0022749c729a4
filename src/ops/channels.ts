/** Values that belong to the channels of (batch, channels, ...spatial): checked, stretched over them, and summed to them. */
import { ShapeError } from '../errors.js';
import type { TensorType, Value } from '../graph/graph.js';
import { formatShape } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { dimsOf, equalDims, sameDType } from './dims.js';
import { reshapedTo } from './emit.js';
import { checkFloat } from './infer.js';

/**
 * The type of X, after a check that it has channels and that each of `others`, by name, holds a number for each.
 * @throws ShapeError otherwise.
 */
export function checkChannels(
  x: TensorType,
  others: Readonly<Record<string, TensorType>>,
): TensorType {
  if (x.shape.length < 2)
    throw new ShapeError(`X must be (batch, channels, ...), got ${formatShape(x.shape)}`, {
      actual: x.shape,
    });
  for (const [name, other] of Object.entries(others)) {
    sameDType(x, other);
    if (other.shape.length !== 1)
      throw new ShapeError(
        `${name} must hold one number for each channel, got ${formatShape(other.shape)}`,
        { expected: [x.shape[1]], actual: other.shape },
      );
    equalDims(x.shape[1] ?? 1, other.shape[0] ?? 1, `channels of X and ${name}`);
  }
  return checkFloat(x);
}

/** One number a channel, (channels), in a shape that broadcasts against `like`, (batch, channels, ...). */
export const overChannels = (b: Builder, value: Value, like: Value): Value =>
  reshapedTo(b, value, [dimsOf(value)[0] ?? 1, ...like.shape.slice(2).map(() => 1)]);

/** The sums of `x`, (batch, channels, ...), over all axes but the channels: (channels). */
export function sumToChannels(b: Builder, x: Value): Value {
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  return b.ReduceSum(x, axes, { keepdims: 0 });
}
