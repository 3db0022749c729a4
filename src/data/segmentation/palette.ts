/** Colours for classes: those of a set, or PASCAL VOC's, which are made of the bits of the class's number. */
import type { Rgb } from './scenes.js';

/**
 * The colours of PASCAL VOC: three bits of the id at a time go, from the highest bit down, to red, green and blue.
 * @see the function VOClabelcolormap of the development kit, http://host.robots.ox.ac.uk/pascal/VOC/voc2012/
 */
export function vocPalette(count: number): Rgb[] {
  return Array.from({ length: count }, (_, id) => {
    const colour: [number, number, number] = [0, 0, 0];
    for (let bit = 0; bit < 8; bit++)
      for (let channel = 0; channel < 3; channel++)
        colour[channel] = (colour[channel] ?? 0) | (((id >> (3 * bit + channel)) & 1) << (7 - bit));
    return colour;
  });
}

/** `given`, as far as it goes, then VOC's colours. */
export function paletteOf(count: number, given: readonly (Rgb | undefined)[] = []): Rgb[] {
  return vocPalette(count).map((colour, id) => given[id] ?? colour);
}
