/**
 * Strokes on a 640x480 photo with five layers of SqueezeNet 1.1: from the first labels to the whole prediction, and the fit
 * after another stroke, each as the program that a user starts (`npm run build` first), and by one that stays (`--watch`). With ESPALIER_DATA, or ../shared/data
 * beside the repository, on a real photo and real weights; without, on drawn ones, which take as long.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { z } from 'zod';
import { UsageError } from '../src/errors.js';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import { encodePng } from '../src/report/png.js';
import { writeModelFile } from '../src/runs/model-file.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import type { Benchmark } from './benchmark.js';
import { summary } from './rounds.js';
import { watchedProgram } from './watched-program.js';

const [width, height] = [640, 480];
const taps = 'conv1,fire3,fire5,fire7,fire9';
/** Seconds: what the task asks for. */
const most = { first: 5, refit: 1 };
const program = fileURLToPath(new URL('../dist/program/main.js', import.meta.url));
const data =
  process.env['ESPALIER_DATA'] ?? fileURLToPath(new URL('../../shared/data', import.meta.url));
const told = z.object({ cached: z.number(), seconds: z.object({ all: z.number() }) });

/** Two strokes, or three. */
function strokes(more: boolean): Uint8Array {
  const ids = new Uint8Array(width * height).fill(255);
  const line = (top: number, left: number, down: number, across: number, id: number): void => {
    for (let t = 0; t < 300; t++)
      for (let i = 0; i < 25; i++) {
        const y = Math.round(top + (down * t) / 300) + Math.floor(i / 5);
        ids[y * width + Math.round(left + (across * t) / 300) + (i % 5)] = id;
      }
  };
  line(40, 20, 0, 560, 0);
  line(200, 280, 100, 100, 1);
  if (more) line(320, 300, 100, 60, 1);
  return ids;
}

/** Photo, network and strokes. */
async function prepare(folder: string): Promise<string> {
  const photo = join(data, 'photos/cat_720p.jpg');
  const noise = new Float32Array(3 * 30 * 40);
  fillUniform(noise, streamKey(1, 0, 'scribbles'));
  const drawn = sharp(
    Uint8Array.from(noise, (value) => 255 * value),
    {
      raw: { width: 40, height: 30, channels: 3 },
    },
  );
  const image = existsSync(photo) ? sharp(photo) : drawn;
  await image.resize(width, height, { fit: 'cover' }).jpeg().toFile(join(folder, 'photo.jpg'));
  for (const [name, more] of [
    ['first', false],
    ['refit', true],
  ] as const)
    await writeFile(join(folder, `${name}.png`), encodePng(strokes(more), width, height, 1));
  const network = join(data, 'models/squeezenet1.1.onnx');
  if (existsSync(network)) return network;
  const made = join(folder, 'squeezenet.onnx');
  await writeModelFile(made, buildModel(models.squeezenet, { seed: 1 }));
  return made;
}

export const scribblesBenchmark: Benchmark = {
  name: 'scribbles',
  summary: 'strokes on a photo: first labels to the whole prediction, and the fit after another',
  amount: { steps: 1, warmup: 0, rounds: 5 },
  kind: 'host',
  async run({ rounds, threads: numbers, small, progress }) {
    const threads = Math.max(...numbers);
    if (!existsSync(program)) throw new UsageError('there is no program yet: npm run build first');
    const folder = await mkdtemp(join(tmpdir(), 'espalier-scribbles-'));
    const times: Record<'first' | 'refit', { whole: number[]; inside: number[] }> = {
      first: { whole: [], inside: [] },
      refit: { whole: [], inside: [] },
    };
    const watching: number[] = [];
    const wordsOf = (network: string, file: string): string[] => {
      const words = `train hypercolumn --from ${network} --image photo.jpg --labels ${file}.png`;
      const more = `--taps ${taps} --scale 1 --mean 122.679,116.669,104.007`;
      return [program, ...`${words} ${more} --threads ${threads} --output run --json`.split(' ')];
    };
    try {
      const network = await prepare(folder);
      for (let round = 0; round < rounds; round++) {
        await rm(join(folder, 'run'), { recursive: true, force: true });
        for (const part of ['first', 'refit'] as const) {
          const words = [...wordsOf(network, part), '--quiet'];
          const began = performance.now();
          const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: folder });
          times[part].whole.push(performance.now() - began);
          times[part].inside.push(1000 * told.parse(JSON.parse(stdout)).seconds.all);
          progress(`${part}: ${((performance.now() - began) / 1000).toFixed(2)} s`);
        }
      }
      await copyFile(join(folder, 'first.png'), join(folder, 'drawn.png'));
      const words = [...wordsOf(network, 'drawn'), '--watch'];
      const painter = await watchedProgram(words, folder, 'drawn.png');
      try {
        for (let round = 0; round < rounds; round++)
          watching.push(await painter.draw(round % 2 === 0 ? 'refit.png' : 'first.png'));
      } finally {
        painter.stop();
      }
      progress(`watching: ${watching.map((ms) => (ms / 1000).toFixed(2)).join(', ')} s`);
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
    const seconds = (all: readonly number[]) => summary(all).median / 1000;
    const figures = {
      first: { whole: seconds(times.first.whole), inside: seconds(times.first.inside) },
      refit: { whole: seconds(times.refit.whole), inside: seconds(times.refit.inside) },
      watching: seconds(watching),
    };
    const line = (what: string, part: 'first' | 'refit') =>
      `${what.padEnd(44)}${figures[part].whole.toFixed(2)} s, of which ${figures[part].inside.toFixed(2)} s after the program has started; at most ${most[part]} s`;
    return {
      figures: { threads, ...figures },
      lines: [
        line('first labels to the whole prediction', 'first'),
        line('after another stroke, layers kept', 'refit'),
        `${'the same by a program that stays'.padEnd(44)}${figures.watching.toFixed(2)} s, from strokes to pictures; at most ${most.refit} s`,
      ],
      failures: [
        ...(figures.first.whole > most.first && !small
          ? ['the first prediction takes too long']
          : []),
        ...(Math.max(figures.refit.whole, figures.watching) > most.refit && !small
          ? ['the fit after another stroke takes too long']
          : []),
      ],
    };
  },
};
