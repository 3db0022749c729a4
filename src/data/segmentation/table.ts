/** The layouts of scenes, one line each; the first that recognizes the files reads them. */
import { ade } from './ade.js';
import { camvid } from './camvid.js';
import { camvidColourMasks } from './camvid-colours.js';
import { cityscapes } from './cityscapes.js';
import { coco } from './coco.js';
import type { SceneFormat } from './format.js';
import { pairFolders } from './pairs.js';
import { voc } from './voc.js';

export const sceneFormats: readonly SceneFormat[] = [
  voc,
  cityscapes,
  ade,
  camvid,
  camvidColourMasks,
  coco,
  pairFolders,
];
