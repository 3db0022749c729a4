/** The command with a network of convolutions: what it refuses, and a run from images to a judged model. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Folder, makeFolder, run } from '../../../test/cli.js';

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  for (let i = 0; i < 6; i++) {
    folder.write(`photos/labelled/bright/${i}.png`, 200 + 9 * i);
    folder.write(`photos/labelled/dark/${i}.png`, 9 * i);
    folder.write(`photos/unlabelled/${i}.png`, 40 * i);
    folder.write(`photos/test/bright/${i}.png`, 205 + 8 * i);
    folder.write(`photos/test/dark/${i}.png`, 8 * i);
  }
});
afterAll(() => folder.remove());

const images = ['--data', 'folder', '--folder', 'photos', '--height', '10', '--channels', '1'];
const training = (...more: string[]): string[] => [
  ...['train', 'ladder', '--network', 'conv-small', ...images],
  ...['--batch-size', '6', '--threads', '1', '--json', ...more],
];

describe('train ladder --network conv-small', () => {
  it('trains, goes on, and gives a model that evaluate takes', { timeout: 120_000 }, async () => {
    const io = { cwd: folder.path };
    const first = await run(training('--epochs', '2', '--output', 'run'), io);
    expect(first.code, first.err).toBe(0);
    expect(JSON.parse(first.out)).toMatchObject({ steps: 6, labels: 12 });
    const written = parse(readFileSync(join(folder.path, 'run/config.yaml'), 'utf8'));
    expect(written).toMatchObject({
      ...{ network: 'conv-small', mode: 'gamma', epochs: 2, whitening: 'none', layerNoise: 0.3 },
      lambdas: [0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    });
    expect(existsSync(join(folder.path, 'run/report.html'))).toBe(true);

    const config = ['--config', 'run/config.yaml', '--epochs', '4', '--output', 'run', '--resume'];
    const resumed = await run(['train', 'ladder', ...config, '--json'], io);
    expect(resumed.code, resumed.err).toBe(0);
    expect(JSON.parse(resumed.out)).toMatchObject({ steps: 12 });

    const judged = await run(['evaluate', 'run/model.onnx', '--data', 'photos', '--json'], io);
    expect(judged.code, judged.err).toBe(0);
    expect(JSON.parse(judged.out)).toMatchObject({ images: 12 });
  });

  it('refuses options and modes that it does not have', async () => {
    const io = { cwd: folder.path };
    const hidden = await run(training('--hidden', '8'), io);
    expect(hidden).toMatchObject({ code: 2 });
    expect(hidden.err).toContain('--hidden is no option of conv-small: leave it out');
    const mode = await run(training('--mode', 'bottom'), io);
    expect(mode).toMatchObject({ code: 2 });
    expect(mode.err).toContain('its modes are gamma (the default) and supervised');
    const dense = await run(['train', 'ladder', ...images, '--whitening', 'zca'], io);
    expect(dense).toMatchObject({ code: 2 });
    expect(dense.err).toContain('--whitening is no option of the dense network: leave it out');
  });
});
