/** Grounds with a texture: two colours mixed by smooth noise and by stripes, with grain on top. */
import { deriveKey, fillUniform, type Key } from '../../tensor/random.js';

/** Cells of the smooth noise along a side. */
const cells = 6;
const corners = (cells + 1) * (cells + 1);
/** Numbers drawn for a ground besides its grain: dark or bright, two colours, stripes, the noise. */
const drawn = 1 + 6 + 4 + corners;

const draws = new Float32Array(drawn);
let grain = new Float32Array(0);

/**
 * Fills an image with a ground.
 * @param pixels (3, height, width), written over with values from 20 to 110 (dark) or 145 to 235 (bright)
 * @param key of the scene
 * @returns whether it is dark
 */
export function paintGround(pixels: Uint8Array, height: number, width: number, key: Key): boolean {
  const area = height * width;
  fillUniform(draws, deriveKey(key, 1));
  if (grain.length !== area) grain = new Float32Array(area);
  fillUniform(grain, deriveKey(key, 2));
  const isDark = (draws[0] ?? 0) < 0.5;
  const low = isDark ? 30 : 155;
  const [angle = 0, frequency = 0, phase = 0, strength = 0] = draws.subarray(7, 11);
  // 2 to 8 stripes across the width, in any direction.
  const across = (2 * Math.PI * (2 + 6 * frequency)) / width;
  const [dx, dy] = [across * Math.cos(Math.PI * angle), across * Math.sin(Math.PI * angle)];
  const columns = noisePlaces(width);
  const rows = noisePlaces(height);
  for (let y = 0; y < height; y++) {
    const [row, down] = [(rows.cell[y] ?? 0) * (cells + 1), rows.share[y] ?? 0];
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const corner = 11 + row + (columns.cell[x] ?? 0);
      const right = columns.share[x] ?? 0;
      const above = (draws[corner] ?? 0) * (1 - right) + (draws[corner + 1] ?? 0) * right;
      const below =
        (draws[corner + cells + 1] ?? 0) * (1 - right) + (draws[corner + cells + 2] ?? 0) * right;
      const noise = above * (1 - down) + below * down;
      const stripe = 0.5 + 0.5 * triangle((x * dx + y * dy) / (2 * Math.PI) + phase);
      const mix = noise * (1 - 0.6 * strength) + stripe * 0.6 * strength;
      const speck = 20 * ((grain[at] ?? 0) - 0.5);
      for (let c = 0; c < 3; c++) {
        const colour = (draws[1 + c] ?? 0) * (1 - mix) + (draws[4 + c] ?? 0) * mix;
        pixels[c * area + at] = low + 70 * colour + speck + 0.5;
      }
    }
  }
  return isDark;
}

/** A wave of period 1 between -1 and 1, of straight lines: the same on every machine, unlike a sine. */
const triangle = (t: number): number => 1 - 4 * Math.abs(t - Math.floor(t) - 0.5);

/** For each pixel of an axis its cell of the noise, and how far into it. */
function noisePlaces(size: number): { readonly cell: Uint8Array; readonly share: Float32Array } {
  const cell = new Uint8Array(size);
  const share = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const at = ((i + 0.5) * cells) / size;
    cell[i] = Math.floor(at);
    share[i] = at - Math.floor(at);
  }
  return { cell, share };
}
