/** Scenes that are files: listed at once, decoded when asked for. */
import { DataError } from '../../errors.js';
import { decodeWhole } from '../decode-image.js';
import { readBytes } from '../read-bytes.js';
import { decodeMask, type MaskCoding } from './mask.js';
import type { Mask, SceneSource } from './scenes.js';

/** The files of a scene. */
export interface ScenePair {
  /** What it is called: its image, relative to the folder. */
  readonly name: string;
  /** Path of the image: PNG, JPEG or WebP. */
  readonly image: string;
  /** Path of the mask: PNG. */
  readonly mask: string;
}

/** Reads a mask file by itself. @throws DataError where it cannot be used. */
export async function readMask(path: string, coding: MaskCoding): Promise<Mask> {
  return decodeMask(await readBytes(path), coding, path);
}

/** Pairs of files that are decoded each time that one is asked for. */
export function encodedScenes(pairs: readonly ScenePair[], coding: MaskCoding): SceneSource {
  return scenesOf(pairs, ({ mask }) => readMask(mask, coding));
}

/** Image files whose masks come from elsewhere. */
export function scenesOf<P extends { readonly name: string; readonly image: string }>(
  items: readonly P[],
  maskOf: (item: P) => Promise<Mask> | Mask,
): SceneSource {
  const at = (index: number): P => {
    const item = items[index];
    if (item) return item;
    throw new DataError(`index ${index} is outside the ${items.length} scenes`, { actual: index });
  };
  return {
    count: items.length,
    name: (index) => at(index).name,
    async decode(index) {
      const item = at(index);
      const [image, mask] = await Promise.all([
        readBytes(item.image).then((bytes) => decodeWhole(bytes, item.image)),
        maskOf(item),
      ]);
      if (mask.width !== image.width || mask.height !== image.height)
        throw sizesDiffer(item, image, mask);
      return { image, mask };
    },
  };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** What is said of a mask of another size than its image. */
export function sizesDiffer(
  item: { image: string; mask?: unknown },
  image: Size,
  mask: Size,
): DataError {
  const what = typeof item.mask === 'string' ? item.mask : `the mask of ${item.image}`;
  const isTurned = mask.width === image.height && mask.height === image.width;
  const reason = `is ${mask.width} x ${mask.height} pixels, its image ${image.width} x ${image.height}`;
  return new DataError(
    `${what} ${reason} (${item.image}): a mask has the size of its image${isTurned ? ', which is turned as its EXIF orientation says' : ''}. Resize masks without blending (nearest neighbour)`,
    {
      path: what,
      expected: [image.width, image.height],
      actual: [mask.width, mask.height],
    },
  );
}
