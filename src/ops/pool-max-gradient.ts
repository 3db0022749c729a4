/**
 * The gradient of MaxPool, axis by axis: the largest of a window is the largest of its rows' largest. Each axis is cut
 * into phases, so that what a window reads lies in whole slices, and masks pass the gradient to the element chosen. Of
 * equal elements this is the first in row-major order, as in MaxPool's own Indices and in PyTorch. No scatter: nothing
 * depends on the order of additions. docs/decisions/012 tells what the alternatives cost.
 */
import type { Value } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { scalar } from '../tensor/tensor.js';
import type { Builder } from './builder.js';
import { dimsOf } from './dims.js';
import { reshapedTo, unshaped, zerosOf } from './emit.js';
import { masked } from './mask.js';
import type { Window } from './window.js';

/** A window along one axis of x. */
interface AxisWindow {
  readonly axis: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly count: number;
}

/** Phases that all windows read at one distance: window i reads element i + shift of each. */
interface Group {
  readonly shift: number;
  readonly phases: readonly number[];
}

/** One axis of a value, cut up for its windows. */
interface Cut {
  readonly window: AxisWindow;
  /** Dimensions of the value. */
  readonly dims: readonly number[];
  /** Length of a phase: the padded axis is stride times as long. */
  readonly length: number;
  /** Elements i * stride + phase of the padded axis, as [outer, length, 1, inner]; null where no window reads them. */
  readonly phases: readonly (Value | null)[];
  readonly groups: readonly Group[];
  /** For each group, the largest that each window meets in it, [outer, count, 1, inner]; null where `top` serves. */
  readonly largest: readonly (Value | null)[];
  /** The largest of each window, of that shape, where it is at hand. */
  readonly top: Value | null;
  /** The largest of all phases at each of their positions, where it is at hand. */
  readonly highest: Value | null;
}

/**
 * dx of a max-pool; the graph says what it is, for runtimes that know a quicker way.
 * @param x (batch, channels, spatial axes); float
 * @param y the pool's output, and dy its gradient
 */
export function maxPoolGradient(b: Builder, x: Value, y: Value, dy: Value, window: Window): Value {
  const axes = axisWindows(window, 2);
  // Rows first: the last axis is reduced first, so that the first axis decides first.
  const cuts: Cut[] = [];
  let reduced = x;
  for (const axis of axes.toReversed()) {
    const cut = cutByPools(b, reduced, axis) ?? cutUp(b, reduced, axis);
    cuts.push(cut);
    if (cuts.length < axes.length)
      reduced = reshapedTo(b, topOf(b, cut), cut.dims.with(axis.axis, axis.count));
  }
  const dx = cuts.reduceRight(
    (gradient, cut, i) => throughCut(b, cut, gradient, i === axes.length - 1 ? y : null),
    dy,
  );
  const { kernel, strides, dilations, begin, end } = window;
  if (kernel.length === 2 && axes.length > 0)
    b.gradients.set(unshaped(b, dx).name, {
      of: 'max-pool',
      image: x.name,
      windows: dy.name,
      kernel,
      strides,
      dilations,
      before: begin,
      after: end,
    });
  return dx;
}

/** The axes along which windows do more than pass an element on. */
function axisWindows(window: Window, first: number): AxisWindow[] {
  return window.kernel.flatMap((kernel, i): AxisWindow[] => {
    const [stride = 1, dilation = 1] = [window.strides[i], window.dilations[i]];
    const [before = 0, after = 0] = [window.begin[i], window.end[i]];
    if (kernel === 1 && stride === 1 && before === 0 && after === 0) return [];
    const count = window.counts[i] ?? 1;
    return [{ axis: first + i, kernel, stride, dilation, before, count }];
  });
}

const maximum = (b: Builder, [first, ...rest]: readonly Value[]): Value =>
  rest.length === 0 ? (first as Value) : b.Max(first as Value, ...rest);

const topOf = (b: Builder, { top, largest }: Cut): Value =>
  top ?? maximum(b, largest as readonly Value[]);

/**
 * The same for windows of stride 2 without padding before them, by pools along the one axis. Only the first phase is
 * made: what it does not take, the second does. ONNX Runtime's pools work on all threads, and in blocks of channels.
 */
function cutByPools(b: Builder, x: Value, window: AxisWindow): Cut | null {
  const { axis, kernel, stride, dilation, before, count } = window;
  const dims = dimsOf(x);
  if (dims.length !== 4 || stride !== 2 || dilation !== 1 || before !== 0) return null;
  if (kernel < 2 || kernel > 4) return null;
  const size = dims[axis] ?? 1;
  const reach = (count - 1) * stride + kernel;
  const length = Math.ceil(Math.max(reach, size) / stride);
  const shape = [sizeOf(dims.slice(0, axis)), 0, 1, sizeOf(dims.slice(axis + 1))];
  const along = (value: number, otherwise: number): number[] =>
    axis === 2 ? [value, otherwise] : [otherwise, value];
  const pooled = (width: number, wanted: number): Value => {
    const end = Math.min(width - 1, Math.max(0, (wanted - 1) * stride + width - size));
    const attributes = {
      kernel_shape: along(width, 1),
      strides: along(stride, 1),
      pads: [0, 0, ...along(end, 0)],
    };
    const found = b.MaxPool(x, attributes);
    const there = dimsOf(found)[axis] ?? 1;
    const flat = reshapedTo(b, found, shape.with(1, there));
    if (there > wanted) return b.Slice(flat, [0], [wanted], [1]);
    return surrounded(b, flat, 0, wanted - there, -Infinity);
  };
  const groups = groupsOf(window);
  const top = pooled(kernel, count);
  return {
    window,
    dims,
    length,
    phases: [pooled(1, length), null],
    groups,
    largest: groups.map((_, i) => (i + 1 < groups.length ? pooled(stride, count) : null)),
    top,
    highest: pooled(stride, length),
  };
}

function cutUp(b: Builder, x: Value, window: AxisWindow): Cut {
  const dims = dimsOf(x);
  const { axis, kernel, stride, dilation, before, count } = window;
  const size = dims[axis] ?? 1;
  const reach = (count - 1) * stride + (kernel - 1) * dilation + 1;
  const length = Math.ceil(Math.max(reach, before + size) / stride);
  const outer = sizeOf(dims.slice(0, axis));
  const inner = sizeOf(dims.slice(axis + 1));
  const groups = groupsOf(window);
  const read = new Set(groups.flatMap(({ phases }) => phases));
  const whole = lowest(b, reshapedTo(b, x, [outer, size, 1, inner]), before, length * stride);
  const all =
    stride === 1
      ? [whole]
      : b.node(
          'Split',
          [reshapedTo(b, whole, [outer, length, stride, inner])],
          { axis: 2, num_outputs: stride },
          { count: stride },
        );
  const phases = all.map((phase, i) => (read.has(i) ? phase : null));
  const largest = groups.map(({ shift, phases: group }) => {
    const top = maximum(b, present(group, phases));
    return shift === 0 && count === length ? top : b.Slice(top, [shift], [shift + count], [1]);
  });
  return { window, dims, length, phases, groups, largest, top: null, highest: null };
}

const present = (group: readonly number[], phases: readonly (Value | null)[]): Value[] =>
  group.flatMap((phase) => phases[phase] ?? []);

function groupsOf({ kernel, stride, dilation }: AxisWindow): Group[] {
  const groups = new Map<number, number[]>();
  for (let k = 0; k < kernel; k++) {
    const shift = Math.floor((k * dilation) / stride);
    groups.set(shift, [...(groups.get(shift) ?? []), (k * dilation) % stride]);
  }
  return [...groups].map(([shift, phases]) => ({ shift, phases }));
}

/** `x` with what no window chooses around it, along axis 1. */
const lowest = (b: Builder, x: Value, before: number, total: number): Value =>
  surrounded(b, x, before, total - before - (dimsOf(x)[1] ?? 0), -Infinity);

/** `x` between so many of one number, along axis 1. By Concat, which works on all threads; Pad has one. */
function surrounded(b: Builder, x: Value, before: number, after: number, value: number): Value {
  const rows = (count: number): Value[] =>
    count === 0
      ? []
      : [
          b.ConstantOfShape(dimsOf(x).with(1, count), {
            value: { ...scalar(x.dtype, value), dims: [1] },
          }),
        ];
  const parts = [...rows(before), x, ...rows(after)];
  return parts.length === 1 ? x : b.Concat(...parts, { axis: 1 });
}

/** The gradient by the value that was cut, from the one by its largest elements, which are `y` where that is at hand. */
function throughCut(b: Builder, cut: Cut, dy: Value, y: Value | null): Value {
  const { window, dims, length, phases, groups, largest } = cut;
  const { axis, stride, before, count } = window;
  const outer = sizeOf(dims.slice(0, axis));
  const inner = sizeOf(dims.slice(axis + 1));
  const shape = [outer, count, 1, inner];
  const top = y ? reshapedTo(b, y, shape) : cut.top;
  const byGroup = shared(b, largest, reshapedTo(b, dy, shape), top);
  const sums: (Value | null)[] = phases.map(() => null);
  groups.forEach((group, i) => {
    const after = length - group.shift - count;
    const gradient = surrounded(b, byGroup[i] ?? dy, group.shift, after, 0);
    const parts = group.phases.map((phase) => phases[phase] ?? null);
    const byPhase = shared(b, parts, gradient, cut.highest);
    group.phases.forEach((phase, j) => {
      const [sum, next] = [sums[phase], byPhase[j] ?? gradient];
      sums[phase] = sum ? b.Add(sum, next) : next;
    });
  });
  const parts = sums.map((sum) => sum ?? zerosOf(b, dy.dtype, [outer, length, 1, inner]));
  const joined = parts.length === 1 ? (parts[0] as Value) : b.Concat(...parts, { axis: 2 });
  const flat = reshapedTo(b, joined, [outer, length * stride, inner]);
  const size = dims[axis] ?? 1;
  // A Slice: a Pad of negative counts takes six times as long on the last axis.
  const inside = size === length * stride ? flat : b.Slice(flat, [before], [before + size], [1]);
  return reshapedTo(b, inside, dims);
}

/**
 * `dy` given to the first of the largest of `parts` at each position; `top` is what is largest, where that is known: the
 * last of the parts is not looked at then.
 */
function shared(
  b: Builder,
  parts: readonly (Value | null)[],
  dy: Value,
  known: Value | null,
): Value[] {
  if (parts.length === 1) return [dy];
  const all = parts as readonly Value[];
  const top = known ?? (parts.length === 2 ? (all[1] as Value) : maximum(b, all));
  const gradients: Value[] = [];
  let rest = dy;
  for (const part of all.slice(0, -1)) {
    const got = masked(b, b.GreaterOrEqual(part, top), rest);
    rest = b.Sub(rest, got);
    gradients.push(got);
  }
  return [...gradients, rest];
}
