/** Where in an image changes have helped so far: a kernel average of measured gains, and how little is known elsewhere. */
import { fillNormal, type Key } from '../../tensor/random.js';
import type { ImageShape } from './model.js';

export interface GainMapOptions {
  /** Deviation of the kernel, in pixels. */
  readonly reach: number;
  /** Weight of a gain of 0 that is taken to be known everywhere, in measurements at the very pixel. */
  readonly prior: number;
  /** How much of what is not known is hoped for, in deviations. */
  readonly curiosity: number;
}

/** Kernel values beyond so many deviations are left out. */
const cut = 3;

export class GainMap {
  readonly #shape: ImageShape;
  readonly #options: GainMapOptions;
  readonly #radius: number;
  readonly #kernel: Float64Array;
  readonly #gains: Float64Array;
  readonly #weights: Float64Array;
  #squares = 0;
  #count = 0;

  constructor(shape: ImageShape, options: GainMapOptions) {
    const area = shape.height * shape.width;
    this.#shape = shape;
    this.#options = options;
    this.#radius = Math.ceil(cut * options.reach);
    this.#kernel = Float64Array.from({ length: this.#radius + 1 }, (_, i) =>
      Math.exp(-(i ** 2) / (2 * options.reach ** 2)),
    );
    this.#gains = new Float64Array(area);
    this.#weights = new Float64Array(area);
  }

  /** A change of `pixel` brought the criterion nearer by `gain` nats. */
  learn(pixel: number, gain: number): void {
    const { height, width } = this.#shape;
    const radius = this.#radius;
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    const [bottom, right] = [
      Math.min(height - 1, row + radius),
      Math.min(width - 1, column + radius),
    ];
    for (let y = Math.max(0, row - radius); y <= bottom; y++)
      for (let x = Math.max(0, column - radius); x <= right; x++) {
        const weight =
          (this.#kernel[Math.abs(y - row)] ?? 0) * (this.#kernel[Math.abs(x - column)] ?? 0);
        const at = y * width + x;
        this.#gains[at] = (this.#gains[at] as number) + weight * gain;
        this.#weights[at] = (this.#weights[at] as number) + weight;
      }
    this.#squares += gain ** 2;
    this.#count++;
  }

  /**
   * The `count` of `pixels` with the largest draws of what their gain may be (Thompson 1933): normal about the average,
   * the narrower the more is known there.
   * @param key of the draws
   */
  choose(pixels: readonly number[], count: number, key: Key): number[] {
    const { prior, curiosity } = this.#options;
    const deviation = Math.sqrt(this.#squares / Math.max(1, this.#count)) || 1;
    const noise = new Float32Array(pixels.length);
    fillNormal(noise, key, curiosity * deviation);
    // The best so far in their order; nearly all pixels fall behind the last of them, so that none need be sorted.
    const chosen: { pixel: number; hope: number }[] = [];
    pixels.forEach((pixel, i) => {
      const weight = this.#weights[pixel] as number;
      const average = (this.#gains[pixel] as number) / (weight + prior);
      const hope = average + (noise[i] as number) / Math.sqrt(1 + weight / prior);
      if (chosen.length === count && !(hope > (chosen[count - 1]?.hope ?? 0))) return;
      let at = chosen.length;
      while (at > 0 && hope > (chosen[at - 1]?.hope ?? 0)) at--;
      chosen.splice(at, 0, { pixel, hope });
      if (chosen.length > count) chosen.pop();
    });
    return chosen.map(({ pixel }) => pixel);
  }
}
