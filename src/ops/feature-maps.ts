/** The feature maps of a network that are fit to be layers of a hypercolumn (Hariharan et al. 2015, section 3). */
import type { Node, Value } from '../graph/graph.js';
import { isFloat } from '../tensor/dtype.js';
import { sameShape } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { entryOf } from './op.js';
import type { AxisField, Field } from './receptive-field.js';
import type { ReceptiveFields } from './receptive-fields.js';

/** A map of features over the image. */
export interface FeatureMap {
  /** float, (batch, channels, height, width) */
  readonly value: Value;
  /** What an element sees along height and width. */
  readonly field: Field;
}

/**
 * The maps that a hypercolumn can be made of, in the order of the graph: float values (batch, channels, height,
 * width) with more than one channel and more than one position along each axis, of which size and stride of the
 * receptive field are known. Of values that follow one another element by element (convolution, normalization,
 * activation) only the last is one: the one that something else reads, or that the graph gives out.
 */
export function featureMaps(b: Builder, fields: ReceptiveFields): FeatureMap[] {
  const readers = new Map<string, Node[]>();
  for (const node of b.nodes)
    for (const input of new Set(node.inputs))
      readers.set(input, [...(readers.get(input) ?? []), node]);
  const isLast = (name: string): boolean =>
    b.outputs.some((output) => output.name === name) ||
    (readers.get(name) ?? []).some((node) => !continues(b, node, fields));
  return b.nodes.flatMap(({ outputs }) =>
    outputs.flatMap((name) => {
      const field = fields.get(name);
      if (name === '' || !field || field === 'unknown' || !isLast(name)) return [];
      const value = b.value(name);
      return isMap(value, field) ? [{ value, field }] : [];
    }),
  );
}

/** Whether a node only works over the one map that it reads: no weighted sums, no windows, the same positions. */
function continues(b: Builder, node: Node, fields: ReceptiveFields): boolean {
  const op = entryOf(b.table, node);
  const [input, ...more] = node.inputs.filter((name) => fields.has(name));
  const output = node.outputs[0] ?? '';
  if (!op || op.macs || input === undefined || more.length > 0) return false;
  const [before, after] = [fields.get(input), fields.get(output)];
  if (!before || before === 'unknown' || !after || after === 'unknown') return false;
  const isSame = before.every((axis, i) => {
    const next = after[i];
    // A normalization over all positions sees more, but that is a bound.
    return axis.stride === next?.stride && (axis.size === next.size || !next.exact);
  });
  return isSame && sameShape(b.value(input).shape, b.value(output).shape);
}

function isMap({ dtype, shape }: Value, [height, width, ...more]: Field): boolean {
  const isPlane = (axis: AxisField | undefined, at: number): boolean =>
    axis?.axis === at && !axis.merged && axis.count !== 1 && axis.stride > 0;
  const channels = shape[1];
  return (
    isFloat(dtype) &&
    shape.length === 4 &&
    typeof channels === 'number' &&
    channels > 1 &&
    more.length === 0 &&
    isPlane(height, 2) &&
    isPlane(width, 3)
  );
}
