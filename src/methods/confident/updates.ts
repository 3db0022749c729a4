/** The updates of Algorithm 1 (Lee et al. 2018), each one graph; a round is one after the other. */
import { internal } from '../../errors.js';
import type { Value } from '../../graph/graph.js';
import { crossEntropyRows, errorOfRows } from '../../nn/losses.js';
import { adam } from '../../nn/optimizer.js';
import { type Builder, builder } from '../../ops/builder.js';
import { scalar, tensor } from '../../tensor/tensor.js';
import { sequence, type UpdateOfRound } from '../../train/sequence.js';
import { compileStep, type TrainingStep } from '../../train/step.js';
import { labelsName } from '../classifier/step.js';
import type { ConfidentConfig } from './config.js';
import { discriminatorLoss, generatorLoss, pullAway, uniformDivergence } from './losses.js';
import { apply } from './part.js';
import { type ConfidentParts, type Gan, toInput, toPixels } from './parts.js';

/** Inputs of the round beside the network's own and `labelsName`. */
export const names = {
  /** Images from outside, as the classifier takes them: of the method `confidence`. */
  outside: 'espalier.outside',
  /** The weight of the divergence, rank 0: it may rise from step to step. */
  beta: 'espalier.beta',
  /** Latents of the first two updates, which share them as in the official code. */
  latents: 'latents',
  /** Those of the third. */
  freshLatents: 'latents.fresh',
  /** How often the run has gone back after a collapse: carried on so that checkpoints hold it. */
  restarts: 'espalier.restarts',
} as const;

const ganOf = ({ gan }: ConfidentParts): Gan => gan ?? internal('the method has no GAN');

const latentsOf = (b: Builder, name: string, { batchSize, latents }: ConfidentConfig): Value =>
  b.random(name, [batchSize, latents], 'normal');

const imagesOf = (b: Builder, { classifier, image }: ConfidentParts, n: number): Value =>
  b.input(classifier.input, 'float32', [n, ...image]);

const betaOf = (b: Builder): Value => b.input(names.beta, 'float32', []);

/** First: the discriminator descends -log D(x) - log(1 - D(G(z))). */
export function discriminatorUpdate(parts: ConfidentParts, config: ConfidentConfig): TrainingStep {
  const { generator, discriminator } = ganOf(parts);
  const b = builder();
  const images = toPixels(b, imagesOf(b, parts, config.batchSize), parts.scale);
  const z = latentsOf(b, names.latents, config);
  const made = apply(b, generator, z, { pass: 'made', learns: false }).value;
  const judge = (x: Value, pass: string): Value =>
    apply(b, discriminator, x, { pass, learns: true }).value;
  const loss = discriminatorLoss(b, judge(images, 'onData'), judge(made, 'onMade'));
  return compileStep(b, { loss, optimizer: adam({ beta1: config.ganBeta1 }) });
}

/** Second: the generator is to be taken for data and, in the joint method, what the classifier is unsure of. */
export function generatorUpdate(parts: ConfidentParts, config: ConfidentConfig): TrainingStep {
  const { generator, discriminator } = ganOf(parts);
  const { classifier, scale } = parts;
  const b = builder();
  const z = latentsOf(b, names.latents, config);
  const { value: made, state } = apply(b, generator, z, {
    ...{ pass: 'made', learns: true, carries: true },
  });
  const logits = apply(b, discriminator, made, { pass: 'judged', learns: false }).value;
  const terms = [generatorLoss(b, logits, config.generatorLoss)];
  if (config.pullAway > 0) terms.push(b.Mul(pullAway(b, made), config.pullAway));
  const report: Record<string, Value> = {};
  if (config.method === 'joint') {
    const x = toInput(b, made, scale);
    const seen = apply(b, classifier, x, { pass: 'classified', learns: false }).value;
    const rows = b.Reshape(seen, [config.batchSize, parts.classes]);
    report['generatorDivergence'] = uniformDivergence(b, rows);
    terms.push(b.Mul(report['generatorDivergence'], betaOf(b)));
  }
  const loss = terms.reduce((sum, term) => b.Add(sum, term));
  return compileStep(b, { loss, report, state, optimizer: adam({ beta1: config.ganBeta1 }) });
}

/** Third: cross-entropy on the data, and divergence from uniform on what lies outside, made of fresh latents. */
export function classifierUpdate(parts: ConfidentParts, config: ConfidentConfig): TrainingStep {
  const { classifier, classes, image, scale } = parts;
  const { method, batchSize: n, clip } = config;
  const b = builder();
  const images = imagesOf(b, parts, n);
  const labels = b.input(labelsName, 'int64', [n]);
  const outside = (): Value => {
    if (method === 'confidence') return b.input(names.outside, 'float32', [n, ...image]);
    const z = latentsOf(b, names.freshLatents, config);
    const { value } = apply(b, ganOf(parts).generator, z, { pass: 'fresh', learns: false });
    return toInput(b, value, scale);
  };
  const isAlone = method === 'ce';
  const x = isAlone ? images : b.Concat(images, outside(), { axis: 0 });
  const seen = apply(b, classifier, x, { pass: 'seen', learns: true, carries: true });
  const all = b.Reshape(seen.value, [isAlone ? n : 2 * n, classes]);
  const [logits = all, onOutside] = isAlone
    ? [all]
    : b.node('Split', [all, [n, n]], { axis: 0 }, { count: 2 });
  const crossEntropy = crossEntropyRows(b, logits, labels);
  const report: Record<string, Value> = { error: errorOfRows(b, logits, labels) };
  let loss = crossEntropy;
  if (onOutside) {
    const divergence = uniformDivergence(b, onOutside);
    loss = b.Add(crossEntropy, b.Mul(divergence, betaOf(b)));
    Object.assign(report, { crossEntropy, divergence });
  }
  const restarts = b.input(names.restarts, 'float32', []);
  const state = [
    ...seen.state,
    { value: restarts, initial: scalar('float32', 0), next: b.Identity(restarts) },
  ];
  return compileStep(b, { loss, report, state, optimizer: adam(), ...(clip && { clip }) });
}

/** The updates of a method in their order. */
export function confidentUpdates(
  parts: ConfidentParts,
  config: ConfidentConfig,
): readonly UpdateOfRound[] {
  const { ganRate } = config;
  const gan = parts.gan
    ? [
        {
          ...{ name: 'discriminator', loss: 'discriminator', rate: ganRate },
          step: discriminatorUpdate(parts, config),
        },
        {
          ...{ name: 'generator', loss: 'generator', rate: ganRate },
          step: generatorUpdate(parts, config),
        },
      ]
    : [];
  const step = classifierUpdate(parts, config);
  return [...gan, { name: 'classifier', loss: 'loss', rate: 1, step }];
}

/**
 * One round as one graph. Its losses are `loss` (the classifier's), `error`, `crossEntropy`, `divergence`, and of a GAN
 * `discriminator`, `generator` and, in the joint method, `generatorDivergence`.
 */
export function confidentRound(parts: ConfidentParts, config: ConfidentConfig): TrainingStep {
  const round = sequence(confidentUpdates(parts, config));
  // The classifier's loss is the first that is told.
  return { ...round, losses: [...round.losses].sort((a, b) => rank(a) - rank(b)) };
}

const rank = (loss: string): number =>
  ['loss', 'error', 'crossEntropy', 'divergence'].indexOf(loss) + 1 || 9;

/** The weight of the divergence at a step (from 0 on) as the round takes it. */
export function betaAt(config: ConfidentConfig, step: number, stepsPerEpoch: number) {
  const rising = config.warmUp * stepsPerEpoch;
  return tensor('float32', [], [config.beta * (rising > 0 ? Math.min(1, step / rising) : 1)]);
}
