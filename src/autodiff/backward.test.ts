import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EspalierError, GradientError } from '../errors.js';
import { model, type Value } from '../graph/graph.js';
import { type Builder, builder } from '../ops/builder.js';
import { nodeRuntime } from '../runtime/node.js';
import { broadcastShapes, sizeOf } from '../tensor/shape.js';
import { type Tensor, tensor } from '../tensor/tensor.js';
import { backward } from './backward.js';
import { checkGradient } from './check.js';
import { differentiate } from './differentiate.js';

const runtime = await nodeRuntime();

/** Gradients of the scalar that `build` makes, by each of its inputs, as numbers. */
async function gradientsOf(
  feeds: Record<string, Tensor>,
  build: (b: Builder, inputs: Value[]) => Value,
): Promise<number[][]> {
  const b = builder();
  const inputs = Object.entries(feeds).map(([name, { dims }]) => b.input(name, 'float32', dims));
  b.output(build(b, inputs), 'loss');
  const { model: made, gradients } = differentiate(b.build(), {
    loss: 'loss',
    with: Object.keys(feeds),
  });
  const results = await (await runtime.load(made)).run(feeds);
  return Object.keys(feeds).map((name) => {
    const gradient = results[gradients[name] ?? ''];
    expect(gradient?.dims).toEqual(feeds[name]?.dims);
    return Array.from(gradient?.data as Float32Array);
  });
}

describe('backward', () => {
  it('adds what comes back along every path', async () => {
    const feeds = { x: tensor('float32', [2], [3, -1]) };
    const sum = await gradientsOf(feeds, (b, [x]) => {
      const value = x as Value;
      return b.ReduceSum(b.Add(b.Mul(value, value), b.Mul(value, 5)), null, { keepdims: 0 });
    });
    expect(sum).toEqual([[11, 3]]);
  });

  it('sums over what was broadcast, by every pair of shapes', async () => {
    const dim = fc.constantFrom(1, 2, 3);
    const shapes = fc.tuple(fc.array(dim, { maxLength: 3 }), fc.array(dim, { maxLength: 3 }));
    await fc.assert(
      fc.asyncProperty(shapes, async ([left, right]) => {
        const fits = left.every((_, i) => {
          const [p, q] = [left[left.length - 1 - i] ?? 1, right[right.length - 1 - i] ?? 1];
          return p === q || p === 1 || q === 1;
        });
        fc.pre(fits);
        const fill = (dims: number[]): Tensor =>
          tensor(
            'float32',
            dims,
            Array.from({ length: sizeOf(dims) }, (_, i) => i + 1),
          );
        const [x, y] = await gradientsOf({ x: fill(left), y: fill(right) }, (b, [p, q]) =>
          b.ReduceSum(b.Add(p as Value, q as Value), null, { keepdims: 0 }),
        );
        const whole = sizeOf(broadcastShapes(left, right) as number[]);
        expect(x).toEqual(new Array(sizeOf(left)).fill(whole / sizeOf(left)));
        expect(y).toEqual(new Array(sizeOf(right)).fill(whole / sizeOf(right)));
      }),
      { numRuns: 40, seed: 4 },
    );
  });

  it('stops at values declared constant', async () => {
    const b = builder();
    const x = b.input('x', 'float32', [1]);
    const square = b.Mul(x, x);
    const loss = b.ReduceSum(b.Mul(square, x), null, { keepdims: 0 });
    const [gradient] = backward(b, loss, [x], { stop: [square] });
    b.output(gradient as Value, 'gradient');
    const results = await (await runtime.load(model(b.build()))).run({
      x: tensor('float32', [1], [3]),
    });
    expect(results['gradient']?.data[0]).toBe(9);
  });

  it('starts from a seed of the shape of a loss that is no scalar', async () => {
    const b = builder();
    const x = b.input('x', 'float32', [2]);
    const seed = b.constant(tensor('float32', [2], [10, 100]));
    const [gradient] = backward(b, b.Mul(x, x), [x], { seed });
    b.output(gradient as Value, 'gradient');
    const results = await (await runtime.load(model(b.build()))).run({
      x: tensor('float32', [2], [1, 2]),
    });
    expect(Array.from(results['gradient']?.data as Float32Array)).toEqual([20, 400]);
  });

  it('cuts a path through an operator whose derivative is zero', async () => {
    const feeds = { x: tensor('float32', [1], [2.5]) };
    const [gradient] = await gradientsOf(feeds, (b, [x]) =>
      b.ReduceSum(b.Mul(b.Floor(x as Value), x as Value), null, { keepdims: 0 }),
    );
    expect(gradient).toEqual([2]);
  });

  it('differentiates its own result again and again', async () => {
    const b = builder();
    const x = b.input('x', 'float32', [1]);
    let value = b.ReduceSum(b.Pow(x, 4), null, { keepdims: 0 });
    for (let order = 0; order < 3; order++) {
      const [gradient] = backward(b, value, [x]);
      value = b.ReduceSum(gradient as Value, null, { keepdims: 0 });
    }
    b.output(value, 'third');
    const results = await (await runtime.load(model(b.build()))).run({
      x: tensor('float32', [1], [2]),
    });
    expect(results['third']?.data[0]).toBeCloseTo(24 * 2, 3);
  });

  it('takes the numbers of a weight for no constants where it differentiates by it', async () => {
    const x = tensor('float32', [3], [1, 2, 4]);
    const ones = tensor('float32', [3], [1, 1, 1]);
    /** By the scale, of the gradient by x projected on a fixed vector. */
    const mixed = async (isWeight: boolean): Promise<number[]> => {
      const b = builder();
      const input = b.input('x', 'float32', [3]);
      const scale = isWeight ? b.initializer('scale', ones) : b.input('scale', 'float32', [3]);
      const y = b.LayerNormalization(b.Mul(input, input), scale);
      const loss = b.ReduceSum(b.Mul(y, b.Mul(y, y)), null, { keepdims: 0 });
      const [byX] = backward(b, loss, [input, scale]);
      const direction = b.constant(tensor('float32', [3], [1, -1, 3]));
      const projected = b.ReduceSum(b.Mul(byX as Value, direction), null, { keepdims: 0 });
      b.output(backward(b, projected, [scale])[0] as Value, 'mixed');
      const session = await runtime.load(model(b.build()));
      const results = await session.run(isWeight ? { x } : { x, scale: ones });
      return Array.from(results['mixed']?.data as Float32Array);
    };
    const [constant, fed] = [await mixed(true), await mixed(false)];
    constant.forEach((value, i) => {
      expect(value).toBeCloseTo(fed[i] ?? Number.NaN, 4);
    });
  });

  it('keeps a weight of 1 or 0, which may change, where it differentiates by it', async () => {
    const b = builder();
    const x = b.input('x', 'float32', [2]);
    const gain = b.initializer('gain', tensor('float32', [], [1]));
    const shift = b.initializer('shift', tensor('float32', [], [0]));
    const y = b.Add(b.Mul(x, b.Mul(gain, gain)), shift);
    b.output(b.ReduceSum(b.Mul(y, y), null, { keepdims: 0 }), 'loss');
    const weights = ['gain', 'shift'] as const;
    const once = differentiate(b.build(), { loss: 'loss', with: weights });
    expect([...once.graph.initializers.keys()]).toEqual(expect.arrayContaining([...weights]));
    const twice = differentiate(once.graph, { loss: once.gradients.gain, with: weights });
    const results = await (await runtime.load(twice.model)).run({
      x: tensor('float32', [2], [1, 3]),
    });
    // loss = sum (x g² + s)²: by g twice 12 g² sum x² + 4 s sum x, by g and s 4 g sum x.
    expect(results[twice.gradients.gain]?.data[0]).toBeCloseTo(120, 3);
    expect(results[twice.gradients.shift]?.data[0]).toBeCloseTo(16, 4);
  });
});

describe('an error of backward', () => {
  const attempt = (build: (b: Builder, x: Value) => Value, wrt?: (b: Builder) => Value) => () => {
    const b = builder();
    const x = b.input('x', 'float32', [2, 3]);
    return backward(b, build(b, x), [wrt?.(b) ?? x]);
  };

  it('names the node of an operator without a gradient', () => {
    const b = builder();
    const x = b.input('x', 'float32', [2]);
    const [made] = b.add(
      {
        name: 'the culprit',
        op: 'Hardmax',
        domain: 'com.example',
        inputs: ['x'],
        outputs: ['h'],
        attributes: {},
      },
      new Map([['h', { name: 'h', dtype: 'float32', shape: [2] }]]),
    );
    const loss = b.ReduceSum(made as Value, null, { keepdims: 0 });
    const run = (): unknown => backward(b, loss, [x]);
    expect(run).toThrow(GradientError);
    expect(run).toThrow(/Hardmax at node "the culprit"/);
    try {
      run();
    } catch (error) {
      expect((error as EspalierError).exitCode).toBe(4);
      expect((error as EspalierError).details.node).toBe('the culprit');
    }
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'a loss that is no scalar',
      attempt((b, x) => b.Exp(x)),
      /must be a scalar, got shape \[2, 3\]/,
    ],
    [
      'a value that does not matter',
      attempt(
        (b, x) => b.ReduceSum(x, null, { keepdims: 0 }),
        (b) => b.input('z', 'float32', [1]),
      ),
      /nothing asked for influences|does not influence/,
    ],
    [
      'a loss that is no float',
      attempt((b, x) => b.ArgMax(b.Reshape(x, [6]), { keepdims: 0 })),
      /is int64, not a float/,
    ],
  ])('tells of %s', (_, run, message) => {
    expect(run).toThrow(GradientError);
    expect(run).toThrow(message);
  });

  it('asks for symbolic dimensions to be bound', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 3]);
    b.output(b.ReduceSum(b.Mul(x, x), null, { keepdims: 0 }), 'loss');
    expect(() => differentiate(b.build(), { loss: 'loss', with: ['x'] })).toThrow(
      /\[batch, 3\]. Bind/,
    );
    expect(() =>
      differentiate(b.build(), { loss: 'loss', with: ['x'], dimensions: { batch: 2 } }),
    ).not.toThrow();
  });

  it('names a value that the graph does not have', () => {
    const b = builder();
    b.output(b.ReduceSum(b.input('x', 'float32', [2]), null, { keepdims: 0 }), 'loss');
    expect(() => differentiate(b.build(), { loss: 'lost', with: ['x'] })).toThrow(
      /no value "lost"/,
    );
  });
});

describe('checkGradient', () => {
  it('finds a wrong gradient and says both numbers', async () => {
    const b = builder();
    const x = b.input('x', 'float32', [2]);
    // Floor's derivative is taken as zero, but across the jump at 2 the differences see one.
    b.output(b.ReduceSum(b.Mul(b.Floor(x), x), null, { keepdims: 0 }), 'loss');
    const feeds = { x: tensor('float32', [2], [2, 0.5]) };
    const check = checkGradient(runtime, b.build(), { loss: 'loss', with: ['x'], feeds });
    await expect(check).rejects.toThrow(
      /by "x", along element 0: the graph gives .* central differences/,
    );
  });

  it('proves nothing of a weight that has no feed, and says so', async () => {
    const b = builder();
    const w = b.initializer('w', tensor('float32', [2], [1, 2]));
    b.output(b.ReduceSum(b.Mul(b.input('x', 'float32', [2]), w), null, { keepdims: 0 }), 'loss');
    const feeds = { x: tensor('float32', [2], [2, 0.5]) };
    const check = checkGradient(runtime, b.build(), { loss: 'loss', with: ['w'], feeds });
    await expect(check).rejects.toThrow(/no feed for "w"/);
  });
});
