/** The gradient of a classifier's loss by its images, as one more ONNX graph. */
import { backward } from '../../autodiff/backward.js';
import { internal } from '../../errors.js';
import { type Model, model } from '../../graph/graph.js';
import { crossEntropyRows } from '../../nn/losses.js';
import { load, opsetOf } from '../../ops/load.js';
import { optimize } from '../../ops/rewrite/optimize.js';
import type { Runtime, SessionOptions } from '../../runtime/runtime.js';
import { sizeOf } from '../../tensor/shape.js';
import { tensor, zeros } from '../../tensor/tensor.js';
import { type BoxGraph, imageDims, withForeign } from './box-graph.js';
import type { WhiteBox } from './model.js';

export interface GradientGraph {
  readonly model: Model;
  /** Name of the input with the class of each row: int64 (n). */
  readonly labels: string;
  /** Name of the output: float32 (n, channels, height, width). */
  readonly gradient: string;
}

/**
 * The gradient of each row's -log probability of its label by the images.
 * @param n images at a time, since gradients need static shapes
 * @throws GradientError where an operator of the model has none.
 */
export function gradientGraph(box: BoxGraph, n: number): GradientGraph {
  const { graph } = box.model;
  const [batch] = graph.inputs[0]?.shape ?? [];
  const dimensions = typeof batch === 'string' ? { [batch]: n } : {};
  const b = load({ ...graph, outputs: [] }, { dimensions, opset: opsetOf(box.model) });
  const labels = b.input(b.fresh('labels'), 'int64', [n]).name;
  // The loss is a mean over the rows, and each row has a gradient of its own.
  const loss = b.Mul(crossEntropyRows(b, b.value(box.scores), b.value(labels)), n);
  const [found] = backward(b, loss, [b.value(box.images)], { unreached: 'zeros' });
  const gradient = b.output(found ?? internal('no gradient'), b.fresh('gradient')).name;
  const made = optimize(b.build(graph.name), b.opset);
  return { model: withForeign(model(made, {}, b.opset), box.model), labels, gradient };
}

/**
 * `WhiteBox.inputGradient`; its graph is made when the first gradient is asked for.
 * @param n images at a time. One by one takes as long: 2.8 ms each against 2.8 in sixteens for ResNet-20 on 32 x 32, and
 * nothing is filled up.
 */
export function lazyGradient(
  runtime: Runtime,
  box: BoxGraph,
  settings: SessionOptions,
  n = 1,
): WhiteBox['inputGradient'] {
  const dims = imageDims(box);
  const size = sizeOf(dims);
  const prepare = async () => {
    const graph = gradientGraph(box, n);
    return { ...graph, session: await runtime.load(graph.model, settings) };
  };
  let prepared: ReturnType<typeof prepare> | undefined;
  return async (images, count, labels) => {
    prepared ??= prepare();
    const graph = await prepared;
    const gradients = new Float32Array(count * size);
    for (let from = 0; from < count; from += n) {
      const taken = Math.min(n, count - from);
      const given = zeros('float32', [n, ...dims]);
      given.data.set(images.subarray(from * size, (from + taken) * size));
      const classes = Array.from(
        { length: n },
        (_, i) => labels[Math.min(from + i, count - 1)] ?? 0,
      );
      const results = await graph.session.run({
        [box.images]: given,
        [graph.labels]: tensor('int64', [n], classes),
      });
      const found = results[graph.gradient]?.data as Float32Array;
      gradients.set(found.subarray(0, taken * size), from * size);
    }
    return gradients;
  };
}
