/** What a classifier of pixels sees in the images that it was taught with: masks, overlays, uncertainty. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Rgb } from '../data/segmentation/scenes.js';
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
import type { Meanwhile } from './meanwhile.js';
import { interleaved } from './segmenter-judging.js';

/** An image with what is seen in it. */
export interface PicturedImage {
  readonly file: string;
  /** Paths by kind: mask, overlay, uncertainty. */
  readonly files: Readonly<Record<'mask' | 'overlay' | 'uncertainty', string>>;
  /** Share of the pixels that each class has, in [0, 1]. */
  readonly shares: readonly number[];
  /** Mean over all pixels, in [0, 1]. */
  readonly uncertainty: number;
  /** For the report. */
  readonly picture: ReportScribbles;
}

/** Looks at the images, and begins to write what is seen into `predictions/`. */
export async function pictureImages(
  run: ScribbleRunOptions,
  { head }: PixelFit,
  layers: readonly CachedFeatures[],
  folder: RunFolder,
  files: Meanwhile,
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
    const { seen, ids } = picture(run, i, image, await score(features), into);
    pictured.push(seen);
    files.add(save(seen, ids, run.scribbles.palette));
  }
  return pictured;
}

function picture(
  { scribbles, opacity }: ScribbleRunOptions,
  index: number,
  image: CachedFeatures['image'],
  { probabilities, uncertainty }: PixelScores,
  into: string,
): { readonly seen: PicturedImage; readonly ids: Uint8Array } {
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
  const counts = new Array<number>(classes.length).fill(0);
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  const seen = {
    ...{ file: name, files },
    shares: counts.map((count) => count / ids.length),
    uncertainty: sum / unsure.length,
    picture: {
      ...{ name, width, height, pixels, unsure, predicted: laid },
      strokes: mask?.ids ?? new Uint8Array(ids.length).fill(255),
    },
  };
  return { seen, ids };
}

/** Each file is compressed beside the others. */
async function save(
  { files, picture: { width, height, unsure, predicted } }: PicturedImage,
  ids: Uint8Array,
  palette: readonly Rgb[],
): Promise<void> {
  const size = { width, height };
  await Promise.all([
    palettePngWriter(files.mask, { ...size, palette }).then((file) => whole(file, ids)),
    greyPngWriter(files.uncertainty, size).then((file) => whole(file, unsure)),
    rgbPngWriter(files.overlay, size).then((file) => whole(file, predicted)),
  ]);
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
