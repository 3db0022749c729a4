/** What layers say of images, kept in a folder between runs of one command: one safetensors file an image. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors.js';
import { hasDType, type Tensor, tensor } from '../tensor/tensor.js';
import { decodeSafetensors, encodeSafetensors } from '../train/safetensors.js';
import { writeAtomically } from './atomic-file.js';

/** An image as it was decoded, and its layers. */
export interface CachedFeatures {
  readonly image: {
    readonly width: number;
    readonly height: number;
    readonly channels: 1 | 3;
    /** (channels, height, width), 0 to 255 */
    readonly pixels: Uint8Array;
  };
  /** One a layer, in their order. */
  readonly maps: readonly Tensor<'float32'>[];
}

/** A folder of them. */
export interface FeatureCache {
  /** Null where there are none, or what is there is damaged. */
  read(key: string): Promise<CachedFeatures | null>;
  /** @throws TrainingError where the file cannot be written. */
  write(key: string, features: CachedFeatures): Promise<void>;
  /** Removes those of all other keys. */
  keepOnly(keys: Iterable<string>): Promise<void>;
}

/** Of larger layers nothing is kept: files of two gigabytes are more trouble than a second pass. */
const mostBytes = 1024 ** 3;

/** The name of what is computed from these: bytes and texts, in their order. */
export function featureKey(...parts: readonly (Uint8Array | string)[]): string {
  const hash = createHash('sha256');
  // Each by itself, so that no two lists of parts join to the same.
  for (const part of parts) hash.update(createHash('sha256').update(part).digest());
  return hash.digest('hex').slice(0, 32);
}

/** Opens a folder; it is made with the first file. */
export function featureCache(folder: string): FeatureCache {
  const pathOf = (key: string): string => join(folder, `${key}.safetensors`);
  return {
    async read(key) {
      const bytes = await readFile(pathOf(key)).catch(() => null);
      try {
        return bytes && restored(bytes);
      } catch (error) {
        if (error instanceof DataError) return null;
        throw error;
      }
    },
    async write(key, { image, maps }) {
      const { width, height, channels, pixels } = image;
      const size = maps.reduce((sum, { data }) => sum + data.byteLength, pixels.length);
      if (size > mostBytes) return;
      const named = maps.map((map, i) => [`map${i}`, map] as const);
      const stored = {
        image: tensor('uint8', [channels, height, width], pixels),
        ...Object.fromEntries(named),
      };
      await mkdir(folder, { recursive: true });
      await writeAtomically(pathOf(key), encodeSafetensors(stored), { what: 'features' });
    },
    async keepOnly(keys) {
      const kept = new Set([...keys].map((key) => `${key}.safetensors`));
      const names = await readdir(folder).catch(() => []);
      for (const name of names)
        if (name.endsWith('.safetensors') && !kept.has(name))
          await rm(join(folder, name), { force: true });
    },
  };
}

/** @throws DataError where it is damaged. */
function restored(bytes: Uint8Array): CachedFeatures | null {
  const { image, ...rest } = decodeSafetensors(bytes).tensors;
  const maps = Object.keys(rest).map((_, i) => rest[`map${i}`]);
  const [channels = 0, height = 0, width = 0] = image?.dims ?? [];
  if (!image || !hasDType(image, 'uint8') || (channels !== 1 && channels !== 3)) return null;
  const floats = maps.flatMap((map) => (map && hasDType(map, 'float32') ? [map] : []));
  if (floats.length !== maps.length) return null;
  return { image: { width, height, channels, pixels: image.data }, maps: floats };
}
