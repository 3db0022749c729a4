import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, type Ran, run } from '../../../test/cli.js';
import { type Model, model } from '../../graph/graph.js';
import { describeClassifier } from '../../onnx/metadata.js';
import { builder } from '../../ops/builder.js';
import { encodePng } from '../../report/png.js';
import { fillNormal, streamKey } from '../../tensor/random.js';
import { tensor } from '../../tensor/tensor.js';

const side = 8;
const area = side * side;
const levels = { dark: 60, middle: 128, bright: 196 } as const;

/** Tells levels of grey apart by the mean: logits are highest where it is nearest to the level. */
function classifier(names: readonly (keyof typeof levels)[]): Model {
  const b = builder();
  const x = b.input('image', 'float32', ['batch', 1, side, side]);
  // -(m - l)² = 2 l m - l² - m², of which the last is the same for all classes.
  const of = names.map((name) => levels[name] / 255);
  const weights = Float32Array.from({ length: area * of.length }, (_, i) => {
    return (60 * (of[i % of.length] ?? 0)) / area;
  });
  const w = b.initializer('fc.weight', tensor('float32', [area, of.length], weights));
  const bias = Float32Array.from(of, (level) => -30 * level * level);
  b.output(
    b.Add(b.MatMul(b.Flatten(x), w), b.constant(tensor('float32', [of.length], bias))),
    'logits',
  );
  const spec = describeClassifier({
    task: 'classification',
    classes: names,
    preprocessing: {
      ...{ channels: 1, height: side, width: side, layout: 'NCHW', colour: 'grey' },
      ...{ scale: 1 / 255, mean: [0], std: [1] },
    },
  });
  return model(b.build('levels'), spec);
}

const shade = (seed: number, level: number, spread: number, length = area): Uint8Array => {
  const noise = new Float32Array(length);
  fillNormal(noise, streamKey(seed, 0, 'pixels'), spread);
  return Uint8Array.from(noise, (value) => Math.min(255, Math.max(0, level + value)));
};

const strange = Array.from({ length: 12 }, (_, i) => shade(500 + i, 92 + (i % 3), 4));

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('model.onnx', classifier(['dark', 'middle', 'bright']));
  folder.write('one.onnx', classifier(['dark']));
  Object.entries(levels).forEach(([name, level], c) => {
    for (const [split, count] of [
      ['train', 20],
      ['test', 10],
    ] as const)
      for (let i = 0; i < count; i++) {
        const pixels = shade(100 * c + i + (split === 'test' ? 40 : 0), level + (i % 5) - 2, 9);
        folder.write(`photos/${split}/${name}/${i}.png`, encodePng(pixels, side, side, 1));
      }
  });
  // No classes: a folder of images as it comes.
  strange.forEach((pixels, i) => {
    folder.write(`strange/${i}.png`, encodePng(pixels, side, side, 1));
  });
  folder.write('large/a.png', encodePng(shade(1, 128, 9, 4 * area), 2 * side, 2 * side, 1));
  folder.write('large/b.png', encodePng(shade(2, 128, 9, 4 * area), 2 * side, 2 * side, 1));
});
afterAll(() => folder.remove());

const ood = (line: string, file = 'model.onnx'): Promise<Ran> =>
  run(`ood ${file} --in photos --threads 1 --resamples 20 --share 0.4 --learn 30 ${line}`, {
    cwd: folder.path,
  });
const path = (name: string): string => join(folder.path, name);

describe('ood', () => {
  it('writes a file that gives the same figures in plain ONNX Runtime', async () => {
    const { code, out, err } = await ood(
      '--out strange --out noise:uniform --detector max-softmax --calibration temperature --tpr 0.9 --save saved.onnx --folder a --json',
    );
    expect(code, err).toBe(0);
    const told = JSON.parse(out);
    const [detector] = told.detectors;
    expect(detector.sets.map(({ name }: { name: string }) => name)).toEqual([
      'strange',
      'noise:uniform',
    ]);
    expect(told.calibration.method).toBe('temperature');
    expect(told.after.accuracy).toBe(told.before.accuracy);
    const session = await InferenceSession.create(path('saved.onnx'));
    expect([...session.outputNames].sort()).toEqual(['probabilities', 'score', 'verdict']);
    const pixels = Float32Array.from(
      strange.flatMap((image) => [...image]),
      (value) => value / 255,
    );
    const feeds = { image: new OrtTensor('float32', pixels, [strange.length, 1, side, side]) };
    const { verdict, probabilities } = await session.run(feeds);
    const refused = [...((verdict?.data ?? []) as Int32Array)].filter(
      (value) => value === -1,
    ).length;
    expect(refused / strange.length).toBe(detector.sets[0].refused);
    expect(refused).toBeGreaterThan(6);
    expect(probabilities?.dims).toEqual([strange.length, 3]);
    expect(readFileSync(path('a/report.html'), 'utf8')).toContain('What lies outside');
  });

  it('compares all detectors in one table, with the figures of the official code', async () => {
    const { code, out, err } = await ood(
      '--out rotated:flipped:strange --detector all --paper-metrics --neighbours 2 --epsilon 0.01 --folder b',
    );
    expect(code, err).toBe(0);
    for (const name of ['max-softmax', 'max-logit', 'energy', 'odin', 'mahalanobis', 'knn'])
      expect(out).toMatch(new RegExp(`rotated:flipped:strange +${name} +\\d`));
    expect(out).toContain('as the official code');
    expect(existsSync(path('b/report.html'))).toBe(true);
  });

  it('holds classes out, and says the least figure by exit code 5', async () => {
    const held = await ood('--hold-out bright --detector mahalanobis --json --folder c');
    expect(held.code, held.err).toBe(0);
    const told = JSON.parse(held.out);
    expect(told.inside).toBe(20);
    expect(told.detectors[0].sets).toMatchObject([{ name: 'held out: bright', count: 10 }]);
    expect(told.detectors[0].sets[0].figures.auroc).toBeGreaterThan(0.95);
    const gate = await ood(
      '--out blurred:photos --threshold-from test --fail-under tnr=0.99 --folder d',
    );
    expect(gate.code).toBe(5);
    expect(gate.err).toContain('tnr is ');
  });
});

describe('ood refuses, with a sentence', () => {
  it.each([
    ['--out large', 3, /\(large\) are 16 x 16 grey, those of the data 8 x 8 grey.*--resize/],
    ['--out strange --threshold -2', 2, /no score of the held-out images meets the threshold -2/],
    ['--hold-out bright,dark', 2, /leaves only the class middle .* needs two/],
    ['--hold-out brigth', 2, /"brigth" is no class of the data. Did you mean "bright"\?/],
    ['--out noise:unifrom', 2, /no noise "unifrom". Did you mean "uniform"\?/],
    ['--out nowhere', 3, /nowhere cannot be read/],
    ['', 2, /nothing outside: give --out/],
    ['--out strange --detector all --save x.onnx', 2, /of one detector: name it with --detector/],
    ['--out strange --detector knn --tap fcc', 4, /no layer.*"fcc"/s],
  ])('%s', async (line, code, sentence) => {
    const told = await ood(`${line} --folder none`);
    expect(told.err).toMatch(sentence);
    expect(told.code).toBe(code);
  });

  it('a folder that holds a report, before it scores anything', async () => {
    expect((await ood('--out strange --folder taken --save new/saved.onnx')).code).toBe(0);
    expect(existsSync(path('new/saved.onnx'))).toBe(true);
    const { code, err } = await ood('--out strange --folder taken');
    expect(code).toBe(2);
    expect(err).toContain('taken already holds a run. Add --overwrite');
    expect(err).not.toContain('scoring');
  });

  it('a model of one class, and takes another size where it is told to', async () => {
    const one = await ood('--out strange --folder none', 'one.onnx');
    expect(one.err).toMatch(/tells 1 class apart.*at least two/);
    expect((await ood('--out large --resize --folder e')).code).toBe(0);
    expect((await ood('--out resized:large --folder f')).code).toBe(0);
  });
});
