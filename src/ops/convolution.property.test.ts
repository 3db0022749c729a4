/** Drawn convolutions: the inferred shape against the runtime's, the gradient against finite differences. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGradient } from '../autodiff/check.js';
import { caseGraph } from '../autodiff/check-case.js';
import { model } from '../graph/graph.js';
import { nodeRuntime } from '../runtime/node.js';
import type { Case } from './op.js';

const runtime = await nodeRuntime();

/** One spatial axis of a drawn convolution. */
const axis = fc.record({
  size: fc.integer({ min: 1, max: 6 }),
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  before: fc.integer({ min: 0, max: 3 }),
  after: fc.integer({ min: 0, max: 3 }),
  more: fc.integer({ min: 0, max: 2 }),
});

const convolution = fc.record({
  axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
  batch: fc.integer({ min: 1, max: 2 }),
  group: fc.integer({ min: 1, max: 3 }),
  taken: fc.integer({ min: 1, max: 2 }),
  made: fc.integer({ min: 1, max: 2 }),
  autoPad: fc.constantFrom('NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'),
  bias: fc.boolean(),
  sizedByShape: fc.boolean(),
});
type Drawn = typeof convolution extends fc.Arbitrary<infer T> ? T : never;

/** ONNX Runtime has no dilated SAME. */
const settled = (drawn: Drawn): Drawn =>
  drawn.autoPad.startsWith('SAME')
    ? { ...drawn, axes: drawn.axes.map((one) => ({ ...one, dilation: 1 })) }
    : drawn;

const extentOf = ({ kernel, dilation }: Drawn['axes'][number]) => (kernel - 1) * dilation + 1;

const attributesOf = ({ axes, group, autoPad }: Drawn) => ({
  group,
  strides: axes.map(({ stride }) => stride),
  dilations: axes.map(({ dilation }) => dilation),
  ...(autoPad === 'NOTSET'
    ? { pads: [...axes.map(({ before }) => before), ...axes.map(({ after }) => after)] }
    : { auto_pad: autoPad }),
});

/** A call of Conv, or null where no window fits. */
function convCase(drawn: Drawn): Case<unknown> | null {
  const { axes, batch, group, taken, made, autoPad, bias } = drawn;
  const fits = axes.every((one) => {
    if (autoPad.startsWith('SAME')) return one.kernel + 1 >= one.stride;
    const pads = autoPad === 'NOTSET' ? one.before + one.after : 0;
    return one.size + pads >= extentOf(one);
  });
  if (!fits) return null;
  const x = [batch, group * taken, ...axes.map(({ size }) => size)];
  const w = [group * made, taken, ...axes.map(({ kernel }) => kernel)];
  return { inputs: bias ? [x, w, [group * made]] : [x, w], attributes: attributesOf(drawn) };
}

/** A call of ConvTranspose, or null where nothing is left of its output. */
function transposedCase(drawn: Drawn): Case<unknown> | null {
  const { axes, batch, group, taken, made, autoPad, bias, sizedByShape } = drawn;
  const same = autoPad.startsWith('SAME') && !sizedByShape;
  // Elsewhere the runtime's shape inference contradicts its kernel, and it refuses the graph.
  if (same && axes.some(({ size, stride }) => size % stride !== 0)) return null;
  const extra = axes.map(({ more, stride }) => (same ? 0 : Math.min(more, stride - 1)));
  const natural = axes.map(
    (one, i) => (one.size - 1) * one.stride + extentOf(one) + (extra[i] ?? 0),
  );
  const pads = ({ before, after }: (typeof axes)[number]) =>
    autoPad === 'NOTSET' && !sizedByShape ? before + after : 0;
  const tooSmall = axes.some(
    (one, i) => (natural[i] ?? 0) <= pads(one) || (sizedByShape && (natural[i] ?? 0) < one.size),
  );
  if (tooSmall) return null;
  const x = [batch, group * taken, ...axes.map(({ size }) => size)];
  const w = [group * taken, made, ...axes.map(({ kernel }) => kernel)];
  // The runtime's shape inference gives up on an output smaller than the input.
  const shape = natural.map((size, i) =>
    Math.max(axes[i]?.size ?? 1, size - (axes[i]?.before ?? 0)),
  );
  return {
    inputs: bias ? [x, w, [group * made]] : [x, w],
    attributes: {
      ...attributesOf(drawn),
      output_padding: extra,
      ...(sizedByShape ? { output_shape: shape } : {}),
    },
  };
}

async function holds(op: string, drawn: Case<unknown>): Promise<void> {
  const { graph, feeds, with: wrt } = caseGraph(op, drawn);
  const output = graph.nodes[0]?.outputs[0] ?? '';
  const { dtype = null, shape = null } = graph.values.get(output) ?? {};
  const alone = {
    ...graph,
    nodes: graph.nodes.slice(0, 1),
    outputs: [{ name: output, dtype, shape: null }],
  };
  const session = await runtime.load(model(alone), { threads: 1, optimize: false });
  expect((await session.run(feeds))[output]?.dims).toEqual(shape);
  await checkGradient(runtime, graph, { loss: 'loss', with: wrt, feeds });
}

describe.each([
  ['Conv', convCase],
  ['ConvTranspose', transposedCase],
] as const)('%s', (op, caseOf) => {
  it('has the shape and the gradient that the runtime has', async () => {
    await fc.assert(
      fc.asyncProperty(convolution, async (drawn) => {
        const made = caseOf(settled(drawn));
        fc.pre(made !== null);
        if (made) await holds(op, made);
      }),
      { numRuns: 130, seed: 12 },
    );
  }, 60_000);
});
