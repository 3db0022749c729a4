/** The networks of a confident classifier's training: the classifier, and the GAN in images of 0 to 1. */
import { UsageError } from '../../errors.js';
import type { Graph, Model, Value } from '../../graph/graph.js';
import { dcganDiscriminator, dcganGenerator } from '../../nn/models/dcgan.js';
import type { Builder } from '../../ops/builder.js';
import { tensor } from '../../tensor/tensor.js';
import type { Network } from '../classifier/network.js';
import { chooseParameters } from '../classifier/parameters.js';
import { type ConfidentConfig, hasGan } from './config.js';
import type { Part } from './part.js';

/** From pixels of 0 to 1 to what the classifier takes: `pixel * factor + shift`, one of each for every channel. */
export interface PixelScale {
  readonly factor: readonly number[];
  readonly shift: readonly number[];
}

export interface Gan {
  readonly generator: Part;
  readonly discriminator: Part;
}

export interface ConfidentParts {
  readonly classifier: Part;
  readonly classes: number;
  /** Of an image without its batch: channels, height, width; any shape where the networks are one's own. */
  readonly image: readonly number[];
  readonly scale: PixelScale;
  readonly gan: Gan | null;
}

/**
 * The networks that a config asks for.
 * @param image channels, height and width of the classifier's input
 * @throws UsageError for a size that DCGAN does not make, or patterns that fit no weight.
 */
export function confidentParts(
  network: Network,
  config: ConfidentConfig,
  image: readonly [number, number, number],
  scale: PixelScale,
): ConfidentParts {
  if (network.input.shape.length !== 4 || image.length !== 3)
    throw new UsageError(
      `the classifier takes ${network.input.shape.length} axes; a confident classifier's images go in as [batch, channels, height, width] (--layout NCHW)`,
      { actual: network.input.shape },
    );
  const classifier: Part = {
    name: 'classifier',
    graph: network.graph,
    input: network.input.name,
    output: network.head.logits,
    batch: network.batch,
    sizes: network.sizes,
    trained: chooseParameters(network, config.train),
    batchNormalization: config.batchNorm,
  };
  const gan = hasGan(config.method) ? dcgan(config, image) : null;
  return { classifier, classes: network.classes, image, scale, gan };
}

function dcgan(config: ConfidentConfig, image: readonly [number, number, number]): Gan {
  const { latents, ganWidth: width, seed } = config;
  const options = { image, latents, width };
  return {
    generator: partOf('generator', dcganGenerator({ ...options, seed })),
    discriminator: partOf('discriminator', dcganDiscriminator({ ...options, seed })),
  };
}

/** A network of our own with everything trained but running statistics, and those live. */
export function partOf(name: string, { graph }: Model): Part {
  const first = (values: Graph['inputs']): string => values[0]?.name ?? '';
  const weights = [...graph.initializers.keys()].filter((each) => /\.(weight|bias)$/.test(each));
  return {
    ...{ name, graph, input: first(graph.inputs), output: first(graph.outputs), batch: 'batch' },
    trained: new Set(weights),
    batchNormalization: 'live',
  };
}

/** Images of 0 to 1 as the classifier takes them. */
export function toInput(b: Builder, pixels: Value, { factor, shift }: PixelScale): Value {
  if (isIdentity({ factor, shift })) return pixels;
  return b.Add(b.Mul(pixels, channels(b, factor)), channels(b, shift));
}

/** The classifier's input as images of 0 to 1. */
export function toPixels(b: Builder, x: Value, { factor, shift }: PixelScale): Value {
  if (isIdentity({ factor, shift })) return x;
  return b.Div(b.Sub(x, channels(b, shift)), channels(b, factor));
}

const isIdentity = ({ factor, shift }: PixelScale): boolean =>
  factor.every((each) => Math.abs(each - 1) < 1e-9) && shift.every((each) => each === 0);

const channels = (b: Builder, values: readonly number[]): Value =>
  b.constant(tensor('float32', [1, values.length, 1, 1], values));
