/** Heat maps: how much was changed where, over a picture or by itself. */
import type { Pixels } from './overlay.js';

type Rgb = readonly [number, number, number];

/** From little to much, even steps of lightness: dark red, orange, yellow, nearly white. */
const ramp: readonly Rgb[] = [
  [122, 16, 28],
  [204, 52, 20],
  [240, 128, 24],
  [252, 204, 64],
  [255, 250, 208],
];

/** The colour of a heat in 0..1. */
export function heatColour(heat: number): Rgb {
  const place = Math.min(1, Math.max(0, heat)) * (ramp.length - 1);
  const at = Math.min(ramp.length - 2, Math.floor(place));
  const [low, high] = [ramp[at] ?? [0, 0, 0], ramp[at + 1] ?? [0, 0, 0]];
  const mixed = (c: 0 | 1 | 2): number => Math.round(low[c] + (place - at) * (high[c] - low[c]));
  return [mixed(0), mixed(1), mixed(2)];
}

/** How dark what did not change becomes: dark enough that any heat stands out of it. */
const dimmed = 0.3;

/**
 * The picture in dark grey, and over it the pixels that changed, the hotter the more: the mean change of its channels, 1
 * where all of them went from one end to the other. In large pictures each is drawn as a spot that can be seen.
 * @param changed as the picture: (height, width, channels), 0..255
 * @returns RGB of the picture's size
 */
export function changesAsHeat(picture: Pixels, changed: Uint8Array): Uint8Array {
  const { pixels, channels, width, height } = picture;
  const area = height * width;
  const out = new Uint8Array(3 * area);
  const heat = new Float32Array(area);
  for (let i = 0; i < area; i++) {
    let [change, light] = [0, 0];
    for (let c = 0; c < channels; c++) {
      const value = pixels[i * channels + c] ?? 0;
      change += Math.abs((changed[i * channels + c] ?? 0) - value) / (255 * channels);
      light += value / channels;
    }
    out.fill(Math.round(dimmed * light), 3 * i, 3 * i + 3);
    if (change > 0) spot(heat, picture, i, change);
  }
  heat.forEach((of, i) => {
    if (of > 0) out.set(heatColour(of), 3 * i);
  });
  return out;
}

/** Pixels of a picture's longer side that a spot is one more pixel wide to each side for. */
const spotEvery = 150;

/** Where spots meet the hotter one is seen. */
function spot(heat: Float32Array, { width, height }: Pixels, pixel: number, change: number): void {
  const reach = Math.floor(Math.max(width, height) / spotEvery);
  const [row, column] = [Math.floor(pixel / width), pixel % width];
  for (let y = Math.max(0, row - reach); y <= Math.min(height - 1, row + reach); y++)
    for (let x = Math.max(0, column - reach); x <= Math.min(width - 1, column + reach); x++)
      heat[y * width + x] = Math.max(heat[y * width + x] ?? 0, change);
}

/** Counts as heat, black where there are none; the largest is the hottest. RGB. */
export function countsAsHeat(counts: ArrayLike<number>): Uint8Array {
  const most = Array.from(counts).reduce((a, b) => Math.max(a, b), 0);
  const out = new Uint8Array(3 * counts.length);
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i] ?? 0;
    if (count > 0) out.set(heatColour(count / most), 3 * i);
  }
  return out;
}
