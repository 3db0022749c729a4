/** The mean and the deviation of the channels of images, by which a network that learns from nothing is fed. */
import type { ImageTarget } from './decode-image.js';
import { pixelsOf } from './image-batches.js';
import type { ImageSource } from './image-source.js';

/** Images that are looked at: ours, for the third decimal. */
const most = 1000;

/** Mean and standard deviation of each channel over a source, evenly sampled, of pixels from 0 to 1. */
export async function pixelStatistics(
  source: ImageSource,
  target: ImageTarget,
): Promise<{ readonly mean: readonly number[]; readonly std: readonly number[] }> {
  const { channels, height, width } = target;
  const area = height * width;
  const looked = Math.min(most, source.count);
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (let i = 0; i < looked; i++) {
    const pixels = await pixelsOf(source, target, Math.floor((i * source.count) / looked), 1);
    pixels.forEach((value, at) => {
      const channel = Math.floor(at / area);
      sums[channel] = (sums[channel] ?? 0) + value / 255;
      squares[channel] = (squares[channel] ?? 0) + (value / 255) ** 2;
    });
  }
  const count = looked * area;
  const mean = Array.from(sums, (sum) => sum / count);
  // A channel that is the same everywhere tells nothing, and must not be divided by 0.
  const std = mean.map((m, channel) => Math.sqrt((squares[channel] ?? 0) / count - m * m) || 1);
  return { mean, std };
}
