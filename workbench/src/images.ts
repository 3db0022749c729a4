/** Images without a download: dark noise, on which each class has a bright patch at a place of its own. */
import { type Feeds, fillUniform, streamKey, type Tensor, tensor, zeros } from 'espalier';

const side = 28;
const classes = 10;
const patch = 7;
const columns = side / patch;

export interface LabelledImages extends Feeds {
  /** float32 (count, 1, 28, 28), in [0, 1]. */
  readonly images: Tensor<'float32'>;
  /** int64 (count), from 0 to 9. */
  readonly labels: Tensor<'int64'>;
}

/** The batch of a step: a function of the seed and the step alone. */
export function labelledImages(count: number, seed: number, step: number): LabelledImages {
  const images = zeros('float32', [count, 1, side, side]);
  fillUniform(images.data, streamKey(seed, step, 'pixels'));
  images.data.forEach((value, pixel) => {
    images.data[pixel] = value / 4;
  });
  const draws = new Float32Array(count);
  fillUniform(draws, streamKey(seed, step, 'labels'));
  const labels = Array.from(draws, (draw) => Math.floor(classes * draw));
  labels.forEach((label, image) => {
    const [top, left] = [patch * Math.floor(label / columns), patch * (label % columns)];
    for (let row = top; row < top + patch; row++)
      for (let column = left; column < left + patch; column++) {
        const pixel = (image * side + row) * side + column;
        images.data[pixel] = 0.75 + (images.data[pixel] ?? 0);
      }
  });
  return { images, labels: tensor('int64', [count], labels) };
}
