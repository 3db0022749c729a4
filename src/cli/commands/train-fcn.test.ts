import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, type Ran, run } from '../../../test/cli.js';
import { type Model, model } from '../../graph/graph.js';
import { layers } from '../../nn/layers.js';
import { readSpec } from '../../onnx/metadata.js';
import { builder } from '../../ops/builder.js';
import { encodePng } from '../../report/png.js';
import { readModelFile } from '../../runs/model-file.js';

/** A classifier of stride 4 with maps of stride 1 and 2 on the way. */
function backbone(): Model {
  const b = builder();
  const net = layers(b, 3);
  let x = b.Relu(
    net.conv('conv1', b.input('image', 'float32', ['batch', 1, 16, 16]), 8, { kernel: 3, pad: 1 }),
  );
  x = net.maxPool(x, { kernel: 2 });
  x = net.maxPool(b.Relu(net.conv('conv2', x, 12, { kernel: 3, pad: 1 })), { kernel: 2 });
  x = b.Relu(net.conv('conv3', x, 16, { kernel: 3, pad: 1 }));
  b.output(net.linear('top', b.Flatten(b.GlobalAveragePool(x)), 5), 'logits');
  return model(b.build('backbone'));
}

const [height, width] = [20, 24];

/** A dark ground with a bright box, and the mask that says so. */
function scene(i: number): { image: Uint8Array; mask: Uint8Array } {
  const image = Uint8Array.from({ length: height * width }, (_, at) => 20 + ((at * 7 + i) % 30));
  const mask = new Uint8Array(height * width);
  const [top, left] = [(i * 5) % 10, (i * 7) % 14];
  for (let y = top; y < top + 9; y++)
    for (let x = left; x < left + 9; x++) {
      image[y * width + x] = 200 + ((x + y) % 20);
      mask[y * width + x] = 1;
    }
  return { image, mask };
}

let folder: Folder;
const grey = (pixels: Uint8Array) => encodePng(pixels, width, height, 1);
const writeScenes = (name: string, count: number, part: string, from = 0) => {
  for (let i = 0; i < count; i++) {
    const { image, mask } = scene(from + i);
    folder.write(`${name}/${part}/images/${i}.png`, grey(image));
    folder.write(`${name}/${part}/masks/${i}.png`, grey(mask));
  }
};
beforeAll(() => {
  folder = makeFolder();
  folder.write('backbone.onnx', backbone());
  writeScenes('boxes', 12, 'train');
  writeScenes('boxes', 3, 'val', 20);
  folder.write('boxes/classes.txt', 'ground\nbox\n');
});
afterAll(() => folder.remove());

const start = (line: string, signal?: AbortSignal): Promise<Ran> =>
  run(`train fcn --from backbone.onnx --threads 1 ${line}`, {
    cwd: folder.path,
    ...(signal && { signal }),
  });
const quick = '--learning-rate 0.02 --epochs 12 --zoom 1,1 --jitter 0 --weight-decay 0';

describe('train fcn', () => {
  it('gives a run folder whose model is evaluated and segments images', async () => {
    const { code, out, err } = await start(`--data boxes --finest 1 ${quick} --output out --json`);
    expect(code, err).toBe(0);
    expect(err).toContain('fcn-1s for 2 classes; a step is shown 4 scenes of 20 x 24 pixels');
    const result = JSON.parse(out);
    expect(result).toMatchObject({ test: null, scenes: 12, steps: 36, classes: ['ground', 'box'] });
    expect(result.validation.meanIu).toBeGreaterThan(0.85);
    const metrics = readFileSync(join(folder.path, 'out/metrics.jsonl'), 'utf8');
    expect(metrics.split('\n').filter((line) => line.includes('meanIu'))).toHaveLength(12);
    const report = readFileSync(join(folder.path, 'out/report.html'), 'utf8');
    for (const said of ['Mean IU', 'boundary IU', 'Worst and best images', 'Validation'])
      expect(report, said).toContain(said);

    const { metadata, graph } = await readModelFile(join(folder.path, 'out/model.onnx'));
    expect(graph.outputs[0]?.shape).toHaveLength(4);
    const spec = readSpec(metadata);
    expect(spec).toMatchObject({ task: 'segmentation', classes: ['ground', 'box'] });
    expect(spec?.palette).toHaveLength(2);
    const judged = await run(
      'evaluate out/model.onnx --data boxes --split validation --json --fail-under miou=0.999',
      { cwd: folder.path },
    );
    expect(judged.code).toBe(5);
    const evaluation = JSON.parse(judged.out);
    expect(evaluation.meanIu).toBeCloseTo(result.validation.meanIu, 6);
    expect(evaluation.boundaryIu).toBeGreaterThan(0.5);
    const line = 'predict out/model.onnx boxes/val/images --to seen --probabilities --json';
    const predicted = JSON.parse((await run(line, { cwd: folder.path })).out);
    expect(predicted.images).toHaveLength(3);
    for (const { areas, files } of predicted.images) {
      expect(areas.box.share).toBeGreaterThan(0.1);
      for (const path of Object.values<string>(files)) expect(existsSync(path), path).toBe(true);
    }
  });

  it('keeps every stage with its figures, and goes on after an interruption as if nothing had been', async () => {
    const line = `--data boxes --skips pool1,conv1 --staged ${quick} --epochs 2`;
    const whole = await start(`${line} --output whole --json`);
    expect(whole.code, whole.err).toBe(0);
    const { stages } = JSON.parse(whole.out);
    expect(stages.map((stage: { name: string }) => stage.name)).toEqual([
      ...['fcn-4s', 'fcn-2s', 'fcn-1s'],
    ]);
    for (const { model: path, validation } of stages) {
      expect(existsSync(path), path).toBe(true);
      expect(validation.meanIu).toBeGreaterThan(0);
    }
    for (let sittings = 0; sittings < 4; sittings++) {
      const controller = new AbortController();
      controller.abort();
      const stopped = await start(`${line} --output parts --resume`, controller.signal);
      expect(stopped.code, stopped.err).toBe(130);
    }
    expect((await start(`${line} --output parts --resume`)).code).toBe(0);
    const bytes = (path: string) => readFileSync(join(folder.path, path));
    for (const path of ['checkpoint/last.safetensors', 'stages/fcn-4s/best.safetensors'])
      expect(bytes(`parts/${path}`).equals(bytes(`whole/${path}`)), path).toBe(true);
    const steps = readFileSync(join(folder.path, 'parts/metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((each) => JSON.parse(each))
      .filter(({ type }) => type === 'step')
      .map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: 18 }, (_, i) => i + 1));
  });

  it('trains a network of the table from nothing', async () => {
    const line =
      'train fcn --model lenet --data boxes --epochs 1 --threads 1 --height 16 --width 16 --output lenet';
    const { code, err } = await run(line, { cwd: folder.path });
    expect(err).toContain('fcn-4s for 2 classes; a step is shown 4 scenes of 16 x 16 pixels');
    expect(code, err).toBe(0);
    const { metadata } = await readModelFile(join(folder.path, 'lenet/model.onnx'));
    expect(readSpec(metadata)?.preprocessing?.mean[0]).toBeGreaterThan(0.1);
  });
});

describe('train fcn says what is wrong', () => {
  /** A set of one good scene and one that is made anew. */
  const set = (name: string, image: Uint8Array, mask: Uint8Array | null): string => {
    const good = scene(1);
    folder.write(`${name}/images/a.png`, grey(good.image));
    folder.write(`${name}/masks/a.png`, grey(good.mask));
    folder.write(`${name}/images/b.png`, image);
    if (mask) folder.write(`${name}/masks/b.png`, mask);
    folder.write(`${name}/classes.txt`, 'ground\nbox\n');
    return `--data ${name}`;
  };
  const { image, mask } = scene(2);
  const cases: [string, () => string, number, RegExp][] = [
    [
      'a mask of another size than its image',
      () => set('size', grey(image), encodePng(mask.subarray(0, 10 * width), width, 10, 1)),
      3,
      /b\.png.*24 x 10.*24 x 20|b\.png.*24 x 20.*24 x 10/,
    ],
    [
      'a class id beyond the number of classes',
      () => set('beyond', grey(image), grey(mask.map((id) => id * 7))),
      3,
      /b\.png has the class id 7 at row \d+, column \d+, where 2 classes are known/,
    ],
    [
      'a mask of colours where numbers are expected',
      () =>
        set(
          'rgb',
          grey(image),
          encodePng(new Uint8Array(3 * mask.length).fill(9), width, height, 3),
        ),
      3,
      /b\.png is of colours .* give the colours of the classes with --mask-colours FILE/,
    ],
    [
      'a missing mask',
      () => set('missing', grey(image), null),
      3,
      /b\.png has no mask: .*masks\/b\.png is missing/,
    ],
    [
      'a backbone without the named map',
      () => '--data boxes --skips conw1',
      4,
      /no layer, node or value "conw1"\. Did you mean "conv1"\?/,
    ],
    [
      'a stride that no map has',
      () => '--data boxes --finest 3',
      4,
      /no map of stride 3 .*4, 2, 1/,
    ],
    [
      'both ways of training',
      () => '--data boxes --staged --at-once',
      2,
      /--staged and --at-once exclude each other/,
    ],
    ['both ways of naming maps', () => '--data boxes --skips conv1 --finest 1', 2, /give one of/],
    ['scales of other skips', () => '--data boxes --finest 1 --scales 1', 2, /has 2 skips, got 1/],
    [
      'patience over nothing',
      () => `${set('few', grey(image), grey(mask))} --patience 2`,
      2,
      /--validation/,
    ],
    ['a folder that is not there', () => '--data nowhere', 3, /nowhere/],
  ];
  it.each(cases)('%s', async (_, line, exitCode, sentence) => {
    const { code, err, out } = await start(`${line()} --epochs 1 --output wrong`);
    expect(err).toMatch(sentence);
    expect({ code, out }).toEqual({ code: exitCode, out: '' });
    expect(existsSync(join(folder.path, 'wrong'))).toBe(false);
  });

  it('where all pixels are void', async () => {
    mkdirSync(join(folder.path, 'void'));
    for (const name of ['a', 'b']) {
      folder.write(`void/images/${name}.png`, grey(image));
      folder.write(`void/masks/${name}.png`, grey(mask.map(() => 255)));
    }
    folder.write('void/classes.txt', 'ground\nbox\n');
    const { code, err } = await start('--data void --epochs 1 --output wrong');
    expect(err).toMatch(/all pixels of the 2 training masks of .*void are void \(255\)/);
    expect(code).toBe(3);
  });
});
