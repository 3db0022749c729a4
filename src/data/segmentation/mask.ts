/**
 * Masks: PNG files in which each pixel's number, or its colour, says its class. Read as they are: a decoder for
 * pictures would expand palettes to colours and scale the numbers.
 */
import { decode } from 'fast-png';
import { DataError, EspalierError } from '../../errors.js';
import { pixelCap } from '../decode-image.js';
import { type ColourTable, colourText, packed } from './colours.js';
import { type Mask, voidId } from './scenes.js';

/** How the pixels of mask files become classes. */
export interface MaskCoding {
  /** Number of classes, 255 at most, since ids are bytes and 255 is void. */
  readonly classes: number;
  /** The class of each number that a pixel may have (65,536 of them): `voidId` for void, -1 where it has none. */
  readonly indices: Int16Array;
  /** Where given, colours are looked up in it, and numbers are not used: grey v is the colour (v, v, v). */
  readonly colours: ColourTable | null;
}

/** How numbers become classes. */
export interface IndexCodingOptions {
  /** Numbers that are void besides 255. */
  readonly voids?: readonly number[];
  /** 0 is void and the class `i` has the number i + 1 (ADE20K's form). */
  readonly reduceZeroLabel?: boolean;
  /** Numbers of the classes where they are not 0, 1, 2, ...: -1 or 255 for void, by number. */
  readonly mapping?: ReadonlyMap<number, number>;
}

/**
 * The coding by numbers: `i` is class `i`, 255 is void, other numbers are errors.
 * @throws DataError where there are more than 255 classes.
 */
export function indexCoding(classes: number, options: IndexCodingOptions = {}): MaskCoding {
  if (classes > voidId)
    throw new DataError(
      `there are ${classes} classes, where ${voidId} are possible: ids are bytes, and ${voidId} is void`,
      { expected: voidId, actual: classes },
    );
  const indices = new Int16Array(65_536).fill(-1);
  const first = options.reduceZeroLabel ? 1 : 0;
  if (options.mapping) for (const [number, id] of options.mapping) indices[number] = id;
  else for (let id = 0; id < classes; id++) indices[id + first] = id;
  for (const number of [voidId, ...(options.voids ?? []), ...(first === 1 ? [0] : [])])
    indices[number] = voidId;
  return { classes, indices, colours: null };
}

/** The coding by a table of colours. */
export function colourCoding(table: ColourTable): MaskCoding {
  return { ...indexCoding(table.classes.length), colours: table };
}

const refusal = (name: string, reason: string, actual: unknown = reason) =>
  new DataError(`${name} ${reason}`, { path: name, actual });

/** The numbers of a PNG file, (height, width, channels) row-major, as they are written in it. */
export interface RawPng {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly depth: number;
  readonly data: ArrayLike<number>;
  readonly palette: readonly (readonly number[])[] | null;
}

/**
 * Decodes a PNG file without changing its numbers: indices of palettes stay indices.
 * @throws DataError where it is no PNG, corrupt or too large.
 */
export function decodeRawPng(bytes: Uint8Array, name: string): RawPng {
  const signature = [0x89, 0x50, 0x4e, 0x47];
  if (signature.some((byte, i) => bytes[i] !== byte))
    throw refusal(
      name,
      bytes.length === 0
        ? 'is empty'
        : 'is not a PNG image inside: masks are PNG, since a format that loses detail mixes up the classes',
    );
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 24 && header.getUint32(16) * header.getUint32(20) > pixelCap)
    throw refusal(
      name,
      `is too large: ${header.getUint32(16)} x ${header.getUint32(20)} pixels, ${pixelCap / 1e6} megapixels at most`,
    );
  try {
    const { width, height, channels, depth, data, palette } = decode(bytes);
    const rows = { width: width * channels, height, depth };
    return {
      ...{ width, height, channels, depth, palette: palette ?? null },
      data: depth < 8 ? unpacked(data, rows) : data,
    };
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new DataError(`${name} is corrupt: ${said}`, { path: name, actual: said, cause });
  }
}

/** Numbers of 1, 2 or 4 bits, of which a byte holds several, the first in its highest bits; rows begin on a byte. */
function unpacked(
  data: ArrayLike<number>,
  { width, height, depth }: { width: number; height: number; depth: number },
): Uint8Array {
  const perByte = 8 / depth;
  const stride = Math.ceil(width / perByte);
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const byte = data[y * stride + Math.floor(x / perByte)] ?? 0;
      out[y * width + x] = (byte >> (8 - depth * ((x % perByte) + 1))) & ((1 << depth) - 1);
    }
  return out;
}

/**
 * Reads a mask out of the bytes of a PNG file.
 * @param name for the sentences
 * @throws DataError where it is no PNG or corrupt, has a number or colour of no class, or colours where numbers are
 * expected.
 */
export function decodeMask(bytes: Uint8Array, coding: MaskCoding, name: string): Mask {
  const png = decodeRawPng(bytes, name);
  const { width, height } = png;
  try {
    return {
      width,
      height,
      ids: coding.colours ? byColour(png, coding.colours) : byIndex(png, coding),
    };
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    throw refusal(name, error.message, error.details.actual);
  }
}

function byIndex(png: RawPng, { indices, classes }: MaskCoding): Uint8Array {
  if (png.channels > 2) throw new DataError(coloursInstead(png));
  const { channels, data, width, height } = png;
  const ids = new Uint8Array(width * height);
  for (let i = 0; i < ids.length; i++) {
    const number = data[i * channels] ?? 0;
    const id = indices[number] ?? -1;
    if (id < 0)
      throw new DataError(
        `has the class id ${number} at row ${Math.floor(i / width)}, column ${i % width}, ` +
          `where ${classes} classes are known (${known(indices)}): name more classes, or correct the mask`,
        { expected: classes, actual: number },
      );
    ids[i] = id;
  }
  return ids;
}

/** The numbers that have a class, as a sentence says them. */
function known(indices: Int16Array): string {
  const used = [...indices.keys()].filter((number) => (indices[number] ?? -1) >= 0);
  const voids = used.filter((number) => indices[number] === voidId);
  const ids = used.filter((number) => indices[number] !== voidId);
  return `ids ${ids[0]} to ${ids.at(-1)}; void is ${voids.join(', ')}`;
}

/** Colours that are shown of a mask that has them where it should have numbers. */
const shownColours = 4;

function coloursInstead({ data, channels }: RawPng): string {
  const seen = new Set<number>();
  for (let i = 0; i + 2 < data.length; i += channels)
    seen.add(packed([data[i] ?? 0, data[i + 1] ?? 0, data[i + 2] ?? 0]));
  const first = [...seen].slice(0, shownColours).map(colourText).join(', ');
  return (
    `is of colours (${seen.size} of them: ${first}${seen.size > shownColours ? ', ...' : ''}), where each pixel's number should be its class: ` +
    'give the colours of the classes with --mask-colours FILE, or convert the masks to grey or palette PNG with the class ids'
  );
}

function byColour(png: RawPng, table: ColourTable): Uint8Array {
  const { channels, data, width, height, palette, depth } = png;
  if (depth === 16) throw new DataError('has 16 bits for each colour: convert it to 8 bits');
  const ids = new Uint8Array(width * height);
  const grey = 255 / (2 ** depth - 1);
  const colourAt = (i: number): number => {
    const at = i * channels;
    if (channels > 2) return packed([data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0]);
    const number = data[at] ?? 0;
    const [red, green, blue] = palette ? (palette[number] ?? []) : [];
    return palette
      ? packed([red ?? 0, green ?? 0, blue ?? 0])
      : packed([number * grey, number * grey, number * grey]);
  };
  let [last, lastId] = [-1, 0];
  for (let i = 0; i < ids.length; i++) {
    const colour = colourAt(i);
    // Neighbours mostly have the same colour: one look-up for a run of them.
    if (colour !== last) {
      const id = table.ids.get(colour);
      if (id === undefined)
        throw new DataError(
          `has the colour ${colourText(colour)} at row ${Math.floor(i / width)}, column ${i % width}, ` +
            `which is not among the ${table.ids.size} colours of ${table.where}: add a line for it (void for pixels that do not count)`,
          { actual: colourText(colour) },
        );
      [last, lastId] = [colour, id];
    }
    ids[i] = lastId;
  }
  return ids;
}
