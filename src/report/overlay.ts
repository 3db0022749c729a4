/** Masks laid over pictures, and where two masks differ. */
import type { Rgb } from '../data/segmentation/scenes.js';
import { DataError } from '../errors.js';
import { type PixelClasses, voidId } from '../metrics/segmentation.js';

/** Pixels of a picture: height, width, channels in row-major order; 0..255. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly pixels: Uint8Array;
}

/** How a mask is laid over a picture. */
export interface OverlayOptions {
  /** 0 shows the picture alone, 1 the colours alone. 0.6 by default. */
  readonly opacity?: number;
  /** Whether the picture is made grey, so that all colour is the mask's. Off by default. */
  readonly grey?: boolean;
  /** Id of pixels that show the picture as it is, 255 by default. */
  readonly ignore?: number;
}

/**
 * The picture with each pixel's class colour over it.
 * @param ids the class of each pixel
 * @param palette the colour of each class
 * @returns RGB of the picture's size
 * @throws DataError where the mask has another size, or an id no colour
 */
export function overlay(
  image: Pixels,
  ids: PixelClasses,
  palette: readonly Rgb[],
  { opacity = 0.6, grey = false, ignore = voidId }: OverlayOptions = {},
): Uint8Array {
  checkSize(image, ids);
  return painted(image, { grey, opacity }, (i) => {
    const id = ids[i] ?? 0;
    if (id === ignore) return null;
    const colour = palette[id];
    if (colour === undefined)
      throw new DataError(
        `overlay: class ${id} has no colour, the palette has ${palette.length}. Give one for each class.`,
        { expected: palette.length, actual: id },
      );
    return colour;
  });
}

/** What is wrong, in any light. */
const wrongColour: Rgb = [224, 82, 24];

/**
 * The picture in grey, and in one strong colour the pixels that were taken for another class; void ones are grey.
 * @returns RGB of the picture's size
 * @throws DataError where a mask has another size
 */
export function differences(
  image: Pixels,
  truth: PixelClasses,
  predicted: PixelClasses,
  ignore: number = voidId,
): Uint8Array {
  checkSize(image, truth);
  checkSize(image, predicted);
  return painted(image, { grey: true, opacity: 0.9 }, (i) =>
    truth[i] === ignore || truth[i] === predicted[i] ? null : wrongColour,
  );
}

function painted(
  { width, height, channels, pixels }: Pixels,
  { grey, opacity }: Required<Omit<OverlayOptions, 'ignore'>>,
  colourOf: (i: number) => Rgb | null,
): Uint8Array {
  const result = new Uint8Array(width * height * 3);
  const [green, blue] = channels === 3 ? [1, 2] : [0, 0];
  for (let i = 0; i < width * height; i++) {
    const at = i * channels;
    let r = pixels[at] ?? 0;
    let g = pixels[at + green] ?? 0;
    let b = pixels[at + blue] ?? 0;
    // Luma of ITU-R BT.601.
    if (grey) r = g = b = 0.299 * r + 0.587 * g + 0.114 * b;
    const colour = colourOf(i);
    if (colour !== null) {
      r += opacity * (colour[0] - r);
      g += opacity * (colour[1] - g);
      b += opacity * (colour[2] - b);
    }
    result[3 * i] = Math.round(r);
    result[3 * i + 1] = Math.round(g);
    result[3 * i + 2] = Math.round(b);
  }
  return result;
}

function checkSize({ width, height }: Pixels, ids: PixelClasses): void {
  if (ids.length !== width * height)
    throw new DataError(
      `a mask of ${ids.length} pixels does not fit a picture of ${width} x ${height}: it has ${width * height}`,
      { expected: width * height, actual: ids.length },
    );
}
