/**
 * PASCAL VOC's layout (Everingham et al. 2010): `JPEGImages`, `SegmentationClass` with palette PNG of class numbers,
 * 255 void, and lists of names in `ImageSets/Segmentation`.
 * @see http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/, sections 2.1 and 3
 */
import { DataError } from '../../errors.js';
import type { Files } from '../formats/files.js';
import { namesIn } from '../formats/format.js';
import {
  classNamesOf,
  codingOf,
  coloursOf,
  type FoundPair,
  found,
  missingMask,
  type PartName,
  partsOf,
  type SceneFormat,
} from './format.js';

/** Background and the twenty classes, in the order of the development kit. */
export const vocClasses: readonly string[] = [
  ...['background', 'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair'],
  ...['cow', 'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa'],
  ...['train', 'tvmonitor'],
];

const listsPattern = /^(.*?)ImageSets\/Segmentation\/([^/]+)\.txt$/;

/** The list of each part, the first that is there. seg11valid is the part of VOC 2011's val that SBD does not train on (Long et al. 2015, section 4). */
const listNames: Readonly<Record<PartName, readonly string[]>> = {
  train: ['train', 'trainval'],
  validation: ['seg11valid', 'val'],
  test: ['test'],
};

/** The names in the list of a part, with the list's own name; null where there is none. */
async function listOf(files: Files, prefix: string, part: PartName) {
  for (const list of listNames[part]) {
    const name = `${prefix}ImageSets/Segmentation/${list}.txt`;
    if (files.names.includes(name)) return { list, stems: namesIn(await files.read(name)) };
  }
  return null;
}

/** The lists and what is wrong with them, in sentences. */
async function readLists(files: Files, prefix: string, there: ReadonlySet<string>) {
  const notes: string[] = [];
  const validation = await listOf(files, prefix, 'validation');
  const train = await listOf(files, prefix, 'train');
  const test = await listOf(files, prefix, 'test');
  const known = new Set(validation?.stems);
  const stems = train?.stems.filter((stem) => !known.has(stem)) ?? [];
  const shared = (train?.stems.length ?? 0) - stems.length;
  if (shared > 0)
    notes.push(
      `${shared} scenes of ${train?.list}.txt are in ${validation?.list}.txt too, and are not trained on`,
    );
  if (validation && validation.list !== 'val')
    notes.push(`the validation scenes are those of ${validation.list}.txt`);
  // VOC's own test masks are withheld.
  const hasMasks = test?.stems.every((stem) => there.has(`${prefix}SegmentationClass/${stem}.png`));
  if (test && !hasMasks) notes.push('the test part is not used: it has no masks');
  const parts: readonly (readonly [PartName, readonly string[]])[] = [
    ['train', stems],
    ['validation', validation?.stems ?? []],
    ['test', hasMasks ? (test?.stems ?? []) : []],
  ];
  return { parts, notes };
}

/** `JPEGImages/x.jpg`, `SegmentationClass/x.png`, by the lists of `ImageSets/Segmentation`. */
export const voc: SceneFormat = {
  name: 'PASCAL VOC',
  files: 'JPEGImages/*.jpg, SegmentationClass/*.png, ImageSets/Segmentation/train.txt, val.txt',
  recognizes: ({ names }) => names.some((name) => listsPattern.test(name)),
  async read(files, options) {
    const lists = files.names.flatMap((name) => listsPattern.exec(name)?.[1] ?? []);
    const prefix = lists[0] ?? '';
    const other = lists.find((each) => each !== prefix);
    if (other !== undefined)
      throw new DataError(
        `${files.where} holds several sets in VOC's layout: give the folder of one, ${files.path(prefix)} or ${files.path(other)}`,
        { path: files.where },
      );
    const there = new Set(files.names);
    const { parts, notes } = await readLists(files, prefix, there);
    const imageOf = (stem: string) =>
      ['jpg', 'jpeg', 'png', 'webp']
        .map((ending) => `${prefix}JPEGImages/${stem}.${ending}`)
        .find((name) => there.has(name)) ?? `${prefix}JPEGImages/${stem}.jpg`;
    const pairs = parts.flatMap(([part, stems]) =>
      stems.map(
        (stem): FoundPair => ({
          ...{ image: imageOf(stem), part },
          mask: `${prefix}SegmentationClass/${stem}.png`,
        }),
      ),
    );
    const lost = pairs.find(({ image }) => !there.has(image));
    if (lost)
      throw new DataError(`${files.path(lost.image)} is missing, which a list of scenes names`, {
        path: files.path(lost.image),
      });
    const alone = pairs.filter(({ mask }) => !there.has(mask));
    if (alone[0])
      throw missingMask(
        files,
        alone.map(({ image }) => image),
        pairs.length,
        alone[0].mask,
      );
    const own = await classNamesOf(files, options);
    const table = await coloursOf(files, options, own);
    const classes = own ?? table?.classes ?? vocClasses;
    const coding = codingOf(classes, table, options);
    return found(classes, table?.palette ?? [], partsOf(files, pairs, coding), [], notes);
  },
};
