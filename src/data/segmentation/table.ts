/** The layouts of scenes, one line each; the first that recognizes the files reads them. */
import { camvid } from './camvid.js';
import type { SceneFormat } from './format.js';
import { pairFolders } from './pairs.js';

export const sceneFormats: readonly SceneFormat[] = [camvid, pairFolders];
