/** What the decoder makes of noisy images: the network's idea of what was there. */
import { model } from '../../graph/graph.js';
import { builder } from '../../ops/builder.js';
import type { Runtime } from '../../runtime/runtime.js';
import { tensor } from '../../tensor/tensor.js';
import { noiseFeeds } from '../../train/noise.js';
import type { Images } from './batches.js';
import { type Parameters, pixelsOf } from './classifier.js';
import type { LadderConfig } from './config.js';
import { decode } from './decoder.js';
import { encode } from './encoder.js';

export interface Reconstruction {
  /** Rows of pixels, (n, pixels): in [0, 1] but for the noise. */
  readonly noisy: Float32Array;
  /** z^ of layer 0, (n, pixels). */
  readonly reconstructed: Float32Array;
}

/**
 * Runs the first `batchSize` images, or all if fewer, with the training noise of the config's seed. Needs a decoder:
 * null where the mode has none down to the input.
 */
export async function reconstruct(
  runtime: Runtime,
  config: LadderConfig,
  parameters: Parameters,
  set: Images,
): Promise<Reconstruction | null> {
  if (!(config.lambdas[0] ?? 0)) return null;
  const n = Math.min(config.batchSize, set.count);
  const pixels = config.widths[0] ?? 1;
  const b = builder();
  const rows = b.input('images', 'float32', [n, pixels]);
  const x = b.Reshape(b.Transpose(rows, { perm: [1, 0] }), [pixels, 1, n]);
  const encoded = encode(b, config, x, ['unlabelled'], 0);
  const probabilities = b.Softmax(b.Squeeze(encoded.logits, [1]), { axis: 0 });
  const estimate = decode(b, config, encoded, probabilities, 0).get(0);
  const noisy = encoded.layers[0]?.noisy;
  if (!estimate || !noisy) return null;
  b.output(b.Transpose(noisy, { perm: [1, 0] }), 'noisy');
  b.output(b.Transpose(estimate, { perm: [1, 0] }), 'reconstructed');
  const session = await runtime.load(model(b.build('reconstruction', 'inputs')));
  const known = [...parameters].filter(([name]) => session.inputs.includes(name));
  const results = await session.run({
    ...Object.fromEntries(known),
    ...noiseFeeds(b.stochastic, config.seed, 0),
    images: tensor('float32', [n, pixels], pixelsOf(set, 0, n, pixels)),
  });
  return {
    noisy: results['noisy']?.data as Float32Array,
    reconstructed: results['reconstructed']?.data as Float32Array,
  };
}
