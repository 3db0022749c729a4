/** What a classifier of pixels sees in the images that it was taught with: masks, overlays, uncertainty. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PixelFeatures } from '../methods/hypercolumn/pixel-features.js';
import type { PixelFit } from '../methods/hypercolumn/pixel-fit.js';
import { type PixelScores, pixelScorer } from '../methods/hypercolumn/pixel-model.js';
import { classesOfPixels } from '../metrics/segmentation.js';
import { overlay } from '../report/overlay.js';
import type { ReportScribbles } from '../report/run-report.js';
import type { CachedFeatures } from '../runs/feature-cache.js';
import { greyPngWriter, type PngWriter, palettePngWriter, rgbPngWriter } from '../runs/png-file.js';
import type { RunFolder } from '../runs/run-folder.js';
import type { ScribbleRunOptions } from './hypercolumn-scribbles.js';
import { interleaved } from './segmenter-judging.js';

/** An image with what is seen in it. */
export interface PicturedImage {
  readonly file: string;
  /** Paths by kind: mask, overlay, uncertainty. */
  readonly files: Readonly<Record<string, string>>;
  /** Share of the pixels that each class has, in [0, 1]. */
  readonly shares: readonly number[];
  /** Mean over all pixels, in [0, 1]. */
  readonly uncertainty: number;
  /** For the report. */
  readonly picture: ReportScribbles;
}

/** Writes them into `predictions/`. */
export async function pictureImages(
  run: ScribbleRunOptions,
  { head }: PixelFit,
  layers: readonly CachedFeatures[],
  folder: RunFolder,
): Promise<PicturedImage[]> {
  const into = join(folder.path, 'predictions');
  await mkdir(into, { recursive: true });
  const scorers = new Map<string, (features: PixelFeatures) => Promise<PixelScores>>();
  const pictured: PicturedImage[] = [];
  for (const [i, { image, maps }] of layers.entries()) {
    const features = { height: image.height, width: image.width, maps };
    const size = `${image.width} x ${image.height}`;
    const session = run.threads === undefined ? {} : { threads: run.threads };
    const score =
      scorers.get(size) ?? (await pixelScorer(run.runtime, run.taps, head, features, session));
    scorers.set(size, score);
    pictured.push(await picture(run, i, image, await score(features), into));
  }
  return pictured;
}

async function picture(
  { scribbles, opacity }: ScribbleRunOptions,
  index: number,
  image: CachedFeatures['image'],
  { probabilities, uncertainty }: PixelScores,
  into: string,
): Promise<PicturedImage> {
  const { width, height } = image;
  const { palette, classes, all } = scribbles;
  const { name = '', stem = '', mask } = all[index] ?? {};
  const ids = classesOfPixels(probabilities);
  const unsure = new Uint8Array(ids.length);
  let sum = 0;
  for (let i = 0; i < unsure.length; i++) {
    const value = uncertainty.data[i] as number;
    unsure[i] = Math.round(255 * value);
    sum += value;
  }
  const pixels = interleaved(image);
  const path = (kind: string): string => join(into, `${stem}-${kind}.png`);
  const files = { mask: path('mask'), overlay: path('overlay'), uncertainty: path('uncertainty') };
  const laid = overlay({ width, height, channels: 3, pixels }, ids, palette, {
    ...{ opacity, ignore: -1 },
  });
  // Each is compressed beside the others.
  await Promise.all([
    palettePngWriter(files.mask, { width, height, palette }).then((file) => whole(file, ids)),
    greyPngWriter(files.uncertainty, { width, height }).then((file) => whole(file, unsure)),
    rgbPngWriter(files.overlay, { width, height }).then((file) => whole(file, laid)),
  ]);
  const counts = new Array<number>(classes.length).fill(0);
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return {
    ...{ file: name, files },
    shares: counts.map((count) => count / ids.length),
    uncertainty: sum / unsure.length,
    picture: {
      ...{ name, width, height, pixels, unsure, predicted: laid },
      strokes: mask?.ids ?? new Uint8Array(ids.length).fill(255),
    },
  };
}

async function whole(file: PngWriter, rows: Uint8Array): Promise<void> {
  try {
    await file.write(rows);
    await file.finish();
  } finally {
    // Nothing after it is finished.
    await file.abandon();
  }
}
