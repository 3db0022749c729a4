/** One image file through a segmenter, however large it is, to the files that are wanted of it. */

import { loadSharp, pixelCap } from '../data/decode-image.js';
import { predictTiled } from '../data/large/predict-tiled.js';
import type { Regions } from '../data/large/regions.js';
import { planTiles, type TilePlan } from '../dense/tiles.js';
import { overlay } from '../report/overlay.js';
import { encodePng } from '../report/png.js';
import { writeAtomically } from '../runs/atomic-file.js';
import { npyWriter } from '../runs/npy-file.js';
import { greyPngWriter, palettePngWriter } from '../runs/png-file.js';
import type { Context } from './command.js';
import type { ImageSegmenter } from './image-segmenter.js';
import { interleaved } from './segmenter-judging.js';
import { defined } from './training-run.js';

/** What is told of an image. */
export interface Segmented {
  readonly width: number;
  readonly height: number;
  /** By class: pixels (or positions of a coarser map), and the share that they are of all, in [0, 1]. */
  readonly areas: Readonly<Record<string, { readonly pixels: number; readonly share: number }>>;
}

export interface SegmentImageOptions {
  readonly overlay: 'png' | 'jpeg' | 'none';
  readonly opacity: number;
  readonly tile?: number | undefined;
}

/**
 * Segments one image.
 * @param files paths by kind: `mask`, `overlay`, `uncertainty`, `probabilities`, those that are wanted
 * @throws DataError where the image cannot be read; ModelError where it does not go through the model.
 */
export async function segmentImage(
  segmenter: ImageSegmenter,
  file: string,
  files: Readonly<Record<string, string>>,
  options: SegmentImageOptions,
  context: Context,
): Promise<Segmented> {
  const regions = await segmenter.openImage(file);
  try {
    const { width, height } = regions;
    const plan = planTiles(segmenter.model, [height, width], {
      output: segmenter.output,
      ...defined({ tile: options.tile }),
    });
    for (const note of plan.notes) context.note(`${file}: ${note}`);
    const isLarge = width * height > pixelCap;
    if (isLarge && files['overlay'] !== undefined)
      context.note(
        `${file}: too large for an overlay, which is made of at most ${pixelCap / 1e6} megapixels`,
      );
    const wanted = isLarge ? null : files['overlay'];
    const Ids = isWide(segmenter) ? Uint16Array : Uint8Array;
    const ids = wanted ? new Ids(plan.positions[0] * plan.positions[1]) : null;
    const counts = await run(segmenter, regions, plan, files, ids, context);
    if (wanted && ids) await writeOverlay(wanted, regions, ids, plan, segmenter, options);
    const all = counts.reduce((sum, count) => sum + count, 0);
    const areas = segmenter.classes.map((name, k) => {
      const pixels = counts[k] ?? 0;
      return [name, { pixels, share: pixels / all }] as const;
    });
    return { width, height, areas: Object.fromEntries(areas) };
  } finally {
    await regions.close();
  }
}

type Ids = Uint8Array | Uint16Array;

/** Whether there are more classes than a palette has colours. */
const isWide = ({ classes }: ImageSegmenter): boolean => classes.length > 256;

/** Runs all tiles; `ids` takes the classes of the whole where it is given. */
async function run(
  segmenter: ImageSegmenter,
  regions: Regions,
  plan: TilePlan,
  files: Readonly<Record<string, string>>,
  ids: Ids | null,
  context: Context,
): Promise<readonly number[]> {
  const [height, width] = plan.positions;
  const { session, preprocessing, palette, classes } = segmenter;
  const file = files['mask'] ?? '';
  const mask = isWide(segmenter)
    ? await greyPngWriter(file, { width, height }, 16)
    : await palettePngWriter(file, { width, height, palette });
  const { probabilities: path } = files;
  const dims = [classes.length, height, width] as const;
  const scores = path === undefined ? null : await npyWriter(path, { dims, dtype: 'float32' });
  const unsure = files['uncertainty'];
  const uncertainty = unsure === undefined ? null : await greyPngWriter(unsure, { width, height });
  let at = 0;
  try {
    const sink = {
      classes: {
        async write(rows: Ids) {
          ids?.set(rows, at);
          at += rows.length;
          await mask.write(rows);
        },
      },
      ...(uncertainty && { uncertainty }),
      ...(scores && { scores }),
    };
    const { counts } = await predictTiled(session, regions, sink, plan, {
      preprocessing,
      signal: context.signal,
    });
    await mask.finish();
    await uncertainty?.finish();
    await scores?.finish();
    return counts;
  } finally {
    // Nothing after they are finished.
    await mask.abandon();
    await uncertainty?.abandon();
    await scores?.abandon();
  }
}

async function writeOverlay(
  path: string,
  regions: Regions,
  ids: Ids,
  plan: TilePlan,
  segmenter: ImageSegmenter,
  options: SegmentImageOptions,
): Promise<void> {
  const { width, height, channels } = regions;
  const pixels = interleaved({
    ...{ width, height, channels },
    pixels: await regions.read(0, 0, height, width),
  });
  const rgb = overlay(
    { width, height, channels: 3, pixels },
    atPixels(ids, plan.positions, [height, width]),
    segmenter.palette,
    // Of predictions no pixel is void, and where there are so many classes 255 is one of them.
    { opacity: options.opacity, ignore: -1 },
  );
  const bytes =
    options.overlay === 'png'
      ? encodePng(rgb, width, height, 3)
      : await (await loadSharp())(rgb, { raw: { width, height, channels: 3 } })
          .jpeg({ quality: 92 })
          .toBuffer();
  await writeAtomically(path, bytes, { what: 'overlay' });
}

type Sides = readonly [height: number, width: number];

/** The classes of a coarser map spread over the image's pixels. */
function atPixels(ids: Ids, from: Sides, to: Sides): Ids {
  if (from[0] === to[0] && from[1] === to[1]) return ids;
  const out: Ids =
    ids instanceof Uint16Array ? new Uint16Array(to[0] * to[1]) : new Uint8Array(to[0] * to[1]);
  for (let y = 0; y < to[0]; y++) {
    const row = Math.floor((y * from[0]) / to[0]) * from[1];
    for (let x = 0; x < to[1]; x++)
      out[y * to[1] + x] = ids[row + Math.floor((x * from[1]) / to[1])] ?? 0;
  }
  return out;
}
