/** A finer output of any network by shift-and-stitch (Long et al. 2015, section 3.2), as one graph. */
import type { Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { tensor } from '../tensor/tensor.js';
import type { Dense } from './convolutionalize.js';
import { checkStride } from './finer.js';
import { finish } from './finish.js';
import { rebuilt } from './reopen.js';

/** Beyond any end. */
const far = 2 ** 40;

/**
 * The network on the image shifted by every multiple of `stride` below its own stride, all as one batch, and what it
 * gives interlaced: the same as `finer` by another way, and as slow as so many runs. The image is padded with zeros
 * at its end, so that all shifts have one size; cells that would see these zeros are cut off, as far as the network
 * does not pad by itself.
 * @throws UsageError where the stride is no divisor of the network's.
 */
export function shiftAndStitch(dense: Dense, stride: number): Dense {
  checkStride(dense, stride);
  const shifts = dense.field.map((axis) => axis.stride / stride);
  const [rows = 1, columns = 1] = shifts;
  const { b, image, scores } = rebuilt(
    dense,
    (builder, node) => void builder.add(node),
    (builder, whole) => shifted(builder, whole, rows, columns, stride),
  );
  const channels = scores.shape[1];
  const at = (value: Value, axis: number) => b.Slice(b.Shape(value), [axis], [axis + 1], [0]);
  const [batch, depth] = [at(image, 0), at(scores, 1)];
  const [height, width] = [at(scores, 2), at(scores, 3)];
  const list = (...parts: (Value | number)[]) =>
    b.Concat(...parts.map((part) => (typeof part === 'number' ? int(b, part) : part)), { axis: 0 });
  const known = typeof channels === 'number' ? channels : depth;
  // (shift right, shift down, batch, channels, height, width): each shift's cells lie between those of the others.
  const apart = b.Reshape(scores, list(columns, rows, batch, known, height, width));
  const woven = b.Transpose(apart, { perm: [2, 3, 4, 1, 5, 0] });
  const tall = b.Mul(height, int(b, rows));
  const wide = b.Mul(width, int(b, columns));
  const together = b.Reshape(woven, list(batch, known, tall, wide));
  const ends = dense.field.map(({ size, offset }, i) => {
    // Cells whose field lies in the image, or reaches as far over its end as over its beginning.
    const reach = size + (offset < 0 ? 2 * offset : offset);
    const room = b.Sub(at(image, i + 2), int(b, reach - stride));
    return b.Div(room, int(b, stride));
  });
  const cut = b.Slice(together, [0, 0], list(...ends), [2, 3]);
  const field = dense.field.map((axis) => ({ ...axis, stride }));
  return finish(dense, b, cut, field);
}

const int = (b: Builder, value: number): Value => b.constant(tensor('int64', [1], [value]));

/** The images beginning at every shift, down first, as one batch. */
function shifted(b: Builder, image: Value, rows: number, columns: number, stride: number): Value {
  const [down, right] = [(rows - 1) * stride, (columns - 1) * stride];
  const padded = b.Pad(image, b.constant(tensor('int64', [8], [0, 0, 0, 0, 0, 0, down, right])));
  const every = (x: Value, count: number, axis: number, last: number): Value => {
    const parts = Array.from({ length: count }, (_, i) => {
      const rest = last - i * stride;
      const end = rest === 0 ? far : -rest;
      return b.Slice(x, [i * stride], b.constant(tensor('int64', [1], [end])), [axis]);
    });
    const [only] = parts;
    return parts.length === 1 && only ? only : b.Concat(...parts, { axis: 0 });
  };
  return every(every(padded, rows, 2, down), columns, 3, right);
}
