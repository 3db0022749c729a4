/** Receptive-field rules that many operators share; an entry names one as its `field`. */
import { type Dim, normalizeAxis, type Shape } from '../tensor/shape.js';
import { toNumbers } from '../tensor/tensor.js';
import {
  type AxisField,
  asOneFilter,
  everywhere,
  type Field,
  type FieldContext,
  type FieldResult,
  type FieldWindow,
  throughWindow,
  union,
} from './receptive-field.js';

/** Every axis through `change`; unknown where it gives null for one. */
export function eachAxis(
  field: Field,
  change: (axis: AxisField, index: number) => AxisField | null,
): Field | 'unknown' {
  const changed = field.map(change);
  return changed.every((axis) => axis !== null) ? changed : 'unknown';
}

/** The output does not depend on the elements of the inputs: Shape, Size. */
export const independent = (): FieldResult => null;

/**
 * Element by element, of inputs that broadcast together: each output element sees what its operands see, together.
 */
export function pointwise({ fields, inputs, output }: FieldContext): FieldResult {
  const aligned = fields.flatMap((field, i) => {
    const rank = inputs[i]?.shape.length ?? 0;
    return field ? [shifted(field, output.shape.length - rank)] : [];
  });
  const joined = unionOfAll(aligned);
  return joined === 'unknown' ? joined : counted(joined, output.shape);
}

const shifted = (field: Field, by: number): Field =>
  field.map((axis) => ({ ...axis, axis: axis.axis === null ? null : axis.axis + by }));

function unionOfAll([first, ...rest]: readonly Field[]): Field | 'unknown' {
  if (!first) return 'unknown';
  return rest.reduce<Field | 'unknown'>(
    (all, next) =>
      all === 'unknown'
        ? all
        : eachAxis(all, (axis, i) => {
            const other = next[i];
            return other ? union(axis, other) : null;
          }),
    first,
  );
}

/** One position that is broadcast over many: each of these sees the same, which no stride says. */
function counted(field: Field, shape: Shape): Field | 'unknown' {
  return eachAxis(field, (axis) => {
    const size = axis.axis === null ? 1 : shape[axis.axis];
    if (axis.merged || size === axis.count) return axis;
    if (axis.count === 1 && typeof size === 'number') return spread(axis, size);
    return typeof size === 'number' ? null : { ...axis, count: null };
  });
}

/** A single field at `count` positions: a window that holds it wherever it is. */
function spread(axis: AxisField, count: number): AxisField {
  const reach = (count - 1) * axis.stride;
  return {
    ...axis,
    size: axis.size + reach,
    offset: axis.offset - reach,
    count,
    exact: false,
  };
}

/** The first input in another shape, its elements in the same order: Reshape, Flatten, Squeeze, Unsqueeze. */
export function reshapedField({ fields: [field], inputs: [x], output }: FieldContext): FieldResult {
  if (!field || !x) return 'unknown';
  const groups = axisGroups(x.shape, output.shape);
  if (!groups) return 'unknown';
  return eachAxis(field, (axis) => {
    if (axis.axis === null) return axis;
    if (axis.count === 1 && x.shape[axis.axis] === 1) return { ...axis, axis: null };
    const group = groups.find(({ from }) => from.includes(axis.axis ?? -1));
    const [to, ...more] = group?.to ?? [];
    if (!group || to === undefined || more.length > 0) return null;
    return { ...axis, axis: to, merged: axis.merged || group.from.length > 1 };
  });
}

/** Axes that hold the same elements before and after. */
interface AxisGroup {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** The smallest groups of axes with equal products; axes of size 1 are in none. Null where names do not match. */
function axisGroups(before: Shape, after: Shape): AxisGroup[] | null {
  const [left, right] = [withoutOnes(before), withoutOnes(after)];
  const groups: AxisGroup[] = [];
  while (left.length > 0 || right.length > 0) {
    const group = { from: takeFirst(left), to: takeFirst(right) };
    // A name matches itself alone, sizes are multiplied until the products agree.
    for (;;) {
      const [from, to] = [productOf(group.from), productOf(group.to)];
      if (from === to) break;
      if (typeof from === 'string' || typeof to === 'string') return null;
      const smaller = from < to ? ([group.from, left] as const) : ([group.to, right] as const);
      const next = smaller[1].shift();
      if (!next) return null;
      smaller[0].push(next);
    }
    groups.push({ from: group.from.map(({ at }) => at), to: group.to.map(({ at }) => at) });
  }
  return groups;
}

interface SizedAxis {
  readonly at: number;
  readonly dim: Dim;
}

const withoutOnes = (shape: Shape): SizedAxis[] =>
  shape.map((dim, at) => ({ at, dim })).filter(({ dim }) => dim !== 1);

const takeFirst = (axes: SizedAxis[]): SizedAxis[] => axes.splice(0, 1);

function productOf(axes: readonly SizedAxis[]): Dim {
  const [first] = axes;
  if (axes.length === 1 && first) return first.dim;
  const sizes = axes.map(({ dim }) => dim);
  return sizes.every((dim) => typeof dim === 'number')
    ? sizes.reduce((product, dim) => product * dim, 1)
    : sizes.join(' x ');
}

/**
 * The field of the first input after `axes` were summed up, each result seeing all positions along them.
 * @param keepsAxes whether they stay, with size 1
 */
export function contracted(
  field: Field,
  axes: readonly number[],
  keepsAxes: boolean,
): Field | 'unknown' {
  return eachAxis(field, (axis) => {
    if (axis.axis === null) return axis;
    if (!axes.includes(axis.axis)) {
      const gone = keepsAxes ? 0 : axes.filter((other) => other < (axis.axis ?? 0)).length;
      return { ...axis, axis: axis.axis - gone };
    }
    const whole = asOneFilter(axis);
    return whole && { ...whole, axis: keepsAxes ? axis.axis : null, merged: false };
  });
}

/** The first input's axes from the third on as one filter, and kept: global pools. */
export function globalField({ fields: [field], inputs: [x] }: FieldContext): FieldResult {
  const axes = (x?.shape ?? []).map((_, axis) => axis).slice(2);
  return field ? contracted(field, axes, true) : 'unknown';
}

/** The field of a value whose axes were put into another order. */
export function transposedField(field: Field, perm: readonly number[]): Field {
  return field.map((axis) => ({
    ...axis,
    axis: axis.axis === null ? null : perm.indexOf(axis.axis),
  }));
}

/** Values joined, or one cut, along `axis` (any sign), which must not be one of the image's: Concat, Split. */
export function besideField(context: FieldContext, axis: number): FieldResult {
  const at = normalizeAxis(axis, context.output.shape.length);
  const isAlong = context.fields.some((field) => field?.some((each) => each.axis === at));
  return isAlong ? 'unknown' : pointwise(context);
}

/** Slices picked along `axis`, for which indices of `rank` axes stand: Gather. */
export function gatheredField(field: Field, axis: number, rank: number): Field | 'unknown' {
  return eachAxis(field, (each) => {
    if (each.axis === null || each.axis < axis) return each;
    return each.axis === axis ? null : { ...each, axis: each.axis + rank - 1 };
  });
}

/** Each element sees what any along `axes` (any sign) of the first input sees: Softmax, normalizations. */
export function mixedAlong({ fields, inputs }: FieldContext, axes: readonly number[]): FieldResult {
  const [field, ...others] = fields;
  const rank = inputs[0]?.shape.length ?? 0;
  if (!field || others.some((other) => other)) return 'unknown';
  const mixed = axes.map((axis) => normalizeAxis(axis, rank));
  return eachAxis(field, (axis) =>
    axis.axis === null || !mixed.includes(axis.axis) ? axis : everywhere(axis),
  );
}

/** As `mixedAlong` all axes of the first input from `first` on: normalizations by the statistics of an image. */
export function mixedOverMap(context: FieldContext, first: number): FieldResult {
  const axes = (context.inputs[0]?.shape ?? []).map((_, axis) => axis).slice(first);
  return mixedAlong(context, axes);
}

/**
 * The first input's axes from the third on through the windows of a convolution or pool, which read all channels.
 * @param windows one for each of those axes
 */
export function windowedField(
  context: FieldContext,
  windows: readonly FieldWindow[],
  through: (axis: AxisField, window: FieldWindow) => AxisField = throughWindow,
): FieldResult {
  const { fields, output } = context;
  const [field, ...others] = fields;
  // Kernels that are computed from the image see whatever they see.
  if (!field || others.some((other) => other)) return 'unknown';
  return eachAxis(field, (axis) => {
    if (axis.axis === null) return axis;
    const window = windows[axis.axis - 2];
    if (!window || axis.merged) return null;
    const count = output.shape[axis.axis];
    return { ...through(axis, window), count: typeof count === 'number' ? count : null };
  });
}

/** Matrix products; only one factor may depend on the image. `axis` is the one of that factor that is summed over. */
export function productField(
  { fields, inputs, output }: FieldContext,
  summed: (factor: number, rank: number) => number,
): FieldResult {
  const factors = [0, 1].filter((i) => fields[i]);
  const [factor] = factors;
  const field = factor === undefined ? null : fields[factor];
  if (factor === undefined || !field || factors.length > 1 || fields[2]) return 'unknown';
  const rank = inputs[factor]?.shape.length ?? 0;
  if (rank < 2 || output.shape.length < 2) return 'unknown';
  const inner = summed(factor, rank);
  const whole = contracted(field, [inner], true);
  if (whole === 'unknown') return whole;
  return eachAxis(whole, (axis) => productAxis(axis, inner, factor, rank, output.shape));
}

/** Where an axis of a factor stands in the product: the one that is not summed over is the row or the column. */
function productAxis(
  axis: AxisField,
  inner: number,
  factor: number,
  rank: number,
  output: Shape,
): AxisField {
  if (axis.axis === null || axis.axis === inner) return { ...axis, axis: null };
  const isOuter = axis.axis >= rank - 2;
  const place = isOuter ? output.length - 2 + factor : axis.axis + output.length - rank;
  return { ...axis, axis: place };
}

/** Numbers of the i-th input, the attribute where it has none, null where they are only computed. */
export function numbersOf(
  context: FieldContext,
  i: number,
  attribute?: readonly number[] | undefined,
): readonly number[] | null | undefined {
  if (!context.inputs[i]) return attribute;
  const data = context.constant(i);
  return data ? toNumbers(data) : null;
}
