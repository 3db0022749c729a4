/**
 * The VGG-like step in TensorFlow.js, on WebGL or on its JavaScript backend: its WebAssembly has no gradient of a
 * convolution. Channels stand last, as its kernels have them; the weights are laid out so once, before the clock starts.
 */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgl';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { expose } from '../browser/subject.ts';

/** Our weights as theirs: OIHW becomes HWIO, and the top layer reads height, width, channels. */
function variables(parameters) {
  const made = {};
  for (const [name, { dims, data }] of parameters) {
    const tensor = tf.tensor(data, dims);
    if (name === 'top.W') {
      const [units, inputs] = dims;
      const side = Math.sqrt(inputs / 128);
      const apart = tf.reshape(tensor, [units, 128, side, side]);
      made[name] = tf.variable(tf.reshape(tf.transpose(apart, [2, 3, 1, 0]), [inputs, units]));
    } else if (dims.length === 4) made[name] = tf.variable(tf.transpose(tensor, [2, 3, 1, 0]));
    else made[name] = tf.variable(tensor);
  }
  return made;
}

function logits(w, images) {
  const conv = (x, name) =>
    tf.relu(tf.add(tf.conv2d(x, w[`${name}.W`], 1, 'same'), w[`${name}.b`]));
  const pool = (x) => tf.maxPool(x, 2, 2, 'valid');
  let h = pool(conv(conv(images, 'conv.0'), 'conv.1'));
  h = pool(conv(conv(h, 'conv.2'), 'conv.3'));
  h = conv(h, 'conv.4');
  return tf.add(tf.matMul(tf.reshape(h, [h.shape[0], -1]), w['top.W']), w['top.b']);
}

expose(async ({ parameters, batches, learningRate }, { steps, backend }, onStep) => {
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs has no backend ${backend} here`);
  await tf.ready();
  const w = tf.tidy(() => variables(parameters));
  const optimizer = tf.train.sgd(learningRate);
  const inputs = batches.map(({ images, labels }) => ({
    // One channel: its place makes no difference to the order of the numbers.
    images: tf.tensor4d(images.data, [images.dims[0], 28, 28, 1]),
    labels: tf.oneHot(tf.tensor1d(Array.from(labels.data, Number), 'int32'), 10),
  }));
  for (let k = 0; k < steps; k++) {
    const { images, labels } = inputs[k % inputs.length];
    const loss = optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(labels, logits(w, images)),
      true,
    );
    onStep((await loss.data())[0]);
    loss.dispose();
  }
  tf.disposeVariables();
  for (const { images, labels } of inputs) tf.dispose([images, labels]);
});
