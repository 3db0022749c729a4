/** Brightness, contrast and colour of an image changed by given factors. */
import type { ImageTarget } from './decode-image.js';

/** ITU-R BT.601's weights of red, green and blue in brightness. */
export const luma = [0.299, 0.587, 0.114] as const;

/** What each is multiplied by; 1 leaves it. */
export interface JitterFactors {
  readonly bright: number;
  readonly contrast: number;
  /** Of no effect on grey images. */
  readonly colour: number;
}

/**
 * Brightness, then contrast about the mean brightness, then colour about each pixel's own, in place.
 * @param pixels (channels, height, width), 0 to 255
 */
export function jitter(
  { channels, height, width }: ImageTarget,
  { bright, contrast, colour }: JitterFactors,
  pixels: Uint8Array,
): void {
  const area = height * width;
  const [red, green, blue] = luma;
  const isGrey = channels === 1;
  const grey = (i: number): number =>
    isGrey
      ? (pixels[i] ?? 0)
      : red * (pixels[i] ?? 0) +
        green * (pixels[area + i] ?? 0) +
        blue * (pixels[2 * area + i] ?? 0);
  let total = 0;
  for (let i = 0; i < area; i++) total += grey(i);
  const mean = (bright * total) / area;
  for (let i = 0; i < area; i++) {
    const own = mean + contrast * (bright * grey(i) - mean);
    for (let c = 0; c < channels; c++) {
      const value = mean + contrast * (bright * (pixels[c * area + i] ?? 0) - mean);
      const mixed = isGrey ? value : own + colour * (value - own);
      pixels[c * area + i] = Math.min(255, Math.max(0, mixed)) + 0.5;
    }
  }
}
