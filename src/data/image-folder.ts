/** The user's own images: a folder of labelled ones by class, a folder of unlabelled ones, perhaps a test set. */
import { dirname, join } from 'node:path';
import { DataError } from '../errors.js';
import { type ImageTarget, readImage } from './decode-image.js';
import { eachAtOnce } from './encoded-source.js';
import { type Candidate, emptyClass, type ImageLayout, listImageFolder } from './image-layout.js';
import { countByClass, type ImageSet, imageSize } from './image-set.js';
import { hiddenReason, relativeName, type Skipped } from './list-images.js';

/** How an image folder is read. */
export interface ImageFolderOptions extends ImageTarget {
  /** Called after each image. */
  readonly onProgress?: (progress: DecodeProgress) => void;
  /** A file that cannot be used ends the reading with an error; hidden files do not count. */
  readonly strict?: boolean;
}

/** How far the decoding is; `file` is relative to the folder. */
export interface DecodeProgress {
  readonly done: number;
  readonly total: number;
  readonly file: string;
}

/** How many usable images there are. */
export interface FoundImages {
  readonly labelled: number;
  readonly unlabelled: number;
  readonly test: number;
  /** Labelled images of each class, in the order of the classes. */
  readonly byClass: readonly number[];
}

/** What an image folder holds. */
export interface ImageFolder {
  readonly labelled: ImageSet;
  /** Without labels, and perhaps without images. */
  readonly unlabelled: ImageSet;
  readonly test: ImageSet | null;
  readonly found: FoundImages;
  /** Every file that was not used, hidden ones included. */
  readonly skipped: readonly Skipped[];
}

/** Decoded images and the files that could not be. */
interface Decoded {
  readonly images: Uint8Array;
  readonly used: readonly Candidate[];
  readonly skipped: readonly Skipped[];
}

/**
 * Reads `labelled/<class>/*`, `unlabelled/*` and, where it exists, `test/<class>/*`; the spellings `labeled` and
 * `unlabeled` do too. Classes are the folder names in code-unit order. Each image is brought to one size and
 * colour (see `decodeImage`); one that cannot be used is left out and listed with its reason.
 * @throws DataError where the folder is missing, empty or laid out otherwise, a class has no usable image, the
 * images do not fit into memory, or `strict` is set and a file cannot be used.
 */
export async function loadImageFolder(
  folder: string,
  options: ImageFolderOptions,
): Promise<ImageFolder> {
  const layout = await listImageFolder(folder);
  const skipped: Skipped[] = [];
  const skip = (more: readonly Skipped[]) => {
    skipped.push(...more);
    const bad = options.strict ? more.find(({ reason }) => reason !== hiddenReason) : undefined;
    if (bad)
      throw new DataError(
        `${join(folder, bad.file)} ${bad.reason}: remove it, or do without strict`,
        {
          path: join(folder, bad.file),
          actual: bad.reason,
        },
      );
  };
  skip(layout.skipped);
  const total = layout.labelled.length + layout.unlabelled.length + (layout.test?.length ?? 0);
  let done = 0;
  const read = async (candidates: readonly Candidate[]): Promise<ImageSet> => {
    const decoded = await decodeAll(candidates, layout.root, options, (file) => {
      done++;
      options.onProgress?.({ done, total, file });
    });
    skip(decoded.skipped);
    requireEachClass(candidates, decoded, layout);
    return toSet(decoded, layout, options);
  };
  const labelled = await read(layout.labelled);
  const unlabelled: ImageSet = { ...(await read(layout.unlabelled)), labels: null };
  const test = layout.test && (await read(layout.test));
  const found = {
    labelled: labelled.count,
    unlabelled: unlabelled.count,
    test: test?.count ?? 0,
    byClass: countByClass(labelled.labels ?? new Int32Array(0), layout.classes.length),
  };
  return { labelled, unlabelled, test, found, skipped };
}

/** Zeroed room for images, or an error that says how much was asked for. */
function allocateImages(count: number, target: ImageTarget): Uint8Array {
  const { channels, height, width } = target;
  const bytes = count * imageSize([channels, height, width]);
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new DataError(
      `${count} images of ${height} x ${width} x ${channels} need ${(bytes / 2 ** 30).toFixed(1)} GiB of memory: choose a smaller size, or fewer images`,
      { actual: bytes, cause },
    );
  }
}

/** Decodes a few files at a time: enough to keep the processor busy, few enough for large ones to fit. */
async function decodeAll(
  candidates: readonly Candidate[],
  root: string,
  target: ImageTarget,
  onDone: (file: string) => void,
): Promise<Decoded> {
  const size = imageSize([target.channels, target.height, target.width]);
  const images = allocateImages(candidates.length, target);
  const reasons = new Map<number, string>();
  await eachAtOnce(candidates.length, async (i) => {
    const path = candidates[i]?.path ?? '';
    try {
      images.set(await readImage(path, target), i * size);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      reasons.set(i, String(error.details.actual));
    }
    onDone(relativeName(root, path));
  });
  const good = [...candidates.keys()].filter((i) => !reasons.has(i));
  good.forEach((from, to) => {
    if (from !== to) images.copyWithin(to * size, from * size, (from + 1) * size);
  });
  return {
    images: images.subarray(0, good.length * size),
    used: candidates.filter((_, i) => !reasons.has(i)),
    skipped: candidates.flatMap(({ path }, i) => {
      const reason = reasons.get(i);
      return reason === undefined ? [] : [{ file: relativeName(root, path), reason }];
    }),
  };
}

/** A class all of whose files turned out to be unusable is an error, not a class that never occurs. */
function requireEachClass(
  candidates: readonly Candidate[],
  decoded: Decoded,
  { classes }: ImageLayout,
): void {
  const usable = new Set(decoded.used.map(({ label }) => label));
  const lost = candidates.find(({ label }) => label >= 0 && !usable.has(label));
  if (lost) {
    const name = classes[lost.label] ?? '';
    const within = decoded.skipped.filter(({ file }) => dirname(file).endsWith(`/${name}`));
    throw emptyClass(dirname(lost.path), name, within);
  }
}

function toSet(
  { images, used }: Decoded,
  { root, classes }: ImageLayout,
  { channels, height, width }: ImageTarget,
): ImageSet {
  return {
    images,
    count: used.length,
    shape: [channels, height, width],
    labels: Int32Array.from(used, ({ label }) => label),
    classes,
    names: used.map(({ path }) => relativeName(root, path)),
  };
}
