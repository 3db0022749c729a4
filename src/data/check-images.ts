/** Looks through labelled images for what would spoil a training: broken files, duplicates, odd sizes, rare classes. */
import { createHash } from 'node:crypto';
import { DataError } from '../errors.js';
import { eachAtOnce } from './encoded-source.js';
import type { DecodedImage, ImageSource } from './image-source.js';
import type { Skipped } from './list-images.js';
import type { OpenedImages } from './open-images.js';

/** Shorter sides below this are called tiny (ours: half of CIFAR's 32). */
export const tinySide = 16;
/** Images of more pixels are called huge (ours: such files are slow to decode and are shrunk anyway). */
export const hugePixels = 25_000_000;

/** A part of the data. */
export type SplitName = 'train' | 'validation' | 'test';

/** Images of one class by part; null where the data has no such part. */
export interface ClassCount {
  readonly name: string;
  readonly train: number;
  readonly validation: number | null;
  readonly test: number | null;
}

/** Images with the same pixels. */
export interface Duplicates {
  /** Groups of two or more. */
  readonly groups: number;
  /** Images that could be left out: all of each group but one. */
  readonly surplus: number;
  /** Groups with images in more than one part: what is measured was learnt from. */
  readonly acrossSplits: number;
  /** Groups with more than one label: at least one of them is wrong. */
  readonly acrossClasses: number;
  /** The first groups, by name. */
  readonly examples: readonly (readonly string[])[];
}

/** What was found. */
export interface ImageReport {
  readonly format: string;
  readonly folder: string;
  readonly counts: Readonly<Record<SplitName, number | null>>;
  /** Images that can be used. */
  readonly classes: readonly ClassCount[];
  /** Width x height and how many have it, the most frequent first. */
  readonly sizes: readonly {
    readonly width: number;
    readonly height: number;
    readonly count: number;
  }[];
  readonly channels: { readonly grey: number; readonly rgb: number };
  readonly duplicates: Duplicates;
  /** Images that cannot be decoded, with reasons. */
  readonly broken: readonly Skipped[];
  /** Files that are no images, with reasons. */
  readonly skipped: readonly Skipped[];
  readonly tiny: readonly string[];
  readonly huge: readonly string[];
  /** Images of the largest class over those of the smallest, of the training part. */
  readonly imbalance: number;
  /** Why it cannot be trained on; empty where it can. */
  readonly faults: readonly string[];
}

/** One image that could be decoded. */
interface Seen {
  readonly split: SplitName;
  readonly name: string;
  readonly label: number;
  readonly digest: string;
}

/** Examples of duplicates that are kept. */
const exampleCount = 10;

/** Counts as it goes; `add` and `fail` are called in no order. */
class Findings {
  readonly seen: Seen[] = [];
  readonly sizes = new Map<string, { width: number; height: number; count: number }>();
  readonly channels = { grey: 0, rgb: 0 };
  readonly broken: Skipped[] = [];
  readonly tiny: string[] = [];
  readonly huge: string[] = [];

  add(split: SplitName, name: string, label: number, image: DecodedImage): void {
    const { width, height, channels, pixels } = image;
    this.channels[channels === 1 ? 'grey' : 'rgb']++;
    const size = `${width}x${height}`;
    const sizes = this.sizes.get(size) ?? { width, height, count: 0 };
    this.sizes.set(size, { ...sizes, count: sizes.count + 1 });
    if (Math.min(width, height) < tinySide) this.tiny.push(name);
    if (width * height > hugePixels) this.huge.push(name);
    const digest = createHash('sha256')
      .update(`${size}x${channels}:`)
      .update(pixels)
      .digest('base64');
    this.seen.push({ split, name, label, digest });
  }
}

/**
 * Decodes every image once and reports on all of them.
 * @param data opened without verification, so that broken images are still in it
 * @param onDone called after each image
 */
export async function checkImages(
  data: OpenedImages,
  onDone: (done: number) => void = () => undefined,
): Promise<ImageReport> {
  const findings = new Findings();
  let done = 0;
  const parts: readonly (readonly [SplitName, ImageSource | null])[] = [
    ['train', data.train],
    ['validation', data.validation],
    ['test', data.test],
  ];
  for (const [split, source] of parts)
    await eachAtOnce(source?.count ?? 0, async (index) => {
      const name = source?.name(index) ?? '';
      try {
        const image = await source?.decode(index);
        if (image) findings.add(split, name, source?.label(index) ?? -1, image);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        findings.broken.push({ file: name, reason: String(error.details.actual ?? error.message) });
      }
      onDone(++done);
    });
  const byName = (a: { file: string }, b: { file: string }) => (a.file < b.file ? -1 : 1);
  const classes = countClasses(data, findings.seen);
  const training = classes.map(({ train }) => train);
  return {
    ...{ format: data.format, folder: data.folder, classes, channels: findings.channels },
    counts: {
      train: data.train.count,
      validation: data.validation?.count ?? null,
      test: data.test?.count ?? null,
    },
    sizes: [...findings.sizes.values()].sort((a, b) => b.count - a.count || a.width - b.width),
    duplicates: findDuplicates(findings.seen),
    broken: findings.broken.sort(byName),
    skipped: data.skipped,
    tiny: findings.tiny.sort(),
    huge: findings.huge.sort(),
    imbalance: Math.max(...training) / Math.min(...training),
    faults: classes
      .filter(({ train }) => train === 0)
      .map(({ name }) => `class ${name} has no usable image to learn from`),
  };
}

function countClasses(data: OpenedImages, seen: readonly Seen[]): ClassCount[] {
  const counts = { train: new Map(), validation: new Map(), test: new Map() } satisfies Record<
    SplitName,
    Map<number, number>
  >;
  for (const { split, label } of seen)
    counts[split].set(label, (counts[split].get(label) ?? 0) + 1);
  return data.classes.map((name, label) => ({
    name,
    train: counts.train.get(label) ?? 0,
    validation: data.validation && (counts.validation.get(label) ?? 0),
    test: data.test && (counts.test.get(label) ?? 0),
  }));
}

function findDuplicates(seen: readonly Seen[]): Duplicates {
  const byDigest = new Map<string, Seen[]>();
  for (const image of seen) {
    const same = byDigest.get(image.digest);
    if (same) same.push(image);
    else byDigest.set(image.digest, [image]);
  }
  const groups = [...byDigest.values()].filter((group) => group.length > 1);
  const differ = (group: readonly Seen[], of: (image: Seen) => unknown) =>
    new Set(group.map(of)).size > 1;
  return {
    groups: groups.length,
    surplus: groups.reduce((sum, group) => sum + group.length - 1, 0),
    acrossSplits: groups.filter((group) => differ(group, ({ split }) => split)).length,
    acrossClasses: groups.filter((group) => differ(group, ({ label }) => label)).length,
    examples: groups
      .map((group) => group.map(({ name }) => name).sort())
      .sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1))
      .slice(0, exampleCount),
  };
}
