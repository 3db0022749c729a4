/** Forms in which classifiers are written, each compared at its own size and on every crop of a larger image. */
import { beforeAll, describe, expect, it } from 'vitest';
import { ModelError } from '../errors.js';
import { type Model, model, type Value } from '../graph/graph.js';
import { normal } from '../nn/init.js';
import { type Builder, builder } from '../ops/builder.js';
import { nodeRuntime } from '../runtime/node.js';
import type { Runtime } from '../runtime/runtime.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { convolutionalize } from './convolutionalize.js';
import { verifyDense } from './verify.js';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await nodeRuntime();
});

let seed = 0;
const weights = (b: Builder, name: string, dims: readonly number[]): Value =>
  b.initializer(name, normal(seed++, name, dims, 0.4));

/** 9 x 7 pixels of two channels, a map of 3 x 4 x 3, and what `end` makes of it. */
function classifier(
  end: (b: Builder, x: Value) => Value,
  image: readonly (number | string)[] = ['n', 2, 9, 7],
): Model {
  const b = builder();
  const x = b.input('image', 'float32', image);
  const conv = b.Conv(x, weights(b, 'conv', [3, 2, 3, 3]), null, { strides: [2, 2] });
  b.output(end(b, b.Relu(conv)), 'scores');
  return model(b.build(), {}, b.opset);
}

const forms: Record<string, (b: Builder, x: Value) => Value> = {
  'Flatten, MatMul, Add': (b, x) =>
    b.Add(b.MatMul(b.Flatten(x), weights(b, 'fc', [36, 4])), weights(b, 'bias', [1, 4])),
  'Reshape, Gemm with alpha, beta and transB': (b, x) => {
    const [fc, bias] = [weights(b, 'fc', [4, 36]), weights(b, 'bias', [4])];
    return b.Gemm(b.Reshape(x, [-1, 36]), fc, bias, { transB: 1, alpha: 0.5, beta: 3 });
  },
  'a Gemm of the transposed map': (b, x) =>
    b.Gemm(b.Transpose(b.Flatten(x), { perm: [1, 0] }), weights(b, 'fc', [36, 4]), null, {
      transA: 1,
    }),
  'channels last before Flatten': (b, x) =>
    b.MatMul(b.Flatten(b.Transpose(x, { perm: [0, 2, 3, 1] })), weights(b, 'fc', [36, 4])),
  'several in a row, with what stands between': (b, x) => {
    let y = b.Relu(b.MatMul(b.Flatten(x), weights(b, 'fc1', [36, 6])));
    const one = b.initializer('ones', tensor('float32', [6], [1, 2, 1, 2, 1, 2]));
    y = b.Mul(b.PRelu(y, weights(b, 'slope', [6])), one);
    const [scale, mean] = [weights(b, 'scale', [6]), weights(b, 'mean', [6])];
    y = b.BatchNormalization(y, scale, mean, mean, one);
    y = b.Dropout(y, 0.5);
    return b.LogSoftmax(b.Gemm(y, weights(b, 'fc2', [6, 4])), { axis: -1 });
  },
  'two matrices that share their weights': (b, x) => {
    const shared = weights(b, 'fc', [36, 4]);
    const y = b.MatMul(b.Flatten(x), shared);
    return b.Sub(b.Gemm(b.Flatten(b.Neg(x)), shared, null, { alpha: 2 }), y);
  },
  'the mean over height and width': (b, x) =>
    b.MatMul(b.ReduceMean(x, [2, 3], { keepdims: 0 }), weights(b, 'fc', [3, 4])),
  'the mean over what is left of a map': (b, x) =>
    b.Softmax(b.ReduceMean(b.Reshape(x, [-1, 3, 12]), [2], { keepdims: 0 })),
  'an AveragePool over the whole map': (b, x) =>
    b.Squeeze(
      b.Conv(b.AveragePool(x, { kernel_shape: [4, 3] }), weights(b, 'top', [4, 3, 1, 1])),
      [2, 3],
    ),
  'the largest and the mean, joined': (b, x) =>
    b.MatMul(
      b.Flatten(b.Concat(b.GlobalMaxPool(x), b.GlobalAveragePool(x), { axis: 1 })),
      weights(b, 'fc', [6, 4]),
    ),
  'flattened maps joined': (b, x) =>
    b.MatMul(b.Concat(b.Flatten(x), b.Flatten(b.Sqrt(x)), { axis: 1 }), weights(b, 'fc', [72, 4])),
  'lengths divided out': (b, x) => {
    const y = b.MatMul(b.Flatten(x), weights(b, 'fc', [36, 4]));
    return b.Div(y, b.ReduceL2(y, [-1], { keepdims: 1 }));
  },
  'the class alone': (b, x) =>
    b.ArgMax(b.MatMul(b.Flatten(x), weights(b, 'fc', [36, 4])), { axis: 1, keepdims: 0 }),
};

describe('convolutionalize', () => {
  it.each(Object.keys(forms))('slides over an image: %s', async (name) => {
    const source = classifier(forms[name] ?? ((_, x) => x));
    const dense = convolutionalize(source, { pooling: 'window' });
    const image = normal(7, 'image', [1, 2, 15, 12], 1) as Tensor<'float32'>;
    const found = await verifyDense(runtime, source, dense, image);
    expect(found).toMatchObject({ crops: 12, covered: 12, isPadded: false });
    expect(found.largest).toBeLessThan(1e-5);
    const [output] = dense.model.graph.outputs;
    expect(output?.shape?.[0]).toBe('n');
    expect(output?.shape).toHaveLength(4);
  });

  it('keeps the names of weights, as kernels over the map that was flattened', () => {
    const { model: made } = convolutionalize(
      classifier((b, x) => b.MatMul(b.Flatten(x), weights(b, 'fc', [36, 4]))),
      { pooling: 'window' },
    );
    expect(made.graph.initializers.get('fc')?.dims).toEqual([4, 3, 4, 3]);
    expect(made.graph.nodes.map(({ op }) => op)).toEqual(['Conv', 'Relu', 'Conv']);
  });

  it('leaves pools over the map out where that is asked for', () => {
    const source = classifier((b, x) => b.Flatten(b.GlobalAveragePool(x)));
    const dense = convolutionalize(source, { pooling: 'none' });
    expect(dense.isWhole).toBe(false);
    expect(dense.model.graph.nodes.map(({ op }) => op)).not.toContain('AveragePool');
    expect(dense.field.map(({ size, stride }) => [size, stride])).toEqual([
      [3, 2],
      [3, 2],
    ]);
  });

  it('writes out what the file fixes: batch, pads that follow from the size, the size in Slice', async () => {
    const source = classifier(
      (b, x) => {
        const same = b.MaxPool(x, { kernel_shape: [2, 2], auto_pad: 'SAME_UPPER' });
        const cut = b.Slice(same, [0, 1], [4, 2147483647], [2, 3], [2, 1]);
        return b.MatMul(b.Reshape(cut, [2, 12]), weights(b, 'fc', [12, 4]));
      },
      [2, 2, 9, 7],
    );
    const dense = convolutionalize(source, { pooling: 'window' });
    expect(dense.model.graph.inputs[0]?.shape).toEqual(['batch', 2, 'height', 'width']);
    const image = normal(7, 'image', [1, 2, 9, 7], 1) as Tensor<'float32'>;
    expect((await verifyDense(runtime, source, dense, image)).alone).toBeLessThan(1e-5);
  });

  const refusal = (source: () => Model, options = {}): string => {
    try {
      convolutionalize(source(), { pooling: 'window', ...options });
      return 'converted';
    } catch (error) {
      expect(error).toBeInstanceOf(ModelError);
      return error instanceof Error ? error.message : '';
    }
  };

  it('names all nodes that stand in the way, each with its reason', () => {
    const sentence = refusal(() =>
      classifier((b, x) => {
        const gate = b.Sigmoid(b.GlobalAveragePool(x));
        const excited = b.Mul(x, gate);
        const placed = b.Add(excited, weights(b, 'place', [1, 3, 4, 3]));
        const [scale] = [weights(b, 'scale', [3])];
        const same = b.InstanceNormalization(placed, scale, scale);
        const cut = b.Slice(same, [1], [3], [2]);
        const mixed = b.Reshape(b.Transpose(cut, { perm: [0, 2, 1, 3] }), [-1, 18]);
        return b.MatMul(mixed, weights(b, 'fc', [18, 4]));
      }),
    );
    expect(sentence).toContain('5 nodes stand in the way');
    expect(sentence).toMatch(/Mul at node "Mul": .*"GlobalAveragePool".*squeeze-and-excitation/);
    expect(sentence).toMatch(/Add at node "Add": "place" .*positions/);
    expect(sentence).toMatch(/InstanceNormalization at node .*statistics/);
    expect(sentence).toMatch(/Slice at node "Slice": it cuts 1 to 3 out of axis 2/);
    expect(sentence).toMatch(/Transpose at node "Transpose": .*change places/);
  });

  it('refuses what is no classifier of images', () => {
    const end = (b: Builder, x: Value) => b.Flatten(b.GlobalAveragePool(x));
    const free = () => classifier(end, ['n', 2, 'height', 'width']);
    expect(refusal(free)).toMatch(/size of the images .* is not known/);
    expect(refusal(free, { size: [9, 7] })).toBe('converted');
    expect(refusal(free, { size: [9, 7], output: 'logits' })).toMatch(/no output "logits"/);
    const flat = () => {
      const b = builder();
      b.output(b.Relu(b.input('x', 'float32', ['n', 784])), 'y');
      return model(b.build());
    };
    expect(refusal(flat)).toMatch(/takes float32 \(batch, channels, height, width\)/);
  });
});
