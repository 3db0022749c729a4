import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../../../test/cli.js';
import { datasets } from '../../data/table.js';
import { type Model, model } from '../../graph/graph.js';
import { describeClassifier } from '../../onnx/metadata.js';
import { builder } from '../../ops/builder.js';
import { tensor } from '../../tensor/tensor.js';

const [area, classes] = [784, 10];

/** Takes a digit for the class whose mean image is nearest: 80 of 100 right, and nothing to train. */
async function nearestMean(): Promise<Model> {
  const { labelled } = await datasets.mnist.load({ labels: 1000, seed: 1 });
  const means = new Float32Array(classes * area);
  const counts = new Float32Array(classes);
  labelled.labels?.forEach((label, i) => {
    counts[label] = (counts[label] ?? 0) + 1;
    for (let at = 0; at < area; at++)
      means[label * area + at] =
        (means[label * area + at] ?? 0) + (labelled.images[i * area + at] ?? 0) / 255;
  });
  const norms = new Float32Array(classes);
  means.forEach((sum, at) => {
    const label = Math.floor(at / area);
    means[at] = sum / (counts[label] ?? 1);
    norms[label] = (norms[label] ?? 0) - (means[at] ?? 0) ** 2 / 2;
  });
  const b = builder();
  const x = b.Flatten(b.input('image', 'float32', ['batch', 1, 28, 28]));
  const weight = b.initializer('means', tensor('float32', [classes, area], means));
  const bias = b.initializer('norms', tensor('float32', [classes], norms));
  b.output(b.Gemm(x, weight, bias, { transB: 1 }), 'logits');
  const spec = describeClassifier({
    task: 'classification',
    classes: Array.from({ length: classes }, (_, i) => String(i)),
    preprocessing: {
      ...{ channels: 1, height: 28, width: 28, layout: 'NCHW', colour: 'grey' },
      ...{ scale: 1 / 255, mean: [0], std: [1] },
    },
  });
  return model(b.build('nearest mean'), spec);
}

let folder: Folder;
beforeAll(async () => {
  folder = makeFolder();
  folder.write('start/ladder/model.onnx', await nearestMean());
});
afterAll(() => folder.remove());

it('fools what the ladder leg has left, and shows it', async () => {
  const { code, out, err } = await run('start --legs attack --output start --json', {
    cwd: folder.path,
  });
  expect(code, err).toBe(0);
  const { attack } = JSON.parse(out);
  expect(attack).toMatchObject({ fooled: 10, images: 10 });
  expect(attack.pixels).toBeGreaterThan(0);
  expect(attack.queries).toBeGreaterThan(2);
  expect(attack.seconds).toBeLessThan(20);
  expect(existsSync(join(folder.path, 'start/attack/contact-sheet-1.png'))).toBe(true);
  const page = readFileSync(attack.report, 'utf8');
  expect(page.match(/class="fool"/g)).toHaveLength(10);
  // One of each class, but for those that the classifier has wrong.
  const truths = [...page.matchAll(/<b class="truth">(\d)<\/b>/g)].map(([, truth]) => truth);
  expect(new Set(truths).size).toBeGreaterThan(7);
});

it('says which leg it needs', async () => {
  const { code, err } = await run('start --legs attack --output elsewhere', { cwd: folder.path });
  expect(code).toBe(2);
  expect(err).toContain('run both, as in --legs ladder,attack');
});
