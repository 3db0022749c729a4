/** Gradients of graphs in half and in double precision, against those of the same graphs in float32. */
import { expect, it } from 'vitest';
import { model, type Value } from '../graph/graph.js';
import { type Builder, builder } from '../ops/builder.js';
import { optimize } from '../ops/rewrite/optimize.js';
import { nodeRuntime } from '../runtime/node.js';
import { float16ToFloat32, float32ToFloat16 } from '../tensor/float16.js';
import { sizeOf } from '../tensor/shape.js';
import { type Tensor, tensor, toNumbers } from '../tensor/tensor.js';
import { differentiate } from './differentiate.js';

const runtime = await nodeRuntime();
type Precision = 'float16' | 'float32' | 'float64';

function encoded(dtype: Precision, dims: readonly number[], values: readonly number[]): Tensor {
  if (dtype !== 'float16') return tensor(dtype, dims, values);
  return tensor(dtype, dims, float32ToFloat16(Float32Array.from(values)));
}

const decoded = (data: Tensor): number[] =>
  data.dtype === 'float16'
    ? Array.from(float16ToFloat32(data.data as Uint16Array))
    : toNumbers(data);

/** Numbers that halves hold exactly, no two neighbours equal. */
const waves = (dims: readonly number[]): number[] =>
  Array.from({ length: sizeOf(dims) }, (_, i) => ((i * 7) % 16) / 8 - 0.9375);

type Build = (b: Builder, x: Value, dtype: Precision) => Value;

async function gradient(
  dtype: Precision,
  dims: readonly number[],
  build: Build,
): Promise<number[]> {
  const b = builder();
  const y = build(b, b.input('x', dtype, dims), dtype);
  b.output(b.ReduceSum(b.Mul(y, y), null, { keepdims: 0 }), 'loss');
  const made = differentiate(b.build(), { loss: 'loss', with: ['x'] });
  const session = await runtime.load(made.model, { threads: 1 });
  const results = await session.run({ x: encoded(dtype, dims, waves(dims)) });
  return decoded(results[made.gradients.x] as Tensor);
}

const weights = (b: Builder, dtype: Precision, dims: readonly number[]): Value =>
  b.constant(encoded(dtype, dims, waves(dims)));

it.each<[string, readonly number[], Build]>([
  ['Tanh', [6], (b, x) => b.Tanh(x)],
  ['Pow', [6], (b, x, dtype) => b.Pow(b.Add(x, 2), b.constant(encoded(dtype, [1], [1.5])))],
  ['Conv', [1, 2, 5, 5], (b, x, dtype) => b.Conv(x, weights(b, dtype, [2, 2, 3, 3]))],
  ['Conv flipped', [1, 5, 4, 4], (b, x, dtype) => b.Conv(x, weights(b, dtype, [2, 5, 3, 3]))],
  ['Conv by W', [2, 3, 3, 3], (b, x, dtype) => b.Conv(weights(b, dtype, [1, 3, 6, 6]), x)],
  ['Conv by W, rows', [2, 8, 3, 3], (b, x, dtype) => b.Conv(weights(b, dtype, [1, 8, 6, 40]), x)],
  ['MaxPool', [1, 1, 5, 5], (b, x) => b.MaxPool(x, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] })],
  ['AveragePool', [1, 1, 5, 5], (b, x) => b.AveragePool(x, { kernel_shape: [2, 2] })],
  ['Pad', [1, 5], (b, x) => b.Pad(x, [0, 2, 0, 1], null, null, { mode: 'reflect' })],
  ['LRN', [1, 4, 3, 1], (b, x) => b.LRN(x, { size: 3, alpha: 0.5 })],
  ['Einsum', [3, 3], (b, x) => b.Einsum(x, { equation: 'ii->i' })],
  ['LayerNormalization', [2, 6], (b, x, dtype) => b.LayerNormalization(x, weights(b, dtype, [6]))],
])('the gradient of %s in other precisions', async (op, dims, build) => {
  const wanted = await gradient('float32', dims, build);
  const scale = Math.max(1, ...wanted.map(Math.abs));
  // ONNX Runtime has no convolutions, average pools and LRN in double precision.
  const isNarrow = /^(Conv|AveragePool|LRN)/.test(op);
  const others = isNarrow ? (['float16'] as const) : (['float16', 'float64'] as const);
  for (const dtype of others) {
    const got = await gradient(dtype, dims, build);
    const tolerance = dtype === 'float16' ? 0.01 : 1e-5;
    got.forEach((value, i) => {
      expect(Math.abs(value - (wanted[i] ?? 0)) / scale, `${dtype} ${i}`).toBeLessThan(tolerance);
    });
  }
});

it('a half that scales a product in float16 goes into it as a half', async () => {
  const b = builder();
  const x = b.input('x', 'float16', [2, 2]);
  b.output(b.Mul(b.Gemm(x, x), b.initializer('half', encoded('float16', [], [0.5]))), 'y');
  const session = await runtime.load(model(optimize(b.build())), { threads: 1 });
  const { y } = await session.run({ x: encoded('float16', [2, 2], [1, 2, 3, 4]) });
  expect(decoded(y as Tensor)).toEqual([3.5, 5, 7.5, 11]);
});
