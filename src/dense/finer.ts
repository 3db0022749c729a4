/**
 * A finer output of the same network by the "à trous" rewrite: strides become smaller, and the kernels behind them
 * reach as far apart as before (Long et al. 2015, section 3.2).
 */
import { UsageError } from '../errors.js';
import { attributesOf } from '../graph/builder.js';
import type { Node } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { loadModel } from '../ops/load.js';
import { receptiveFields } from '../ops/receptive-fields.js';
import { tensor, toNumbers } from '../tensor/tensor.js';
import type { Dense } from './convolutionalize.js';
import { addFinerWindow, cannot, type Step } from './finer-window.js';
import { finish } from './finish.js';
import { rebuilt } from './reopen.js';

const windows = new Set(['Conv', 'MaxPool', 'AveragePool', 'LpPool']);

/**
 * The same network with an output at every `stride` pixels. A map that stood at every R pixels then stands at every
 * gcd(R, stride): strides become smaller from there on, and kernels, pads and cuts behind them are spread by R over
 * that. Each cell that sees no padding is what the network gives where the image begins so many pixels later, and
 * those at multiples of the old stride are exactly what they were. Padding inside the network stays at the edges of the image, so
 * that cells which see it differ from those of an image that begins later: there these would see zeros, and here what
 * the image has.
 * @throws UsageError where the stride is no divisor of the network's; ModelError naming a node that cannot be spread.
 */
export function finer(dense: Dense, stride: number): Dense {
  checkStride(dense, stride);
  if (dense.field.every((axis) => axis.stride === stride)) return dense;
  const from = loadModel(dense.model);
  const fields = receptiveFields(from, from.value(dense.input));
  const strideOf = (name: string): readonly number[] | null => {
    const field = fields.get(name);
    return Array.isArray(field) ? field.map((axis: { stride: number }) => axis.stride) : null;
  };
  const { b, scores } = rebuilt(dense, (builder, node) => {
    const coarse = strideOf(node.inputs[0] ?? '') ?? node.inputs.map(strideOf).find((s) => s);
    const after = strideOf(node.outputs[0] ?? '') ?? coarse;
    if (!coarse || !after) {
      builder.add(node);
      return;
    }
    const steps = coarse.map((before, i) => stepOf(before, after[i] ?? before, stride));
    addNode(builder, node, steps, after.join() !== coarse.join());
  });
  const field = dense.field.map((axis) => ({ ...axis, stride }));
  return finish(dense, b, scores, field);
}

function stepOf(before: number, after: number, stride: number): Step {
  const now = gcd(before, stride);
  return { spread: before / now, stride: gcd(after, stride) / now };
}

/** @throws UsageError */
export function checkStride({ field }: Dense, stride: number): void {
  const strides = field.map((axis) => axis.stride);
  if (Number.isInteger(stride) && stride > 0 && strides.every((each) => each % stride === 0))
    return;
  const [first = 1] = strides;
  const divisors = Array.from({ length: first }, (_, i) => i + 1).filter((n) =>
    strides.every((each) => each % n === 0),
  );
  throw new UsageError(
    `the network has stride ${[...new Set(strides)].join(' and ')}, which ${stride} does not divide. Give ${divisors.join(', ')}`,
    { expected: divisors, actual: stride },
  );
}

const tensor64 = (list: readonly number[]) => tensor('int64', [list.length], list);

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

function addNode(b: Builder, node: Node, steps: readonly Step[], isStrided: boolean): void {
  const isSpread = steps.some(({ spread }) => spread > 1);
  if (!isSpread && !isStrided) b.add(node);
  else if (windows.has(node.op)) addFinerWindow(b, node, steps);
  else if (node.op === 'Slice') addSlice(b, node, steps);
  else if (node.op === 'Pad') addPad(b, node, steps);
  else if (isStrided || node.op === 'ConvTranspose' || node.op === 'Resize')
    throw cannot(node, 'it moves pixels in a way that is not spread');
  else b.add(node);
}

/** The constant numbers of an input. */
function numbers(b: Builder, node: Node, i: number): number[] | null {
  const data = node.inputs[i] ? b.known(node.inputs[i] ?? '') : null;
  return data ? toNumbers(data) : null;
}

/** Beyond any end. */
const far = 2 ** 31 - 1;

function addSlice(b: Builder, node: Node, steps: readonly Step[]): void {
  const [starts, ends] = [numbers(b, node, 1), numbers(b, node, 2)];
  const axes = numbers(b, node, 3) ?? starts?.map((_, i) => i);
  if (!starts || !ends || !axes) throw cannot(node, 'what it cuts is computed');
  const by = numbers(b, node, 4) ?? starts.map(() => 1);
  const step = (axis: number): Step | undefined => steps[(axis < 0 ? axis + 4 : axis) - 2];
  const spread = (list: readonly number[]) =>
    list.map((at, i) => (Math.abs(at) >= far ? at : at * (step(axes[i] ?? 0)?.spread ?? 1)));
  const strides = by.map((each, i) => step(axes[i] ?? 0)?.stride ?? each);
  const lists = [spread(starts), spread(ends), axes, strides];
  const names = lists.map((list) => b.constant(tensor64(list)).name);
  b.add({ ...node, inputs: [node.inputs[0] ?? '', ...names] });
}

function addPad(b: Builder, node: Node, steps: readonly Step[]): void {
  const pads = numbers(b, node, 1);
  const axes = numbers(b, node, 3) ?? [0, 1, 2, 3];
  const { mode } = attributesOf(b.table, node);
  const spatial = pads?.some((size, i) => size !== 0 && (axes[i % axes.length] ?? 0) % 4 > 1);
  if (!pads || (spatial && mode !== 'constant'))
    throw cannot(node, 'only padding by constant amounts of zeros can be spread');
  const spread = pads.map((size, i) => {
    const axis = axes[i % axes.length] ?? 0;
    return size * (steps[(axis < 0 ? axis + 4 : axis) - 2]?.spread ?? 1);
  });
  const { name } = b.constant(tensor64(spread));
  b.add({ ...node, inputs: node.inputs.with(1, name) });
}
