/**
 * CamVid (Brostow, Fauqueur and Cipolla 2009) as its authors publish it: 701 images of 960 x 720, and masks
 * `<image>_L.png` in the colours of 32 classes, which are taken together to SegNet's 11.
 * @see http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/, "Class colours"
 * @see https://www.mathworks.com/help/vision/ug/semantic-segmentation-using-deep-learning.html, which lists what
 * belongs to each of the 11
 */
import { extname } from 'node:path';
import { imageEndings } from '../decode-image.js';
import { baseName } from '../formats/format.js';
import { camvidClasses } from './camvid.js';
import { type ColourTable, colourTable, parseColours } from './colours.js';
import {
  aboutClasses,
  classNamesOf,
  codingOf,
  found,
  missingMask,
  partOf,
  partsOf,
  type SceneFormat,
  stemOf,
} from './format.js';
import type { Rgb } from './scenes.js';

/** The published colours, under the class that each belongs to. */
const members: Readonly<Record<string, readonly Rgb[]>> = {
  Sky: [[128, 128, 128]],
  // Building, Wall, Bridge, Tunnel, Archway
  Building: [
    [128, 0, 0],
    [64, 192, 0],
    [0, 128, 64],
    [64, 0, 64],
    [192, 0, 128],
  ],
  // Column_Pole, TrafficCone
  Pole: [
    [192, 192, 128],
    [0, 0, 64],
  ],
  // Road, LaneMkgsDriv, LaneMkgsNonDriv
  Road: [
    [128, 64, 128],
    [128, 0, 192],
    [192, 0, 64],
  ],
  // Sidewalk, ParkingBlock, RoadShoulder
  Pavement: [
    [0, 0, 192],
    [64, 192, 128],
    [128, 128, 192],
  ],
  // Tree, VegetationMisc
  Tree: [
    [128, 128, 0],
    [192, 192, 0],
  ],
  // SignSymbol, Misc_Text, TrafficLight
  SignSymbol: [
    [192, 128, 128],
    [128, 128, 64],
    [0, 64, 64],
  ],
  Fence: [[64, 64, 128]],
  // Car, SUVPickupTruck, Truck_Bus, Train, OtherMoving
  Car: [
    [64, 0, 128],
    [64, 128, 192],
    [192, 128, 192],
    [192, 64, 128],
    [128, 64, 64],
  ],
  // Pedestrian, Child, CartLuggagePram, Animal
  Pedestrian: [
    [64, 64, 0],
    [192, 128, 64],
    [64, 0, 192],
    [64, 128, 64],
  ],
  // Bicyclist, MotorcycleScooter
  Bicyclist: [
    [0, 128, 192],
    [192, 0, 192],
  ],
  Void: [[0, 0, 0]],
};

/** The 32 colours and the 11 classes that they are taken together to. */
export function camvidColours(): ColourTable {
  const entries = Object.entries(members).flatMap(([name, colours]) =>
    colours.map((colour) => [name, colour] as const),
  );
  return colourTable(
    entries,
    "CamVid's classes",
    camvidClasses.map(([name]) => name),
  );
}

/** `x.png` and, wherever it lies, `x_L.png`. */
export const camvidColourMasks: SceneFormat = {
  name: 'CamVid, colours',
  files:
    '<image>.png and <image>_L.png in folders of their own (train/, val/, test/ in their names)',
  recognizes: ({ names }) => names.some((name) => name.endsWith('_L.png')),
  async read(files, options) {
    // Only what the user gives: label_colors.txt lies in the folder as it is published, and has all 32.
    const named = options.classes ? await classNamesOf(files, options) : null;
    const table = options.colours
      ? parseColours(options.colours.text, options.colours.where, named)
      : camvidColours();
    const masks = new Map(
      files.names
        .filter((name) => name.endsWith('_L.png'))
        .map((name) => [baseName(name).slice(0, -'_L.png'.length), name]),
    );
    const images = files.names.filter(
      (name) => imageEndings.includes(extname(name).toLowerCase()) && !name.endsWith('_L.png'),
    );
    const alone = images.filter((name) => !masks.has(baseName(stemOf(name))));
    if (alone[0]) {
      const expected = `${baseName(stemOf(alone[0]))}_L.png`;
      throw missingMask(files, alone, images.length, expected);
    }
    const stems = new Set(images.map((name) => baseName(stemOf(name))));
    const pairs = images.map((image) => ({
      image,
      mask: masks.get(baseName(stemOf(image))) ?? '',
      part: partOf((image.split('/')[0] ?? '').split('_')[0] ?? '') ?? 'train',
    }));
    const skipped = files.names
      .filter((name) => !images.includes(name) && !stems.has(baseName(name).slice(0, -6)))
      .filter((name) => !aboutClasses.has(name))
      .map((file) => ({ file, reason: 'belongs to no image' }));
    const colours = options.colours ? table.palette : camvidClasses.map(([, colour]) => colour);
    const coding = codingOf(table.classes, table, options);
    return found(table.classes, colours, partsOf(files, pairs, coding), skipped);
  },
};
