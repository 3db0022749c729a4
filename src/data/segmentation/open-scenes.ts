/** Opens images with masks: the built-in scenes, or a folder in any of the known layouts. */
import { DataError } from '../../errors.js';
import { eachAtOnce } from '../encoded-source.js';
import { openFiles } from '../formats/files.js';
import type { DecodeProgress } from '../image-folder.js';
import type { Skipped } from '../list-images.js';
import { readBytes } from '../read-bytes.js';
import { type DigitSceneOptions, digitScenes } from './digits.js';
import type { PartName } from './format.js';
import { keepDecoded, type SceneRoom, sceneMemory } from './kept-scenes.js';
import {
  holdOutScenes,
  type SceneSource,
  type SegmentationData,
  subsetScenes,
  voidId,
} from './scenes.js';
import { sceneFormats } from './table.js';

/** How scenes are opened. */
export interface OpenScenesOptions {
  /** Training scenes held out to choose settings with, where the data has none itself: how many, or what share. None unless given. */
  readonly validation?: number;
  /** Decides which are held out, and what the built-in scenes show; 0 unless given. */
  readonly seed?: number;
  /** Names of the classes, in place of those that the folder gives. */
  readonly classes?: readonly string[] | undefined;
  /** A file with the colours of the classes, for masks of colours: see `parseColours`. */
  readonly maskColours?: string | undefined;
  /** Number 0 in the masks is void and the class `i` has the number i + 1. */
  readonly reduceZeroLabel?: boolean | undefined;
  /**
   * Decodes every scene once beforehand, so that what is wrong with one is said before training, and leaves out those
   * of void alone; true unless given.
   */
  readonly verify?: boolean;
  /** Bytes of decoded scenes that are kept in memory; `sceneMemory` unless given. */
  readonly memory?: number;
  /** What the built-in scenes are like. */
  readonly digits?: Omit<DigitSceneOptions, 'seed'> | undefined;
  readonly onProgress?: ((progress: DecodeProgress) => void) | undefined;
}

/** Data as it was opened. */
export interface OpenedScenes extends SegmentationData {
  /** Name of the layout. */
  readonly format: string;
}

/** The word for the built-in scenes. */
const builtIn = 'digits';

/** Levels of folders that are looked into: `VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt` has four. */
const levels = 4;

/**
 * Opens scenes. The word `digits` is the built-in set; `./digits` is a folder.
 * @throws DataError where it is not there or in no known layout, a mask is missing, of another size than its image or
 * of classes that are not known, an image cannot be decoded, or all pixels to learn from are void.
 */
export async function openScenes(
  where: string,
  options: OpenScenesOptions = {},
): Promise<OpenedScenes> {
  if (where === builtIn) {
    const { seed = 0, validation, digits } = options;
    // A share is one of the training scenes.
    const held =
      validation && validation < 1 ? Math.round(validation * (digits?.train ?? 2000)) : validation;
    const made = await digitScenes({ ...digits, seed, ...(held && { validation: held }) });
    return { ...made, format: 'built-in' };
  }
  const files = await openFiles(where, levels);
  if (files.folder === null)
    throw new DataError(`${where} is an archive: unpack it first`, { path: where });
  const format = sceneFormats.find((each) => each.recognizes(files));
  if (!format)
    throw new DataError(
      `${where} holds no images with masks in a layout that is known (${builtIn} is the built-in set):\n${sceneFormats.map((each) => `  ${each.name}: ${each.files}`).join('\n')}`,
      { path: where },
    );
  const { classes, reduceZeroLabel, maskColours } = options;
  const text = maskColours && new TextDecoder().decode(await readBytes(maskColours));
  const data = await format.read(files, {
    ...{ classes, reduceZeroLabel },
    ...(maskColours !== undefined && { colours: { text: text ?? '', where: maskColours } }),
  });
  if (data.train.count === 0)
    throw new DataError(`${where} has no training scenes: nothing to learn from`, { path: where });
  const usable = await prepared({ name: where, ...data }, options);
  return { ...divided(usable, options), format: format.name };
}

/** Keeps what is decoded, and leaves out scenes of void alone. */
async function prepared(
  data: SegmentationData,
  options: OpenScenesOptions,
): Promise<SegmentationData> {
  const room: SceneRoom = { left: options.memory ?? sceneMemory };
  const keep = (source: SceneSource | null) => source && keepDecoded(source, room);
  const kept = {
    ...data,
    train: keepDecoded(data.train, room),
    validation: keep(data.validation),
    test: keep(data.test),
  };
  return options.verify === false ? kept : verified(kept, options.onProgress);
}

async function verified(
  data: SegmentationData,
  onProgress: OpenScenesOptions['onProgress'],
): Promise<SegmentationData> {
  const parts = [data.train, data.validation, data.test];
  const total = parts.reduce((sum, part) => sum + (part?.count ?? 0), 0);
  let done = 0;
  const skipped: Skipped[] = [...data.skipped];
  const notes = [...data.notes];
  const good = async (part: PartName, source: SceneSource | null): Promise<SceneSource | null> => {
    if (!source) return null;
    const isVoid = new Uint8Array(source.count);
    await eachAtOnce(source.count, async (index) => {
      const { mask } = await source.decode(index);
      isVoid[index] = mask.ids.every((id) => id === voidId) ? 1 : 0;
      onProgress?.({ done: ++done, total, file: source.name(index) });
    });
    const left = [...isVoid.keys()].filter((index) => isVoid[index] === 0);
    if (left.length === source.count) return source;
    for (const [index, empty] of isVoid.entries())
      if (empty) skipped.push({ file: source.name(index), reason: 'has a mask of void alone' });
    notes.push(
      left.length === 0
        ? `the ${part} part is not used: all its pixels are void`
        : `${source.count - left.length} of the ${source.count} ${part} scenes are left out: all their pixels are void`,
    );
    return left.length === 0 ? null : subsetScenes(source, left);
  };
  const train = await good('train', data.train);
  if (!train)
    throw new DataError(
      `all pixels of the ${data.train.count} training masks of ${data.name} are void (${voidId}): nothing to learn from. Check that the masks hold class ids from 0 on, and which number is void`,
      { path: data.name },
    );
  const validation = await good('validation', data.validation);
  const test = await good('test', data.test);
  return { ...data, train, validation, test, skipped, notes };
}

function divided(data: SegmentationData, options: OpenScenesOptions): SegmentationData {
  const { validation = 0, seed = 0 } = options;
  if (data.validation !== null || validation === 0) return data;
  const { rest, held } = holdOutScenes(data.train, validation, seed);
  return { ...data, train: rest, validation: held };
}
