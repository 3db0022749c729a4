/** The generator's hardest images by epoch, kept in the run's folder so that a resumed run has them all. */
import { appendFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { SampledImages } from '../methods/confident/train.js';

/** Images of one moment, those that the classifier was surest of first. */
export interface HardestSamples {
  readonly step: number;
  readonly epoch: number;
  /** Mean over all generated images of the classifier's largest probability. */
  readonly confidence: number;
  /** Channels, height, width. */
  readonly shape: readonly number[];
  readonly images: readonly {
    readonly confidence: number;
    /** (channels, height, width), 0 to 255. */
    readonly pixels: Uint8Array;
  }[];
}

/** Images that are kept of a moment: ours, a row of the report. */
const kept = 12;

const lineSchema = z.object({
  step: z.number(),
  epoch: z.number(),
  confidence: z.number(),
  shape: z.array(z.number()),
  images: z.array(z.object({ confidence: z.number(), pixels: z.string() })),
});

const fileIn = (folder: string): string => join(folder, 'samples.jsonl');

/** Forgets the images of a run that is begun anew. */
export const clearSamples = (folder: string): Promise<void> => rm(fileIn(folder), { force: true });

/** Adds the images of a moment as a line of `samples.jsonl`. */
export async function appendSamples(
  folder: string,
  { step, epoch, images, confidence }: SampledImages,
): Promise<void> {
  const [count = 1, ...shape] = images.dims;
  const size = images.data.length / count;
  const surest = [...confidence.keys()].sort((a, b) => (confidence[b] ?? 0) - (confidence[a] ?? 0));
  const line: z.input<typeof lineSchema> = {
    ...{ step, epoch, shape, confidence: confidence.reduce((a, b) => a + b, 0) / count },
    images: surest.slice(0, kept).map((i) => ({
      confidence: confidence[i] ?? 0,
      pixels: Buffer.from(
        Uint8Array.from(images.data.subarray(i * size, (i + 1) * size), (x) => Math.round(255 * x)),
      ).toString('base64'),
    })),
  };
  await appendFile(fileIn(folder), `${JSON.stringify(line)}\n`);
}

/** The images of all moments in their order; of a step that was taken twice, the later ones. */
export async function readSamples(folder: string): Promise<HardestSamples[]> {
  const text = await readFile(fileIn(folder), 'utf8').catch(() => '');
  const bySteps = new Map<number, HardestSamples>();
  for (const line of text.split('\n')) {
    const parsed = parsedLine(line);
    if (!parsed) continue;
    const images = parsed.images.map(({ confidence, pixels }) => ({
      confidence,
      pixels: new Uint8Array(Buffer.from(pixels, 'base64')),
    }));
    bySteps.set(parsed.step, { ...parsed, images });
  }
  return [...bySteps.values()].sort((a, b) => a.step - b.step);
}

/** A line that was cut off by a kill is none. */
function parsedLine(line: string): z.output<typeof lineSchema> | null {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
