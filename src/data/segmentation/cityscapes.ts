/**
 * Cityscapes (Cordts et al. 2016): `leftImg8bit/<part>/<city>/x_leftImg8bit.png` with
 * `gtFine/<part>/<city>/x_gtFine_labelIds.png`. 19 of its 34 labels are classes; the others are void.
 * @see https://github.com/mcordts/cityscapesScripts, cityscapesscripts/helpers/labels.py: id, trainId and colour
 */
import type { Files } from '../formats/files.js';
import { type FoundPair, found, missingMask, partOf, partsOf, type SceneFormat } from './format.js';
import { indexCoding } from './mask.js';
import { type Rgb, voidId } from './scenes.js';

/** Name, label id and colour of the classes, in the order of their training ids. */
const labels: readonly (readonly [name: string, id: number, colour: Rgb])[] = [
  ['road', 7, [128, 64, 128]],
  ['sidewalk', 8, [244, 35, 232]],
  ['building', 11, [70, 70, 70]],
  ['wall', 12, [102, 102, 156]],
  ['fence', 13, [190, 153, 153]],
  ['pole', 17, [153, 153, 153]],
  ['traffic light', 19, [250, 170, 30]],
  ['traffic sign', 20, [220, 220, 0]],
  ['vegetation', 21, [107, 142, 35]],
  ['terrain', 22, [152, 251, 152]],
  ['sky', 23, [70, 130, 180]],
  ['person', 24, [220, 20, 60]],
  ['rider', 25, [255, 0, 0]],
  ['car', 26, [0, 0, 142]],
  ['truck', 27, [0, 0, 70]],
  ['bus', 28, [0, 60, 100]],
  ['train', 31, [0, 80, 100]],
  ['motorcycle', 32, [0, 0, 230]],
  ['bicycle', 33, [119, 11, 32]],
];

/** Labels have the ids 0 to 33. */
const labelCount = 34;

const imagePattern = /^(?:.*\/)?leftImg8bit\/([^/]+)\/.*_leftImg8bit\.png$/;

/** The file of ids that goes with an image: all labels' or, where only those are there, training ids. */
const maskOf = (image: string, kind: string): string =>
  image
    .replace(/leftImg8bit\/(?=[^/]+\/)/, 'gtFine/')
    .replace(/leftImg8bit\.png$/, `gtFine_${kind}.png`);

function codingFor(kind: string) {
  if (kind === 'labelTrainIds') return indexCoding(labels.length);
  const ids = Array.from({ length: labelCount }, (_, id) => id);
  const mapping = ids.map((id) => {
    const at = labels.findIndex(([, of]) => of === id);
    return [id, at < 0 ? voidId : at] as const;
  });
  return indexCoding(labels.length, { mapping: new Map(mapping) });
}

const kindIn = (files: Files): string =>
  files.names.some((name) => name.endsWith('_gtFine_labelIds.png')) ? 'labelIds' : 'labelTrainIds';

/** Images and fine annotations. */
export const cityscapes: SceneFormat = {
  name: 'Cityscapes',
  files: 'leftImg8bit/<part>/<city>/*_leftImg8bit.png, gtFine/<part>/<city>/*_gtFine_labelIds.png',
  recognizes: ({ names }) => names.some((name) => imagePattern.test(name)),
  async read(files) {
    const kind = kindIn(files);
    const there = new Set(files.names);
    const pairs = files.names.flatMap((image): FoundPair[] => {
      const part = partOf(imagePattern.exec(image)?.[1] ?? '');
      return part ? [{ image, part, mask: maskOf(image, kind) }] : [];
    });
    const alone = pairs.filter(({ mask }) => !there.has(mask));
    if (alone[0])
      throw missingMask(
        files,
        alone.map(({ image }) => image),
        pairs.length,
        alone[0].mask,
      );
    const colours = labels.map(([, , colour]) => colour);
    const classes = labels.map(([name]) => name);
    return found(classes, colours, partsOf(files, pairs, codingFor(kind)));
  },
};
