/** From bytes of images to the numbers that a model takes. */
import type { Preprocessing } from '../onnx/metadata.js';
import type { ImageTarget } from './decode-image.js';

/** The size and colours that images are brought to for a model. */
export function targetOf({ height, width, colour }: Preprocessing): ImageTarget {
  return { height, width, channels: colour === 'grey' ? 1 : 3 };
}

/** Shape of the input for `count` images. */
export function inputDims(
  count: number,
  { layout, channels, height, width }: Preprocessing,
): readonly number[] {
  if (layout === 'NCHW') return [count, channels, height, width];
  return layout === 'NHWC' ? [count, height, width, channels] : [count, channels * height * width];
}

/**
 * `(pixel * scale - mean) / std` of every channel, in the model's layout and order of colours.
 * @param images (count, channels, height, width), 0 to 255, colours in the order red, green, blue
 * @param out as many numbers, written over
 */
export function fillInput(
  images: Uint8Array,
  count: number,
  { channels, height, width, layout, colour, scale, mean, std }: Preprocessing,
  out: Float32Array,
): void {
  const area = height * width;
  const interleaved = layout === 'NHWC';
  const step = interleaved ? channels : 1;
  for (let channel = 0; channel < channels; channel++) {
    const source = colour === 'bgr' ? channels - 1 - channel : channel;
    const factor = scale / (std[channel] ?? 1);
    const shift = (mean[channel] ?? 0) / (std[channel] ?? 1);
    for (let n = 0; n < count; n++) {
      const from = (n * channels + source) * area;
      const to = interleaved ? n * area * channels + channel : (n * channels + channel) * area;
      for (let i = 0; i < area; i++) out[to + i * step] = (images[from + i] ?? 0) * factor - shift;
    }
  }
}
