/** Operators and their gradients against PyTorch's numbers (test/fixtures/operators.py made them, in float64). */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { backward } from '../src/autodiff/backward.js';
import { model, type Value } from '../src/graph/graph.js';
import { builder } from '../src/ops/builder.js';
import { nodeRuntime } from '../src/runtime/node.js';
import type { DType } from '../src/tensor/dtype.js';
import { type Tensor, tensor } from '../src/tensor/tensor.js';

interface Numbers {
  readonly dtype: DType;
  readonly dims: number[];
  readonly data: number[];
}
interface FixtureCase {
  readonly op: string;
  readonly attributes: Record<string, unknown>;
  readonly inputs: ((Numbers & { readonly name: string }) | null)[];
  readonly output: Numbers;
  readonly cotangent: Numbers;
  /** One for each input; null where PyTorch gives none. */
  readonly gradients: (Numbers | null)[];
}

const path = new URL('fixtures/operators.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: FixtureCase[] };
const runtime = await nodeRuntime();
const read = ({ dtype, dims, data }: Numbers): Tensor => tensor(dtype, dims, data);

function expectClose(actual: Tensor | undefined, expected: Numbers, what: string): void {
  expect(actual?.dims, what).toEqual(expected.dims);
  const scale = Math.max(1, ...expected.data.map(Math.abs));
  expected.data.forEach((value, i) => {
    const error = Math.abs(Number(actual?.data[i]) - value) / scale;
    expect(error, `${what}, element ${i}`).toBeLessThan(1e-5);
  });
}

it.each(cases.map((testCase, i) => [testCase.op, i, testCase] as const))(
  '%s, case %i',
  async (op, _, testCase) => {
    const b = builder();
    const feeds: Record<string, Tensor> = {};
    const inputs = testCase.inputs.map((input, i): Value | null => {
      if (!input) return null;
      // Indices and shapes are constants, as in exported models; what has a gradient is fed.
      if (!testCase.gradients[i]) return b.constant(read(input));
      feeds[input.name] = read(input);
      return b.input(input.name, input.dtype, input.dims);
    });
    const [y] = b.node(op, inputs, testCase.attributes);
    b.output(y as Value, 'y');
    const expected = testCase.gradients.flatMap((gradient, i) => {
      const value = inputs[i];
      return gradient && value ? [{ gradient, value }] : [];
    });
    const seed = b.constant(read(testCase.cotangent));
    const wrt = expected.map(({ value }) => value);
    backward(b, y as Value, wrt, { seed }).forEach((gradient, i) => {
      b.output(gradient, `gradient ${i}`);
    });
    const session = await runtime.load(model(b.build()), { threads: 1 });
    const results = await session.run(feeds);
    expectClose(results['y'], testCase.output, 'output');
    expected.forEach(({ gradient, value }, i) => {
      expectClose(results[`gradient ${i}`], gradient, `gradient of ${value.name}`);
    });
  },
);

it('covers the operators that PyTorch has too', () => {
  expect(new Set(cases.map(({ op }) => op)).size).toBeGreaterThan(20);
});
