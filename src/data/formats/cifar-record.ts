/**
 * The records of CIFAR-10 and CIFAR-100 in their binary form: one label byte (two in CIFAR-100: coarse, fine), then
 * 3072 bytes, the red, green and blue plane of a 32 x 32 image, each row by row.
 * @see https://www.cs.toronto.edu/~kriz/cifar.html "Binary version"
 */
import { DataError } from '../../errors.js';
import type { ImageSet } from '../image-set.js';
import { allocate } from './format.js';

/** Bytes of one image: 3 x 32 x 32. */
export const cifarPixels = 3 * 32 * 32;

/** The ten classes, by label. */
export const cifar10Classes: readonly string[] = [
  ...['airplane', 'automobile', 'bird', 'cat', 'deer'],
  ...['dog', 'frog', 'horse', 'ship', 'truck'],
];

/** A file of records. */
export interface CifarFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** How the label bytes of a record are read. */
export interface CifarLabels {
  /** Label bytes of each record. */
  readonly bytes: 1 | 2;
  /** Which of them is the label. */
  readonly at: 0 | 1;
  readonly classes: readonly string[];
}

/**
 * The images of all files, one file after the other.
 * @throws DataError where a file is empty, ends within a record, or has a label that is no class.
 */
export function parseCifar(files: readonly CifarFile[], labels: CifarLabels): ImageSet {
  const record = labels.bytes + cifarPixels;
  for (const { path, bytes } of files) checkLength(path, bytes.length, record);
  const count = files.reduce((sum, { bytes }) => sum + bytes.length / record, 0);
  const images = allocate(count * cifarPixels, files[0]?.path ?? '');
  const values = new Int32Array(count);
  let to = 0;
  for (const { path, bytes } of files)
    for (let at = 0; at < bytes.length; at += record, to++) {
      const label = bytes[at + labels.at] ?? 0;
      if (label >= labels.classes.length)
        throw new DataError(
          `label ${label} of image ${at / record} in ${path} is out of range: there are ${labels.classes.length} classes. ` +
            'The file is damaged, or is of another data set.',
          { path, expected: labels.classes.length, actual: label },
        );
      values[to] = label;
      images.set(bytes.subarray(at + labels.bytes, at + record), to * cifarPixels);
    }
  return {
    images,
    count,
    shape: [3, 32, 32],
    labels: values,
    classes: labels.classes,
    names: null,
  };
}

function checkLength(path: string, length: number, record: number): void {
  if (length === 0) throw new DataError(`${path} is empty. Fetch it again.`, { path, actual: 0 });
  if (length % record !== 0)
    throw new DataError(
      `${path} is truncated or no CIFAR file: ${length} bytes are no whole number of records of ${record} bytes. Fetch it again.`,
      { path, expected: record, actual: length },
    );
}

/** The records of labelled 32 x 32 colour images, with one label byte: what `parseCifar` reads. */
export function cifarRecords(set: ImageSet): Uint8Array {
  const record = 1 + cifarPixels;
  const bytes = new Uint8Array(set.count * record);
  for (let i = 0; i < set.count; i++) {
    bytes[i * record] = set.labels?.[i] ?? 0;
    bytes.set(set.images.subarray(i * cifarPixels, (i + 1) * cifarPixels), i * record + 1);
  }
  return bytes;
}
