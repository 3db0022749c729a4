/** Memory and time of a segmenter over images of any size: the peak must not grow with the image. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { internal } from '../src/errors.js';
import type { Benchmark } from './benchmark.js';

/** Pixels along a side; the first `steps` of them where none are given. */
const sides = [2000, 4000, 8000, 16_000, 20_000];
/**
 * A peak above that of the smallest image by more than this is growth. Memory breathes with the garbage collector, and
 * with the regions, which are evened out so that no tile is a sliver.
 */
const breath = 1.25;
/** Megabytes that no size may take. */
const most = 2000;

const figureSchema = z.object({
  side: z.number(),
  tiles: z.number(),
  region: z.number(),
  secondsToOpen: z.number(),
  secondsToRun: z.number(),
  peakMegabytes: z.number(),
});
type Figure = z.infer<typeof figureSchema>;

export const tilesBenchmark: Benchmark = {
  name: 'tiles',
  summary:
    'peak memory and time of tiled prediction: 2,000^2 to 16,000^2 pixels, --steps 5 to 20,000^2',
  amount: { steps: 4, warmup: 0, rounds: 1 },
  kind: 'host',
  async run({ steps, threads, small, progress }) {
    const figures: Figure[] = [];
    for (const side of small ? [640] : sides.slice(0, steps)) {
      const figure = await measured(side, Math.max(...threads), progress);
      figures.push(figure);
      progress(line(figure));
    }
    const [first] = figures;
    const failures = figures.flatMap(({ side, peakMegabytes }) => [
      ...(first && peakMegabytes > breath * first.peakMegabytes
        ? [
            `the peak at ${side} x ${side} is above ${breath} times that of ${first.side} x ${first.side}`,
          ]
        : []),
      ...(peakMegabytes > most ? [`the peak at ${side} x ${side} is above ${most} MB`] : []),
    ]);
    return {
      figures: { sizes: figures },
      lines: ['FCN-8s on SqueezeNet 1.1, 11 classes, PNG to PNG', ...figures.map(line)],
      failures,
    };
  },
};

const line = ({
  side,
  tiles,
  region,
  secondsToOpen,
  secondsToRun,
  peakMegabytes,
}: Figure): string =>
  `${`${side} x ${side}`.padEnd(14)} peak ${peakMegabytes.toFixed(0).padStart(5)} MB, decoded in ${secondsToOpen.toFixed(1)} s, ${tiles} tiles of ${region} in ${secondsToRun.toFixed(1)} s (${((side * side) / 1e6 / secondsToRun).toFixed(2)} megapixels/s)`;

/** Runs one size in a process and a folder of its own. */
async function measured(
  side: number,
  threads: number,
  progress: (line: string) => void,
): Promise<Figure> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-tiles-'));
  const program = fileURLToPath(new URL('tiled-image.ts', import.meta.url));
  const args = ['--import', 'tsx', program, folder, String(side), String(threads)];
  try {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => progress(chunk.toString().trimEnd()));
    const code = await new Promise((resolve) => child.on('close', resolve));
    if (code !== 0) internal(`the process for ${side} x ${side} ended with ${code}`);
    return figureSchema.parse(JSON.parse(printed));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
