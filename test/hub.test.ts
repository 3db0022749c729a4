/** A folder that `export --hub` writes, loaded by transformers.js, against our own `predict`. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { env, pipeline } from '@huggingface/transformers';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Model, model } from '../src/graph/graph.js';
import {
  type ClassifierSpec,
  describeClassifier,
  type Preprocessing,
} from '../src/onnx/metadata.js';
import { builder } from '../src/ops/builder.js';
import { hubModel } from '../src/runs/hub-model.js';
import { fillNormal, streamKey } from '../src/tensor/random.js';
import { tensor } from '../src/tensor/tensor.js';
import { brightness, type Folder, makeFolder, run } from './cli.js';

interface Guess {
  readonly label: string;
  readonly score: number;
}

let folder: Folder;
beforeAll(async () => {
  folder = makeFolder();
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = folder.path;
  env.useFSCache = false;
  // A photo of sorts: wider than high, with colours that change over it.
  const [width, height] = [90, 60];
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    return 127 + 120 * Math.sin((x * (c + 1)) / 17 + (y * (3 - c)) / 11);
  });
  const image = sharp(pixels, { raw: { width, height, channels: 3 } });
  folder.write('photo.png', await image.png().toBuffer());
});
afterAll(() => folder.remove());

/** What transformers.js says of an image by the model in `name`, most likely first. */
async function theirs(name: string, image = 'photo.png'): Promise<Guess[]> {
  const classify = await pipeline('image-classification', name, {
    local_files_only: true,
    dtype: 'fp32',
    device: 'cpu',
  });
  const guesses = await classify(join(folder.path, image), { top_k: 5 });
  await classify.dispose();
  return guesses as Guess[];
}

/** The same by our own `predict`. */
async function ours(file: string, image = 'photo.png'): Promise<Guess[]> {
  const { out, err, code } = await run(`predict ${file} ${image} --top 5 --json`, {
    cwd: folder.path,
  });
  expect(code, err).toBe(0);
  const { predictions } = JSON.parse(out) as {
    predictions: { top: { class: string; probability: number }[] }[];
  };
  return (predictions[0]?.top ?? []).map((guess) => ({
    label: guess.class,
    score: guess.probability,
  }));
}

const exported = (line: string) => run(`export ${line}`, { cwd: folder.path });

const classes = ['first', 'second', 'third', 'fourth'];

/** Four random filters over the whole image, in whatever form the model takes images. */
function filters(preprocessing: Preprocessing, softmax: boolean): Model {
  const { channels, height, width, layout } = preprocessing;
  const shapes = {
    NCHW: ['n', channels, height, width],
    NHWC: ['n', height, width, channels],
    flat: ['n', channels * height * width],
  };
  const size = channels * height * width;
  const weights = new Float32Array(4 * size);
  fillNormal(weights, streamKey(3, 0, 'weights'), 2 / Math.sqrt(size));
  const b = builder();
  const x = b.input('image', 'float32', shapes[layout]);
  const w = b.initializer('w', tensor('float32', [size, 4], weights));
  const scores = b.Gemm(layout === 'flat' ? x : b.Flatten(x), w);
  b.output(softmax ? b.Softmax(scores) : scores, 'scores');
  const spec: ClassifierSpec = { task: 'classification', classes, preprocessing };
  return model(b.build('filters'), describeClassifier(spec));
}

const rgb: Preprocessing = {
  ...{ channels: 3, height: 24, width: 24, layout: 'NCHW', colour: 'rgb', scale: 1 / 255 },
  ...{ mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] },
};

describe('transformers.js gives what we give', () => {
  it.each<[string, Preprocessing, boolean]>([
    ['colours', rgb, false],
    ['a softmax at the end', rgb, true],
    ['blue first', { ...rgb, colour: 'bgr' }, false],
    ['channels last', { ...rgb, layout: 'NHWC' }, false],
    ['a row of numbers', { ...rgb, layout: 'flat' }, true],
  ])('for %s', async (name, preprocessing, softmax) => {
    const place = name.replaceAll(' ', '-');
    folder.write(`${place}.onnx`, filters(preprocessing, softmax));
    const { code, err } = await exported(`${place}.onnx --hub ${place}`);
    expect(err).toBe('');
    expect(code).toBe(0);
    const [their, our] = [await theirs(place), await ours(`${place}.onnx`)];
    expect(their.map(({ label }) => label)).toEqual(our.map(({ label }) => label));
    for (const [i, { score }] of their.entries()) expect(score).toBeCloseTo(our[i]?.score ?? 0, 4);
  });

  it('for grey images, and an input that is called pixel_values already', async () => {
    folder.write('grey.onnx', brightness());
    for (const level of [40, 200]) {
      folder.write(`level-${level}.png`, level);
      await exported('grey.onnx --hub grey --overwrite');
      const [their, our] = [
        await theirs('grey', `level-${level}.png`),
        await ours('grey.onnx', `level-${level}.png`),
      ];
      expect(their[0]?.label).toBe(level > 127 ? 'bright' : 'dark');
      expect(their[0]?.score).toBeCloseTo(our[0]?.score ?? 0, 5);
    }
    // The exported file is a classifier for our own commands, too.
    expect((await ours('grey/onnx/model.onnx', 'level-40.png'))[0]?.label).toBe('dark');
  });

  const data = process.env['ESPALIER_DATA'] ?? resolve(import.meta.dirname, '../../shared/data');
  const squeezenet = join(data, 'models/squeezenet1.1.onnx');
  it.skipIf(!existsSync(squeezenet))(
    'for SqueezeNet 1.1 and a photo (skipped without the sample data)',
    async () => {
      const numbers = '--scale 1 --mean 122.679,116.669,104.007 --std 1';
      const { code, err } = await exported(`${squeezenet} --hub squeezenet ${numbers}`);
      expect(err).toContain('names no classes');
      expect(code).toBe(0);
      const sample = readFileSync(join(data, 'imagenet-sample/labels.csv'), 'utf8');
      const [, name = ''] = /^([^,\n]+\.(?:png|jpe?g))/im.exec(sample) ?? [];
      folder.write(basename(name), readFileSync(join(data, 'imagenet-sample', name)));
      const line = `predict ${squeezenet} ${basename(name)} --top 1 --json ${numbers}`;
      const { out } = await run(line, { cwd: folder.path });
      const [their] = await theirs('squeezenet', basename(name));
      expect(their?.label).toBe(JSON.parse(out).predictions[0].class);
    },
  );
});

describe('the folder', () => {
  it('holds a model card with the figures of the run', async () => {
    const line = (event: object) => `${JSON.stringify({ ...event, time: 0 })}\n`;
    folder.write('runs/mine/model.onnx', brightness());
    folder.write('runs/mine/config.yaml', 'data: mnist\n');
    folder.write(
      'runs/mine/metrics.jsonl',
      line({ type: 'evaluation', step: 1, epoch: 1, metrics: { error: 0.5 } }) +
        line({ type: 'evaluation', step: 2, epoch: 2, metrics: { error: 0.25 } }),
    );
    const { out, code } = await exported('runs/mine --hub card --json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      classes: 2,
      figures: [{ type: 'accuracy', value: 0.75, split: 'validation' }],
    });
    const text = readFileSync(join(folder.path, 'card/README.md'), 'utf8');
    const [, head = ''] = /^---\n([\s\S]*?)---\n/.exec(text) ?? [];
    expect(parse(head)).toEqual({
      library_name: 'transformers.js',
      pipeline_tag: 'image-classification',
      tags: ['onnx', 'image-classification', 'espalier'],
      'model-index': [
        {
          name: 'card',
          results: [
            {
              task: { type: 'image-classification' },
              dataset: { name: 'mnist', type: 'mnist', split: 'validation' },
              metrics: [{ type: 'accuracy', value: 0.75 }],
            },
          ],
        },
      ],
    });
    expect(text).toContain('| accuracy | 0.75 | mnist, validation |');
    expect(text).toContain('2 classes: `bright`, `dark`');
  });

  it('is not overwritten unless asked to', async () => {
    folder.write('again.onnx', brightness());
    expect((await exported('again.onnx --hub again')).code).toBe(0);
    const { code, err } = await exported('again.onnx --hub again');
    expect(err).toContain('is there already. Add --overwrite');
    expect(code).toBe(2);
    expect((await exported('again.onnx --hub again --overwrite')).code).toBe(0);
    rmSync(join(folder.path, 'again'), { recursive: true });
  });

  it.each([
    ['again.onnx', 'missing --hub'],
    ['none.onnx --hub x', 'there is no such file'],
    ['again.onnx --hub x --input y', 'has no input y'],
    ['again.onnx --hub x --output y', 'there is no "y" among them'],
  ])('%s: %s', async (line, message) => {
    const { code, err } = await exported(line);
    expect(err).toContain(message);
    expect([2, 4]).toContain(code);
  });
});

describe('hubModel', () => {
  it('gives a value of its own that is in the way another name', () => {
    const b = builder();
    const x = b.input('logits', 'float32', ['n', 3, 24, 24]);
    const [y] = b.node('GlobalAveragePool', [x], {}, { outputs: ['pixel_values'] });
    if (y) b.output(y, 'scores');
    const spec: ClassifierSpec = {
      task: 'classification',
      classes: ['a', 'b', 'c'],
      preprocessing: rgb,
    };
    const { graph } = hubModel(model(b.build()), spec).model;
    expect(graph.nodes.map(({ op, inputs, outputs }) => [op, ...inputs, ...outputs])).toEqual([
      ['Identity', 'pixel_values', 'own_logits'],
      ['GlobalAveragePool', 'own_logits', 'own_pixel_values'],
      ['Identity', 'own_pixel_values', 'scores'],
      ['Flatten', 'scores', 'logits'],
    ]);
  });

  it('refuses what is no classifier of images', () => {
    const spec: ClassifierSpec = { task: 'segmentation', classes: ['a'], preprocessing: rgb };
    expect(() => hubModel(brightness(), spec)).toThrow(/only a classifier of images/);
    const bare: ClassifierSpec = { task: 'classification', classes: ['a'], preprocessing: null };
    expect(() => hubModel(brightness(), bare)).toThrow(/Say how images go in/);
  });
});
