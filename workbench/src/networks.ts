/** The networks that the page can train. The same functions make the step in Node, so that losses can be compared. */
import {
  adam,
  type Builder,
  builder,
  compileStep,
  crossEntropyColumns,
  type Feeds,
  filled,
  ladderBatches,
  ladderConfig,
  ladderStep,
  normal,
  sgd,
  type TrainingStep,
  type Value,
} from 'espalier';
import { labelledImages } from './images.js';
import type { NetworkName } from './titles.js';

const seed = 1;
const pixels = 28 * 28;

export interface Network {
  readonly step: TrainingStep;
  readonly batch: (step: number) => Feeds;
  readonly learningRate: number;
  readonly stepsPerEpoch: number;
}

/** A fully connected layer with He's initial weights: (n, inputs) to (n, units). */
function dense(b: Builder, x: Value, name: string, units: number): Value {
  const inputs = x.shape[1] as number;
  const W = b.parameter(
    `${name}.W`,
    normal(seed, `${name}.W`, [units, inputs], (2 / inputs) ** 0.5),
  );
  return b.Gemm(x, W, b.parameter(`${name}.b`, filled([units], 0)), { transB: 1 });
}

/** A 3x3 convolution and a rectifier, of the same height and width. */
function conv(b: Builder, x: Value, name: string, channels: number): Value {
  const inputs = x.shape[1] as number;
  const std = (2 / (9 * inputs)) ** 0.5;
  const W = b.parameter(`${name}.W`, normal(seed, `${name}.W`, [channels, inputs, 3, 3], std));
  const bias = b.parameter(`${name}.b`, filled([channels], 0));
  return b.Relu(b.Conv(x, W, bias, { pads: [1, 1, 1, 1] }));
}

const halved = (b: Builder, x: Value): Value =>
  b.MaxPool(x, { kernel_shape: [2, 2], strides: [2, 2] });

/** Logits (n, 10) to the mean cross-entropy. */
const crossEntropy = (b: Builder, logits: Value, labels: Value): Value =>
  crossEntropyColumns(b, b.Transpose(logits, { perm: [1, 0] }), labels);

/** 784-128-64-10, rectifiers, Adam. */
export function mlp(batchSize = 64): Network {
  const b = builder();
  const images = b.input('images', 'float32', [batchSize, 1, 28, 28]);
  const labels = b.input('labels', 'int64', [batchSize]);
  const first = b.Relu(dense(b, b.Flatten(images), 'hidden.0', 128));
  const logits = dense(b, b.Relu(dense(b, first, 'hidden.1', 64)), 'top', 10);
  return {
    step: compileStep(b, { loss: crossEntropy(b, logits, labels), optimizer: adam() }),
    batch: (step) => labelledImages(batchSize, seed, step),
    learningRate: 0.001,
    stepsPerEpoch: 100,
  };
}

/** 32-32-pool-64-64-pool-128 in 3x3 convolutions, then fully connected; SGD. */
export function convNet(batchSize = 16): Network {
  const b = builder();
  const images = b.input('images', 'float32', [batchSize, 1, 28, 28]);
  const labels = b.input('labels', 'int64', [batchSize]);
  let h = conv(b, conv(b, images, 'conv.0', 32), 'conv.1', 32);
  h = conv(b, conv(b, halved(b, h), 'conv.2', 64), 'conv.3', 64);
  h = conv(b, halved(b, h), 'conv.4', 128);
  const logits = dense(b, b.Flatten(h), 'top', 10);
  return {
    step: compileStep(b, { loss: crossEntropy(b, logits, labels), optimizer: sgd() }),
    batch: (step) => labelledImages(batchSize, seed, step),
    learningRate: 0.01,
    stepsPerEpoch: 100,
  };
}

/** A ladder network, 784-100-50-10, with 100 labelled images among 1000. */
export function ladder(): Network {
  const config = {
    ...ladderConfig('100', 'full', pixels, 10),
    widths: [pixels, 100, 50, 10],
    lambdas: [1000, 10, 0.1, 0.1],
    batchSize: 50,
    seed,
  };
  const bytes = (count: number, set: number) => {
    const { images, labels } = labelledImages(count, seed, set);
    return {
      count,
      images: Uint8Array.from(images.data, (value) => 255 * value),
      labels: Int32Array.from(labels.data, Number),
    };
  };
  const { batch, stepsPerEpoch } = ladderBatches(config, bytes(100, 0), {
    ...bytes(1000, 1),
    labels: null,
  });
  return { step: ladderStep(config), batch, learningRate: config.learningRate, stepsPerEpoch };
}

export const networks: Readonly<Record<NetworkName, () => Network>> = {
  mlp: () => mlp(),
  ladder,
  conv: () => convNet(),
};
