import { describe, expect, it } from 'vitest';
import { UsageError } from '../../errors.js';
import { inferShapes } from '../../ops/load.js';
import { nodeRuntime } from '../../runtime/node.js';
import { zeros } from '../../tensor/tensor.js';
import { buildModel } from './build-model.js';
import { type ModelName, models } from './table.js';

describe('every network in small', async () => {
  const runtime = await nodeRuntime();
  it.each(Object.keys(models) as ModelName[])('%s runs, and gives finite scores', async (name) => {
    const made = buildModel(models[name], { classes: 7, width: 0.125 });
    const session = await runtime.load(made);
    const image = zeros('float32', [2, ...models[name].input]);
    image.data.forEach((_, i) => {
      image.data[i] = Math.sin(i);
    });
    const { logits } = await session.run({ image });
    expect(logits?.dims).toEqual([2, 7]);
    expect(Array.from(logits?.data as Float32Array).every(Number.isFinite)).toBe(true);
  });

  it('has the same weights for the same seed, and others for another', () => {
    const weightOf = (seed: number) =>
      buildModel(models.lenet, { seed }).graph.initializers.get('conv1.weight')?.data;
    expect(weightOf(1)).toEqual(weightOf(1));
    expect(weightOf(1)).not.toEqual(weightOf(2));
  });

  it.each([
    ['conv-small', [16, 8]],
    ['conv-large', [17, 8]],
  ] as const)('%s has pools whose last window may be cut off', (name, sizes) => {
    const { graph } = buildModel(models[name], { width: 0.125 });
    const values = inferShapes(graph);
    const pools = graph.nodes.filter(({ op }) => op === 'MaxPool');
    expect(pools.map(({ outputs }) => values.get(outputs[0] ?? '')?.shape[3])).toEqual(sizes);
  });

  it('names what makes no network', () => {
    expect(() => buildModel(models.lenet, { classes: 0 })).toThrow(UsageError);
    expect(() => buildModel(models.lenet, { width: -1 })).toThrow(/width must be above 0, got -1/);
    expect(() => buildModel(models.lenet, { input: [1, 8, 8] })).toThrow(/kernel|size/);
  });
});
