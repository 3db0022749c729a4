/** The VGG-like step in jax-js on WebAssembly: loss, gradient and update as one compiled function. */
import {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  lax,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
} from '@jax-js/jax';
import { expose } from '../browser/subject.ts';

function lossOf(w, images, labels) {
  const conv = (x, name) =>
    nn.relu(lax.conv(x, w[`${name}.W`], [1, 1], 'SAME').add(w[`${name}.b`].reshape([1, -1, 1, 1])));
  // Windows that do not overlap, as axes of their own.
  const pool = (x) => {
    const [n, channels, height, width] = x.shape;
    return np.max(x.reshape([n, channels, height / 2, 2, width / 2, 2]), [3, 5]);
  };
  let h = pool(conv(conv(images, 'conv.0'), 'conv.1'));
  h = pool(conv(conv(h, 'conv.2'), 'conv.3'));
  h = conv(h, 'conv.4');
  const n = h.shape[0];
  const logits = np.matmul(h.reshape([n, -1]), w['top.W'].transpose()).add(w['top.b']);
  return nn
    .logSoftmax(logits, 1)
    .mul(labels)
    .sum()
    .mul(-1 / n);
}

expose(async ({ parameters, batches, learningRate }, { steps }, onStep) => {
  await init('wasm');
  defaultDevice('wasm');
  const step = jit((w, images, labels) => {
    const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(w), images, labels);
    return [tree.map((x, dx) => x.sub(dx.mul(learningRate)), w, gradients), loss];
  });
  let w = {};
  for (const [name, { dims, data }] of parameters)
    w[name] = np.array(data.slice()).reshape([...dims]);
  const inputs = batches.map(({ images, labels }) => {
    const hot = new Float32Array(labels.data.length * 10);
    labels.data.forEach((label, i) => {
      hot[10 * i + Number(label)] = 1;
    });
    return {
      images: np.array(images.data.slice()).reshape([...images.dims]),
      labels: np.array(hot).reshape([labels.data.length, 10]),
    };
  });
  for (let k = 0; k < steps; k++) {
    const { images, labels } = inputs[k % inputs.length];
    const [next, loss] = step(w, images.ref, labels.ref);
    // What nobody has asked for yet is not computed: without this, a step's update would be part of the next.
    w = await blockUntilReady(next);
    onStep((await loss.data())[0]);
  }
  tree.dispose(w);
  for (const { images, labels } of inputs) {
    images.dispose();
    labels.dispose();
  }
});
