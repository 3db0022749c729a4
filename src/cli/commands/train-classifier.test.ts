import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brightness, type Folder, makeFolder, type Ran, run } from '../../../test/cli.js';
import { type Model, model } from '../../graph/graph.js';
import { normal } from '../../nn/init.js';
import { readSpec } from '../../onnx/metadata.js';
import { builder } from '../../ops/builder.js';
import { readModelFile } from '../../runs/model-file.js';

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('model.onnx', brightness({ batch: 1 }));
  // Three shades, of which the model knows two under other names.
  const shades = { black: 10, grey: 128, white: 245 };
  for (const [name, level] of Object.entries(shades))
    for (let i = 0; i < 8; i++) {
      folder.write(`shades/train/${name}/${i}.png`, level + 1 - (i % 3));
      if (i < 3) folder.write(`shades/test/${name}/${i}.png`, level + i - 1);
    }
  for (let i = 0; i < 8; i++) {
    folder.write(`known/dark/${i}.png`, 100 + i);
    folder.write(`known/bright/${i}.png`, 150 + i);
  }
});
afterAll(() => folder.remove());

/** One convolution, a pool over all of the image, and two classes; height and width free. */
function convolutional(): Model {
  const b = builder();
  const x = b.input('image', 'float32', ['batch', 1, 'height', 'width']);
  const weight = (name: string, dims: number[]) => b.initializer(name, normal(3, name, dims, 0.4));
  const features = b.Relu(b.Conv(x, weight('conv', [4, 1, 3, 3]), null, { pads: [1, 1, 1, 1] }));
  b.output(b.Gemm(b.Flatten(b.GlobalAveragePool(features)), weight('top', [4, 2])), 'logits');
  return model(b.build('convolutional'));
}

const train = (line: string, signal?: AbortSignal): Promise<Ran> =>
  run(`train classifier --from model.onnx --threads 1 ${line}`, {
    cwd: folder.path,
    ...(signal && { signal }),
  });

describe('train classifier', () => {
  it('gives a run folder whose model predicts and is evaluated', async () => {
    const line =
      '--data ./shades --epochs 40 --learning-rate 0.2 --batch-size 6 --validation 4 --output out --json';
    const { code, out, err } = await train(line);
    expect(err).toContain('a new head for 3 classes: black, grey, white');
    expect(code).toBe(0);
    const result = JSON.parse(out) as Record<string, unknown>;
    expect(result).toMatchObject({ testError: 0, classes: 3, images: 20, parameters: 51 });
    for (const name of [
      'config.yaml',
      'metrics.jsonl',
      'report.html',
      'checkpoint/last.safetensors',
    ])
      expect(existsSync(join(folder.path, 'out', name)), name).toBe(true);
    const report = readFileSync(join(folder.path, 'out/report.html'), 'utf8');
    for (const said of ['Cross-entropy', 'Validation error', 'Confusion', 'Provenance'])
      expect(report).toContain(said);

    const spec = readSpec((await readModelFile(join(folder.path, 'out/model.onnx'))).metadata);
    expect(spec?.classes).toEqual(['black', 'grey', 'white']);
    expect(spec?.preprocessing).toMatchObject({ height: 4, width: 4, colour: 'grey' });
    expect(spec?.provenance).toMatchObject({
      method: 'classifier',
      from: 'model.onnx',
      steps: 120,
    });
    const predicted = await run('predict out/model.onnx shades/test --json', { cwd: folder.path });
    const { predictions } = JSON.parse(predicted.out) as {
      predictions: { file: string; class: string }[];
    };
    expect(predictions).toHaveLength(9);
    for (const { file, class: name } of predictions) expect(file).toContain(`/${name}/`);
    const { next } = result as { next: string[] };
    expect(next[1]).toBe(`npx espalier evaluate ${folder.path}/out/model.onnx --data ./shades`);
  });

  it('writes the folder for transformers.js with the measured figures, and export the same', async () => {
    const line = '--data ./shades --epochs 20 --learning-rate 0.2 --batch-size 6 --validation 4';
    const { code, out, err } = await train(`${line} --output hubbed --hub hub --json`);
    expect(code, err).toBe(0);
    const own = join(folder.path, 'hubbed/huggingface');
    const asked = join(folder.path, 'hub');
    const run1 = JSON.parse(out);
    expect(run1.hubs).toEqual([own, asked]);
    const read = (at: string, name: string) => readFileSync(join(at, name), 'utf8');
    for (const name of ['config.json', 'preprocessor_config.json', 'onnx/model.onnx'])
      expect(read(own, name) === read(asked, name), name).toBe(true);
    expect(JSON.parse(read(asked, 'config.json')).id2label).toEqual({
      ...{ 0: 'black', 1: 'grey', 2: 'white' },
    });
    const accuracy = (value: number) => String(Number((1 - value).toFixed(6)));
    const card = read(asked, 'README.md');
    expect(card).toContain(`| accuracy | ${accuracy(run1.testError)} | ./shades, test |`);
    expect(card).toContain(
      `| accuracy | ${accuracy(run1.validationError)} | ./shades, validation |`,
    );
    const exported = await run('export hubbed --hub again', { cwd: folder.path });
    expect(exported.code, exported.err).toBe(0);
    const again = read(join(folder.path, 'again'), 'README.md');
    expect(again.replaceAll('again', 'hub')).toBe(card);
    const refused = await train(`${line} --output other --hub hub`);
    expect(refused.err).toContain('hub/config.json is there already. Add --overwrite');
    expect(refused.code).toBe(2);
    expect(existsSync(join(folder.path, 'other'))).toBe(false);
  });

  it('keeps the head where the classes are the same, in whatever order', async () => {
    const { code, out, err } = await train(
      '--data ./known --epochs 1 --learning-rate 1e-9 --output kept --validation 4',
    );
    expect(err).toContain('the head is kept, with its 2 classes');
    expect(code).toBe(0);
    expect(out).toContain('validation error 0.00 %');
    const { graph, metadata } = await readModelFile(join(folder.path, 'kept/model.onnx'));
    expect(readSpec(metadata)?.classes).toEqual(['bright', 'dark']);
    const before = brightness().graph.initializers.get('weight')?.data as Float32Array;
    const after = graph.initializers.get('weight')?.data as Float32Array;
    for (const [i, value] of after.entries()) expect(value).toBeCloseTo(before[i] ?? 0, 5);
  });

  it('trains a network of the table from nothing', async () => {
    const line =
      '--model lenet --data ./shades --epochs 6 --batch-size 6 --learning-rate 0.01 --threads 1 --output lenet';
    const { code } = await run(`train classifier ${line}`, { cwd: folder.path });
    expect(code).toBe(0);
    const { metadata } = await readModelFile(join(folder.path, 'lenet/model.onnx'));
    const spec = readSpec(metadata);
    expect(spec?.classes).toEqual(['black', 'grey', 'white']);
    const [mean = 0] = spec?.preprocessing?.mean ?? [];
    expect(mean).toBeCloseTo((10 + 128 + 245) / 3 / 255, 2);
  });

  it('counts what it trained, without running statistics', async () => {
    const line =
      '--model resnet20 --data ./shades --height 8 --width 8 --epochs 1 --batch-size 12 --threads 1 --output resnet --json';
    const { code, out } = await run(`train classifier ${line}`, { cwd: folder.path });
    expect(code).toBe(0);
    // The published count, less what seven classes fewer take.
    expect(JSON.parse(out)).toMatchObject({ parameters: 269_722 - 7 * 65 });
  });

  it('binds a free image size for training, and leaves it free in the saved model', async () => {
    folder.write('free.onnx', convolutional());
    const line = '--data ./shades --epochs 2 --batch-size 6 --from free.onnx --threads 1';
    const here = (more: string) => run(`train classifier ${line} ${more}`, { cwd: folder.path });
    const unsaid = await here('--output free');
    expect(unsaid.err).toMatch(
      /has shape \[batch, 1, height, width\]\): give --height, --width, and/,
    );
    expect(unsaid.code).toBe(2);
    expect((await here('--output free --height 8 --width 6')).code).toBe(0);
    const { graph, metadata } = await readModelFile(join(folder.path, 'free/model.onnx'));
    expect(graph.inputs[0]?.shape).toEqual(['batch', 1, 'height', 'width']);
    expect(readSpec(metadata)?.preprocessing).toMatchObject({ height: 8, width: 6 });
    const judged = 'evaluate free/model.onnx --data ./shades --json';
    expect((await run(judged, { cwd: folder.path })).code).toBe(0);
    const more = `train classifier --from free/model.onnx --data ./shades --epochs 1 --output on`;
    expect((await run(more, { cwd: folder.path })).code).toBe(0);
    const wrong = await here('--output wrong --height 8 --width 6 --channels 3');
    expect(wrong.err).toContain('images would go in as [batch, 3, 8, 6]: choose another height');
    expect(wrong.code).toBe(2);
  });

  it('goes on after an interruption as if nothing had been', async () => {
    const line = '--data ./shades --epochs 4 --batch-size 6 --flip --jitter 0.3 --crop-scale 0.5';
    expect((await train(`${line} --output whole`)).code).toBe(0);
    const controller = new AbortController();
    controller.abort();
    const stopped = await train(`${line} --output parts`, controller.signal);
    expect(stopped.err).toMatch(/interrupted at step \d+/);
    expect((await train(`${line} --output parts --resume`)).code).toBe(0);
    const bytes = (name: string) =>
      readFileSync(join(folder.path, name, 'checkpoint/last.safetensors'));
    expect(bytes('parts').equals(bytes('whole'))).toBe(true);
    // Where its weights do not fit, the run stays as it was, its settings too.
    const config = () => readFileSync(join(folder.path, 'parts/config.yaml'), 'utf8');
    const before = config();
    const other = '--model lenet --data ./shades --epochs 4 --batch-size 6 --output parts --resume';
    const refused = await run(`train classifier ${other}`, { cwd: folder.path });
    expect(refused.err).toContain('belongs to another model');
    expect(config()).toBe(before);
    expect((await train(`${line} --epochs 5 --output parts --resume`)).code).toBe(0);
    expect(config()).toContain('epochs: 5');
  });

  it('says what is wrong', async () => {
    const cases: [string, RegExp][] = [
      ['--data ./nowhere', /nowhere/],
      ['--data ./shades --head keep', /class "black" of the data is none of the model's/],
      ['--data ./shades --train conv*', /no weight of the model is called "conv\*"/],
      ['--data ./shades --model lenet', /give either --from .* or --model/],
      ['--data ./shades --patience 2', /--patience needs validation images/],
      ['--data ./shades --schedule wavy', /invalid learning-rate schedule "wavy"/],
      ['--data ./shades --rates fast', /invalid learning rate "fast"/],
    ];
    for (const [line, sentence] of cases) {
      const { code, err } = await train(`${line} --output wrong --overwrite`);
      expect(err).toMatch(sentence);
      expect(code).toBeGreaterThan(0);
    }
  });
});
