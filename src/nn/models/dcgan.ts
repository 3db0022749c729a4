/** DCGAN (Radford et al. 2016) as the code of Lee et al. 2018 has it, for any size that halves down to 4 to 7 pixels. */
import { UsageError } from '../../errors.js';
import { type Model, model, type Value } from '../../graph/graph.js';
import { type Builder, builder } from '../../ops/builder.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { filled, normal } from '../init.js';

export interface DcganOptions {
  /** Channels, height and width of the images; height and width are the same. */
  readonly image: readonly [channels: number, height: number, width: number];
  /** Numbers that an image is made of; 100 in the official code. */
  readonly latents: number;
  /** Multiplies all numbers of channels; 1 gives 512, 256 and 128 at 32 pixels. */
  readonly width: number;
  readonly seed: number;
}

/** Standard deviation of the first weights, and of the first scales about 1 (Radford et al. 2016, section 3). */
const std = 0.02;
/** Channels beside the image, at width 1. */
const fewest = 128;
/** Side of the smallest maps; the layer to or from them has a kernel as large. */
const largestBase = 7;
/** Slope of the discriminator's rectifiers below 0. */
const slope = 0.2;

/** The maps from the smallest to the image: their side, and how often it doubles. */
function stagesOf({ image: [, height, width] }: DcganOptions): { base: number; doublings: number } {
  let [base, doublings] = [height, 0];
  while (base > largestBase && base % 2 === 0) [base, doublings] = [base / 2, doublings + 1];
  if (height !== width || base < 4 || base > largestBase || doublings === 0)
    throw new UsageError(
      `DCGAN: images must be square and 4 to 7 pixels times a power of 2 (28, 32, 64 …), got ${height} x ${width}. Choose another size.`,
      { expected: '4 to 7 pixels times a power of 2', actual: [height, width] },
    );
  return { base, doublings };
}

/** Numbers of channels from the image inwards. */
const channelsOf = (doublings: number, width: number): number[] =>
  Array.from({ length: doublings }, (_, i) => Math.max(1, Math.round(fewest * 2 ** i * width)));

const halving = { kernel_shape: [4, 4], strides: [2, 2], pads: [1, 1, 1, 1] };

/** Adds parameters by name to one network. */
function layersOf(b: Builder, seed: number) {
  const weight = (name: string, dims: readonly number[]): Value =>
    b.parameter(name, normal(seed, name, dims, std));
  return {
    weight,
    normalize(x: Value, name: string): Value {
      const channels = x.shape[1] as number;
      const scale = shifted(normal(seed, `${name}.weight`, [channels], std));
      return b.BatchNormalization(
        x,
        b.parameter(`${name}.weight`, scale),
        b.parameter(`${name}.bias`, filled([channels], 0)),
        b.initializer(`${name}.running_mean`, filled([channels], 0)),
        b.initializer(`${name}.running_var`, filled([channels], 1)),
      );
    },
  };
}

const shifted = ({ dims, data }: Tensor): Tensor =>
  tensor(
    'float32',
    dims,
    Float32Array.from(data as Float32Array, (value) => 1 + value),
  );

/**
 * Makes images of noise: input `latents`, float32 (batch, latents), standard normal; output `images`, float32 (batch,
 * channels, height, width) in (0, 1). The first layer's transposed convolution of a single pixel is written as the
 * product that it is. Names are those of PyTorch's `nn.Sequential` in the official code: `main.0.weight`, `main.1.bias`.
 * @throws UsageError for images of another size than DCGAN makes.
 */
export function dcganGenerator(options: DcganOptions): Model {
  const { base, doublings } = stagesOf(options);
  const [first = 1, ...rest] = channelsOf(doublings, options.width).reverse();
  const b = builder();
  const { weight, normalize } = layersOf(b, options.seed);
  const z = b.input('latents', 'float32', ['batch', options.latents]);
  const W = b.Reshape(weight('main.0.weight', [options.latents, first, base, base]), [
    options.latents,
    first * base * base,
  ]);
  let x = b.Reshape(b.MatMul(z, W), [-1, first, base, base]);
  [...rest, options.image[0]].forEach((channels, i) => {
    x = b.Relu(normalize(x, `main.${3 * i + 1}`));
    const dims = [x.shape[1] as number, channels, 4, 4];
    x = b.ConvTranspose(x, weight(`main.${3 * i + 3}.weight`, dims), null, halving);
  });
  b.output(b.Sigmoid(x), 'images');
  return model(b.build('generator'), {}, b.opset);
}

/**
 * Tells images of data from made ones: input `images`, float32 (batch, channels, height, width) in [0, 1]; output
 * `logits`, float32 (batch, 1), above 0 for data. Batch normalisation everywhere but in the first and the last layer.
 * @throws UsageError for images of another size than DCGAN has.
 */
export function dcganDiscriminator(options: DcganOptions): Model {
  const { base, doublings } = stagesOf(options);
  const b = builder();
  const { weight, normalize } = layersOf(b, options.seed);
  let x = b.input('images', 'float32', ['batch', ...options.image]);
  channelsOf(doublings, options.width).forEach((channels, i) => {
    const name = i === 0 ? 'main.0' : `main.${3 * i - 1}`;
    const dims = [channels, x.shape[1] as number, 4, 4];
    const z = b.Conv(x, weight(`${name}.weight`, dims), null, halving);
    x = b.LeakyRelu(i === 0 ? z : normalize(z, `main.${3 * i}`), { alpha: slope });
  });
  const size = (x.shape[1] as number) * base * base;
  const last = weight(`main.${3 * doublings - 1}.weight`, [1, x.shape[1] as number, base, base]);
  b.output(b.MatMul(b.Reshape(x, [-1, size]), b.Reshape(last, [size, 1])), 'logits');
  return model(b.build('discriminator'), {}, b.opset);
}
