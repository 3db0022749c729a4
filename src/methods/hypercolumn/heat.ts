/** What heat maps over boxes say: masks, keypoints and parts in the image (Hariharan et al. 2015). */
import { cellCentres } from './box.js';
import type { BoxMap } from './targets.js';

/** A keypoint as predicted. */
export interface FoundKeypoint {
  /** Counted by pixels' centres. */
  readonly y: number;
  readonly x: number;
  /** The heat there, in [0, 1]. */
  readonly heat: number;
}

/** The pixels of the image in the map's box, and the heat at each. */
interface Pasted {
  /** row * width + column, rising. */
  readonly pixels: Uint32Array;
  /** (maps, pixels). */
  readonly heat: Float32Array;
}

/**
 * Brings heat maps back to the image's pixels, bilinearly.
 * @param heat (maps, size, size)
 */
function paste(heat: Float32Array, { box, size, image }: BoxMap): Pasted {
  const rows = placesIn(box.top, box.height, size, image.height);
  const columns = placesIn(box.left, box.width, size, image.width);
  const maps = heat.length / (size * size);
  const pixels = new Uint32Array(rows.length * columns.length);
  const pasted = new Float32Array(maps * pixels.length);
  let at = 0;
  for (const row of rows)
    for (const column of columns) {
      pixels[at] = row.pixel * image.width + column.pixel;
      for (let m = 0; m < maps; m++) {
        const cell = (i: number, j: number): number => heat[(m * size + i) * size + j] ?? 0;
        const above =
          cell(row.first, column.first) * (1 - column.share) +
          cell(row.first, column.next) * column.share;
        const below =
          cell(row.next, column.first) * (1 - column.share) +
          cell(row.next, column.next) * column.share;
        pasted[m * pixels.length + at] = above * (1 - row.share) + below * row.share;
      }
      at++;
    }
  return { pixels, heat: pasted };
}

/** A pixel of an axis and the two cells of the map that it lies between. */
interface Place {
  readonly pixel: number;
  readonly first: number;
  readonly next: number;
  readonly share: number;
}

/** The pixels of an axis whose centres lie in the box. */
function placesIn(from: number, length: number, size: number, count: number): Place[] {
  const first = Math.max(0, Math.ceil(from - 0.5));
  const last = Math.min(count - 1, Math.ceil(from + length - 0.5) - 1);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => {
    const pixel = first + n;
    const place = ((pixel + 0.5 - from) * size) / length - 0.5;
    const inside = Math.min(Math.max(place, 0), size - 1);
    const cell = Math.floor(inside);
    return { pixel, first: cell, next: Math.min(cell + 1, size - 1), share: inside - cell };
  });
}

/**
 * The pixels that are figure: those whose heat is at least `threshold`.
 * @param heat (size, size)
 * @returns row * width + column, rising
 */
export function figureMask(heat: Float32Array, map: BoxMap, threshold = 0.5): Uint32Array {
  const { pixels, heat: pasted } = paste(heat, map);
  return pixels.filter((_, i) => (pasted[i] ?? 0) >= threshold);
}

/**
 * The part of each pixel of a figure: that of largest heat, of equals the first.
 * @param heat (parts, size, size)
 * @param figure pixels in the map's box, rising, as `figureMask` gives them
 */
export function partsOf(heat: Float32Array, figure: Uint32Array, map: BoxMap): Uint8Array {
  const { pixels, heat: pasted } = paste(heat, map);
  const count = heat.length / (map.size * map.size);
  const parts = new Uint8Array(figure.length);
  let at = 0;
  figure.forEach((pixel, i) => {
    while (at < pixels.length && (pixels[at] ?? 0) < pixel) at++;
    let best = Number.NEGATIVE_INFINITY;
    for (let part = 0; part < count; part++) {
      const value = pasted[part * pixels.length + at] ?? 0;
      if (value > best) [best, parts[i]] = [value, part];
    }
  });
  return parts;
}

/**
 * Of each keypoint the place of largest heat, inside the image. What a detection says of it is scored by the
 * detection's score times this heat.
 * @param heat (keypoints, size, size)
 */
export function keypointsOf(heat: Float32Array, { box, size, image }: BoxMap): FoundKeypoint[] {
  const area = size * size;
  const ys = cellCentres(box.top, box.height, size);
  const xs = cellCentres(box.left, box.width, size);
  return Array.from({ length: heat.length / area }, (_, k) => {
    let best = 0;
    for (let i = 1; i < area; i++)
      if ((heat[k * area + i] ?? 0) > (heat[k * area + best] ?? 0)) best = i;
    const clip = (value: number, count: number): number => Math.min(Math.max(value, 0), count - 1);
    return {
      y: clip(ys[Math.floor(best / size)] ?? 0, image.height),
      x: clip(xs[best % size] ?? 0, image.width),
      heat: heat[k * area + best] ?? 0,
    };
  });
}
