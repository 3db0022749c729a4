/** Every shape rule of the table against what ONNX Runtime computes, on every case: dtype and shape of each output. */
import { describe, expect, it } from 'vitest';
import { model } from '../src/graph/graph.js';
import { builder } from '../src/ops/builder.js';
import type { Case, CaseInput, Op } from '../src/ops/op.js';
import { ops } from '../src/ops/table.js';
import { nodeRuntime } from '../src/runtime/node.js';
import { sizeOf } from '../src/tensor/shape.js';
import { type Tensor, tensor } from '../src/tensor/tensor.js';

const runtime = await nodeRuntime();

/** Elements from the middle of the case's range: which ones does not matter to a shape. */
function filledInput(input: Exclude<CaseInput, null | { fixed: Tensor }>): Tensor {
  const shape = 'shape' in input ? input.shape : input;
  const [low, high] = ('range' in input ? input.range : undefined) ?? [-1, 1];
  return tensor('float32', shape, new Array(sizeOf(shape)).fill((low + high) / 2));
}

async function outputsOf(name: string, testCase: Case<unknown>) {
  const b = builder();
  const feeds: Record<string, Tensor> = {};
  const inputs = testCase.inputs.map((input, i) => {
    if (input === null) return null;
    if ('fixed' in input) return b.constant(input.fixed);
    const data = filledInput(input);
    feeds[`x${i}`] = data;
    return b.input(`x${i}`, data.dtype, data.dims);
  });
  const attributes = (testCase.attributes ?? {}) as Record<string, unknown>;
  const outputs = b.node(name, inputs, attributes, { count: testCase.outputs ?? 1 });
  for (const output of outputs) b.output(output);
  const session = await runtime.load(model(b.build(name)), { optimize: false });
  return { inferred: outputs, computed: await session.run(feeds) };
}

describe.each(Object.entries(ops) as [string, Op][])('%s', (name, op) => {
  it('has cases', () => {
    expect(op.cases.length).toBeGreaterThan(0);
  });
  it.each(op.cases.map((testCase, i) => [i, testCase] as [number, Case<unknown>]))(
    'case %i',
    async (_, testCase) => {
      const { inferred, computed } = await outputsOf(name, testCase);
      expect(inferred.map(({ dtype, shape }) => ({ dtype, shape }))).toEqual(
        inferred.map((value) => {
          const { dtype, dims } = computed[value.name] as Tensor;
          return { dtype, shape: dims };
        }),
      );
    },
  );
});
