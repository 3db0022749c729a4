/** Images of an audit as PNG files: exactly the 8-bit values that were judged. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { decode } from 'fast-png';
import { DataError } from '../errors.js';
import type { ImageShape } from '../methods/attack/model.js';
import { writeAtomically } from './atomic-file.js';
import { wholePng } from './png-file.js';

/**
 * Writes an image, whole or not at all.
 * @param planes (channels, height, width); 1 channel is grey, 3 are red, green, blue
 * @throws TrainingError where the file cannot be written.
 */
export async function writeAttackImage(
  path: string,
  planes: Uint8Array,
  { channels, height, width }: ImageShape,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const rows = interleaved(planes, channels);
  await writeAtomically(path, wholePng(rows, { width, height }), { what: 'image' });
}

/**
 * Reads such an image.
 * @returns (channels, height, width)
 * @throws DataError where it is not there, damaged, or of another shape.
 */
export async function readAttackImage(
  path: string,
  { channels, height, width }: ImageShape,
): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new DataError(`image: cannot read ${path} (${String(cause)}): the audit is not whole`, {
      path,
      cause,
    });
  });
  try {
    const png = decode(bytes);
    if (
      png.channels === channels &&
      png.height === height &&
      png.width === width &&
      png.depth === 8
    )
      return planesOf(Uint8Array.from(png.data), channels);
  } catch (cause) {
    throw new DataError(`image: ${path} is no PNG (${String(cause)}): begin the audit anew`, {
      path,
      cause,
    });
  }
  throw new DataError(
    `image: ${path} is not of ${channels} x ${height} x ${width} values: begin the audit anew`,
    { path },
  );
}

/** (channels, height, width) as (height, width, channels). */
export function interleaved(planes: Uint8Array, channels: number): Uint8Array {
  const area = planes.length / channels;
  const out = new Uint8Array(planes.length);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < area; i++) out[i * channels + c] = planes[c * area + i] ?? 0;
  return out;
}

function planesOf(pixels: Uint8Array, channels: number): Uint8Array {
  const area = pixels.length / channels;
  const out = new Uint8Array(pixels.length);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < area; i++) out[c * area + i] = pixels[i * channels + c] ?? 0;
  return out;
}
