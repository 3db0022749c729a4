/** Slice, Pad and Gather: along the channels, or relative to the map's edges. */
import type { Node } from '../graph/graph.js';
import { normalizeAxis } from '../tensor/shape.js';
import { tensor } from '../tensor/tensor.js';
import { type Conversion, int, Refusal } from './conversion.js';
import { giveMap, mapOf } from './convert-pool.js';
import { channelAxis, isMap, type Layout, sizesOf } from './layout.js';

/** Beyond any end. */
const far = 2 ** 40;

interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

function cutsOf(node: Node, c: Conversion, rank: number): Cut[] {
  const starts = c.numbers(node, 1) ?? [];
  const ends = c.numbers(node, 2) ?? [];
  const axes = c.numbers(node, 3) ?? starts.map((_, i) => i);
  const steps = c.numbers(node, 4);
  return starts.map((start, i) => ({
    axis: normalizeAxis(axes[i] ?? i, rank),
    start,
    end: ends[i] ?? far,
    step: steps?.[i] ?? 1,
  }));
}

/** Cuts whose place does not hang on the size: from the first element or by a distance from the last, with any step. */
export function slice(node: Node, c: Conversion): void {
  const layout = c.layout(node);
  const channels = channelAxis(layout);
  const cuts = cutsOf(node, c, layout.shape.length).map((cut) => {
    const isAlongChannels = cut.axis === channels;
    if (isAlongChannels) return { ...cut, axis: 1 };
    if (!isMap(layout) || cut.axis < 2) throw refused(layout, cut);
    return { ...cut, end: freeEnd(layout, cut) };
  });
  const numbers = (list: readonly number[]) => c.to.constant(tensor('int64', [list.length], list));
  const inputs = [
    layout.value,
    numbers(cuts.map(({ start }) => start)),
    numbers(cuts.map(({ end }) => end)),
    numbers(cuts.map(({ axis }) => axis)),
    numbers(cuts.map(({ step }) => step)),
  ];
  const [value = null] = c.add(node, { inputs });
  const shape = c.shape(node.outputs[0] ?? '');
  if (isMap(layout)) giveMap(node, c, value);
  else {
    const [, height, width] = layout.map;
    c.give(node, value, [shape[channels ?? 1] ?? 1, height, width]);
  }
}

/** The end as it holds for any size. @throws Refusal where there is none. */
function freeEnd(layout: Layout, cut: Cut): number {
  const size = layout.shape[cut.axis] ?? 0;
  if (cut.step < 0 || cut.start < 0) throw refused(layout, cut);
  if (cut.end < 0) return cut.end;
  if (cut.end >= size) return far;
  throw refused(layout, cut);
}

function refused({ shape }: Layout, { axis, start, end, step }: Cut): Refusal {
  return new Refusal(
    `it cuts ${start} to ${end}${step === 1 ? '' : ` by ${step}`} out of axis ${axis} of ${sizesOf(shape)}: that place hangs on the image's size`,
  );
}

/** Padding of maps, by constants. */
export function pad(node: Node, c: Conversion): void {
  mapOf(node, c);
  c.known(node, 1);
  const [value = null] = c.add(node, {});
  giveMap(node, c, value);
}

/** Channels picked by constant indices. */
export function gather(node: Node, c: Conversion): void {
  const layout = c.layout(node);
  const axis = normalizeAxis(Number(c.attributes(node)['axis']), layout.shape.length);
  const indices = c.known(node, 1);
  if (axis !== channelAxis(layout) || indices.dims.length !== 1)
    throw new Refusal(
      `it picks along axis ${axis} of ${sizesOf(layout.shape)}, where a list of channels is wanted`,
    );
  const [value = null] = c.add(node, { attributes: { axis: int(1) } });
  const [, height, width] = layout.map;
  c.give(node, value, [indices.data.length, height, width]);
}
