import { expect, it } from 'vitest';
import { model, type Value } from '../../graph/graph.js';
import { nodeRuntime } from '../../runtime/node.js';
import { fillNormal, streamKey } from '../../tensor/random.js';
import { type Tensor, zeros } from '../../tensor/tensor.js';
import { type Builder, builder } from '../builder.js';
import { optimize } from './optimize.js';

const random = (name: string, dims: readonly number[]): Tensor => {
  const made = zeros('float32', dims);
  fillNormal(made.data, streamKey(3, 0, name));
  return made;
};

const inputs = { x: [2, 3, 4], z: [2, 3, 4], a: [3, 1], c: [1, 3, 1] };

/** Operators left, after a check that the results are the same. */
async function rewritten(
  build: (b: Builder, values: Record<keyof typeof inputs, Value>) => Value,
): Promise<string[]> {
  const b = builder();
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, dims]) => [name, b.input(name, 'float32', dims)]),
  ) as Record<keyof typeof inputs, Value>;
  b.output(build(b, values), 'y');
  const [before, after] = [b.build(), optimize(b.build())];
  const runtime = await nodeRuntime();
  const results = await Promise.all(
    [before, after].map(async (graph) => {
      const session = await runtime.load(model(graph), { optimize: false, threads: 1 });
      const feeds = Object.fromEntries(
        session.inputs.map((name) => [name, random(name, inputs[name as keyof typeof inputs])]),
      );
      return (await session.run(feeds))['y'] as Tensor<'float32'>;
    }),
  );
  const [wanted, got] = results;
  expect(got?.dims).toEqual(wanted?.dims);
  wanted?.data.forEach((value, i) => {
    expect(got?.data[i]).toBeCloseTo(value, 5);
  });
  return after.nodes.map(({ op }) => op).filter((op) => op !== 'Reshape' && op !== 'Identity');
}

it('x a + c by channel is one BatchNormalization', async () => {
  expect(await rewritten((b, { x, a, c }) => b.Add(b.Mul(x, a), c))).toEqual([
    'BatchNormalization',
  ]);
});

it('also inside a sum', async () => {
  const ops = await rewritten((b, { x, z, a, c }) => b.Add(b.Add(b.Mul(z, z), b.Mul(x, a)), c));
  expect(ops.sort()).toEqual(['Add', 'BatchNormalization', 'Mul']);
});

it('but not where the numbers are not by channel', async () => {
  const ops = await rewritten((b, { x, z, c }) => b.Add(b.Mul(x, z), c));
  expect(ops).toEqual(['Mul', 'Add']);
});

it('a stretched value is stretched after it was scaled, if at all', async () => {
  const ops = await rewritten((b, { x, a }) => b.Mul(b.Mul(b.Expand(a, [2, 3, 4]), 2), x));
  expect(ops).toEqual(['Mul', 'Mul']);
});
