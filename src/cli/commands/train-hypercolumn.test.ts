import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, type Ran, run } from '../../../test/cli.js';
import { decodeRawPng } from '../../data/segmentation/mask.js';
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
  const x = b.input('image', 'float32', ['batch', 1, 16, 16]);
  const first = b.Relu(net.conv('conv1', x, 8, { kernel: 3, pad: 1 }));
  const second = b.Relu(
    net.conv('conv2', net.maxPool(first, { kernel: 2 }), 12, { kernel: 3, pad: 1 }),
  );
  const third = b.Relu(
    net.conv('conv3', net.maxPool(second, { kernel: 2 }), 16, { kernel: 3, pad: 1 }),
  );
  b.output(net.linear('top', b.Flatten(b.GlobalAveragePool(third)), 5), 'logits');
  return model(b.build('backbone'));
}

/** Its second map is turned: its rows are the image's columns, so that nobody knows where its cells stand. */
function turned(): Model {
  const b = builder();
  const net = layers(b, 3);
  const x = b.input('image', 'float32', ['batch', 1, 'height', 'width']);
  const first = b.Relu(net.conv('conv1', x, 4, { kernel: 3, pad: 1 }));
  b.node('Transpose', [first], { perm: [0, 1, 3, 2] }, { outputs: ['turned'] });
  b.output(b.value('turned'), 'turned');
  return model(b.build('turned'));
}

const [height, width] = [40, 56];

/** A dark ground with a bright box. */
function scene(i: number): { image: Uint8Array; mask: Uint8Array } {
  const image = Uint8Array.from({ length: height * width }, (_, at) => 20 + ((at * 7 + i) % 30));
  const mask = new Uint8Array(height * width);
  const [top, left] = [(i * 5) % 20, (i * 7) % 36];
  for (let y = top; y < top + 18; y++)
    for (let x = left; x < left + 18; x++) {
      image[y * width + x] = 200 + ((x + y) % 20);
      mask[y * width + x] = 1;
    }
  return { image, mask };
}

/** A row of the mask of each class. */
function strokesOf(mask: Uint8Array, rows: readonly number[]): Uint8Array {
  const ids = new Uint8Array(mask.length).fill(255);
  for (const y of rows)
    for (let x = 1; x < width - 1; x++) ids[y * width + x] = mask[y * width + x] ?? 255;
  return ids;
}

const grey = (pixels: Uint8Array, w = width, h = height) => encodePng(pixels, w, h, 1);
let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('backbone.onnx', backbone());
  folder.write('turned.onnx', turned());
  for (const i of [1, 2, 3]) {
    const { image, mask } = scene(i);
    folder.write(`photos/${i}.png`, grey(image));
    folder.write(`strokes/${i}.png`, grey(strokesOf(mask, [12 + i])));
    folder.write(`boxes/train/images/${i}.png`, grey(image));
    folder.write(`boxes/train/masks/${i}.png`, grey(mask));
  }
  folder.write('photos/none.png', grey(scene(4).image));
  folder.write('boxes/val/images/4.png', grey(scene(4).image));
  folder.write('boxes/val/masks/4.png', grey(scene(4).mask));
  folder.write('boxes/classes.txt', 'ground\nbox\n');
});
afterAll(() => folder.remove());

const start = (line: string, signal?: AbortSignal): Promise<Ran> =>
  run(`train hypercolumn --from backbone.onnx --threads 1 ${line}`, {
    cwd: folder.path,
    ...(signal && { signal }),
  });
const path = (name: string): string => join(folder.path, name);
const pixelsOf = (name: string) => decodeRawPng(readFileSync(path(name)), name);

/** Events of progress, as `--json` has them. */
const events = (text: string): { message?: string }[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** Share of the mask's pixels that a picture of ids has wrong. */
function wrongShare(ids: ArrayLike<number>, mask: Uint8Array): number {
  return mask.reduce((sum, id, i) => sum + (ids[i] === id ? 0 : 1), 0) / mask.length;
}

describe('train hypercolumn from strokes', () => {
  const line =
    '--image photos/1.png --labels strokes/1.png --classes ground,box --penalty 0.001 --output out';

  it('leaves a model that plain onnxruntime runs, and its map is the one that was shown', async () => {
    const { code, out, err } = await start(`${line} --json`);
    expect(code, err).toBe(0);
    const told = JSON.parse(out);
    expect(told).toMatchObject({ classes: ['ground', 'box'], cached: 0, accuracies: [1, 1] });
    expect(told.taps).toHaveLength(5);
    const { image, mask } = scene(1);
    const shown = pixelsOf('out/predictions/1-mask.png');
    expect(wrongShare(shown.data, mask)).toBeLessThan(0.06);

    const session = await InferenceSession.create(path('out/model.onnx'));
    const input = Float32Array.from(image, (pixel) => pixel / 255);
    const results = await session.run({
      [session.inputNames[0] ?? '']: new OrtTensor('float32', input, [1, 1, height, width]),
    });
    const area = height * width;
    const { probabilities, uncertainty } = results;
    const p = probabilities?.data as Float32Array;
    const ids = Uint8Array.from({ length: area }, (_, i) =>
      (p[area + i] ?? 0) > (p[i] ?? 0) ? 1 : 0,
    );
    expect(ids).toEqual(Uint8Array.from(shown.data));
    expect(uncertainty?.dims).toEqual([1, 1, height, width]);
    const unsure = pixelsOf('out/predictions/1-uncertainty.png').data;
    const entropies = uncertainty?.data as Float32Array;
    entropies.forEach((value, i) => {
      expect(Math.abs(255 * value - (unsure[i] ?? 0))).toBeLessThan(0.6);
    });
    const report = readFileSync(path('out/report.html'), 'utf8');
    for (const said of ['Strokes and what was made of them', '1.png: uncertainty', 'Uncertainty'])
      expect(report, said).toContain(said);
    const { metadata } = await readModelFile(path('out/model.onnx'));
    expect(readSpec(metadata)).toMatchObject({
      task: 'segmentation',
      classes: ['ground', 'box'],
      provenance: { head: 'logistic', from: 'backbone.onnx' },
    });
  });

  it('predicts folders and is evaluated as any segmenter', async () => {
    const cwd = folder.path;
    const predicted = await run(
      'predict out/model.onnx photos --to seen --uncertainty --overlay none --json',
      { cwd },
    );
    expect(predicted.code, predicted.err).toBe(0);
    expect(JSON.parse(predicted.out).images).toHaveLength(4);
    expect(wrongShare(pixelsOf('seen/3-mask.png').data, scene(3).mask)).toBeLessThan(0.05);
    expect(pixelsOf('seen/3-uncertainty.png').channels).toBe(1);
    const judged = await run(
      'evaluate out/model.onnx --data boxes --split validation --json --fail-under miou=0.6',
      { cwd },
    );
    expect(judged.code, judged.err).toBe(0);
  });

  it('fits anew with another stroke by the same command, from what was kept', async () => {
    folder.write('strokes/1.png', grey(strokesOf(scene(1).mask, [2, 14])));
    const again = await start(`${line} --json`);
    expect(again.code, again.err).toBe(0);
    expect(JSON.parse(again.out)).toMatchObject({ cached: 1 });
    const lines = readFileSync(path('out/metrics.jsonl'), 'utf8').trim().split('\n');
    expect(lines.filter((each) => each.includes('"start"'))).toHaveLength(1);
    const kept = path('out/features');
    const [file = ''] = readdirSync(kept);
    expect(statSync(join(kept, file)).size).toBeGreaterThan(4 * height * width);
    // Fresh layers give the same model, and another photo other layers.
    expect((await start(`${line.replace('output out', 'output fresh')} --no-cache`)).code).toBe(0);
    expect(existsSync(path('fresh/features'))).toBe(false);
    const bytes = (name: string) => readFileSync(path(name));
    expect(bytes('fresh/model.onnx').equals(bytes('out/model.onnx'))).toBe(true);
    const more = await start(`${line} --image photos/2.png --labels strokes/2.png --json`);
    expect(JSON.parse(more.out)).toMatchObject({ cached: 1, images: [{}, {}] });
    expect(readdirSync(kept)).toHaveLength(2);
  });

  it('takes folders, a hidden layer, layers by name and colours', async () => {
    const { image, mask } = scene(2);
    folder.write('two/a.png', grey(image));
    const paint = strokesOf(mask, [14]);
    const rgb = Uint8Array.from(
      { length: 3 * paint.length },
      (_, i) => [0, 200, 255][[0, 1].indexOf(paint[Math.floor(i / 3)] ?? 2) + 1] ?? 0,
    );
    folder.write('drawn/a.png', encodePng(rgb, width, height, 3));
    folder.write('colours.txt', 'void 0 0 0\nground 200 200 200\nbox 255 255 255\n');
    const { code, err, out } = await start(
      '--images two --labels drawn --mask-colours colours.txt --taps conv1,conv3 --head mlp:8 --penalty 0.001 --output mlp --json',
    );
    expect(code, err).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ taps: ['conv1', 'conv3'], channels: 24 });
    expect(wrongShare(pixelsOf('mlp/predictions/a-mask.png').data, mask)).toBeLessThan(0.05);
    const told = await start('--images photos --labels strokes --output folders');
    expect(told.err).toContain('1 of 4 images have no strokes');
    expect(told.out).toContain('3 images');
  });

  it('stays with --watch, and fits anew when strokes are drawn, whatever was drawn before', async () => {
    const { image, mask } = scene(1);
    folder.write('watched/a.png', grey(image));
    const draw = (rows: readonly number[]): void =>
      folder.write('watched/strokes.png', grey(strokesOf(mask, rows)));
    draw([13]);
    const stop = new AbortController();
    const said: string[] = [];
    // What is done once a sentence has come; each once.
    const answers: [sentence: RegExp, answer: () => void][] = [
      [/waiting for other strokes, until/, () => folder.write('watched/strokes.png', 'no picture')],
      [/strokes\.png.*the last fit stays/, () => draw([13, 30])],
      [/fitted in .* pictures in .*predictions$/, () => stop.abort()],
    ];
    const { code, out } = await run(
      'train hypercolumn --from backbone.onnx --image watched/a.png --labels watched/strokes.png --watch --threads 1 --output watching --json',
      {
        ...{ cwd: folder.path, signal: stop.signal },
        onError(text) {
          for (const { message } of events(text)) {
            if (message === undefined || !answers[0]?.[0].test(message)) continue;
            said.push(message);
            answers.shift()?.[1]();
          }
        },
      },
    );
    expect(said).toHaveLength(3);
    expect(code).toBe(130);
    // The second row of strokes is below the box: ground alone.
    const told = JSON.parse(out);
    expect(told.labels).toEqual([36 + 54, 18]);
    expect(told.cached).toBe(1);
  });
});

/** Models and photos of others. */
const data = resolve(process.env['ESPALIER_DATA'] ?? '../shared/data');
const network = join(data, 'models/squeezenet1.1.onnx');
const photo = join(data, 'photos/cat_720p.jpg');

describe.skipIf(!existsSync(network) || !existsSync(photo))(
  'train hypercolumn on a photo (under ESPALIER_DATA or ../shared/data, skipped where absent)',
  () => {
    it('gives the map that plain onnxruntime has from its file, to the pixel, and again by its config', async () => {
      const [w, h] = [640, 480];
      const image = sharp(photo).resize(w, h, { fit: 'cover' }).removeAlpha();
      folder.write('cat.png', await image.clone().png().toBuffer());
      const ids = new Uint8Array(w * h).fill(255);
      for (let i = 0; i < 500; i++) {
        ids[40 * w + 20 + i] = 0;
        if (i < 100) ids[(200 + i) * w + 280 + i] = 1;
      }
      folder.write('cat-strokes.png', grey(ids, w, h));
      const words = `--from ${network} --scale 1 --mean 122.679,116.669,104.007 --image cat.png`;
      const more = '--labels cat-strokes.png --taps conv1,fire3,fire5,fire7,fire9';
      const first = await start(`${words} ${more} --output cat`);
      expect(first.code, first.err).toBe(0);
      expect(first.out).toContain('600 pixels with 1,344 features of 5 layers');
      const shown = pixelsOf('cat/predictions/cat-mask.png').data;

      const pixels = await image.raw().toBuffer();
      const area = w * h;
      const x = new Float32Array(3 * area);
      for (let c = 0; c < 3; c++)
        for (let i = 0; i < area; i++)
          x[c * area + i] = (pixels[3 * i + c] ?? 0) - ([122.679, 116.669, 104.007][c] ?? 0);
      const session = await InferenceSession.create(path('cat/model.onnx'));
      const results = await session.run({ data: new OrtTensor('float32', x, [1, 3, h, w]) });
      const p = results['probabilities']?.data as Float32Array;
      let different = 0;
      for (let i = 0; i < area; i++)
        if (((p[area + i] ?? 0) > (p[i] ?? 0) ? 1 : 0) !== shown[i]) different++;
      // A pixel where both classes are alike may fall to either, by rounding.
      expect(different).toBeLessThan(5);

      const again = await run('train hypercolumn --config cat/config.yaml --output cat --json', {
        cwd: folder.path,
      });
      expect(again.code, again.err).toBe(0);
      expect(JSON.parse(again.out)).toMatchObject({ cached: 1 });
    }, 60_000);
  },
);

it('train hypercolumn from masks measures held-out scenes', async () => {
  const { code, err, out } = await start('--data boxes --points 100 --output masks --json');
  expect(code, err).toBe(0);
  const told = JSON.parse(out);
  expect(told).toMatchObject({ scenes: 3, test: null, pixels: 300 });
  expect(told.validation.meanIu).toBeGreaterThan(0.9);
  expect(readFileSync(path('masks/report.html'), 'utf8')).toContain('Mean IU');
  const judged = await run('evaluate masks/model.onnx --data boxes --split validation --json', {
    cwd: folder.path,
  });
  expect(JSON.parse(judged.out).meanIu).toBeCloseTo(told.validation.meanIu, 6);
});

describe('train hypercolumn says what is wrong', () => {
  const image = '--image photos/1.png';
  const strokes = (name: string, bytes: Uint8Array): string => {
    folder.write(name, bytes);
    return `${image} --labels ${name}`;
  };
  const all = (id: number): Uint8Array => new Uint8Array(height * width).fill(id);
  const good = `${image} --labels strokes/1.png`;
  const cases: [string, () => string, number, RegExp][] = [
    [
      'an unknown layer',
      () => `${good} --taps conw1`,
      4,
      /no layer, node or value "conw1"\. Did you mean "conv1"\?/,
    ],
    [
      'a layer whose stride cannot be known',
      () => `${good} --from turned.onnx --taps turned --height 16 --width 16`,
      4,
      /"turned" is no layer of a hypercolumn: its stride cannot be known/,
    ],
    [
      'strokes of one class',
      () => strokes('one.png', grey(strokesOf(all(1), [3]))),
      3,
      /all labelled pixels are of one class, 1 \(1\): draw strokes of another class as well/,
    ],
    [
      'no strokes',
      () => strokes('empty.png', grey(all(255))),
      3,
      /no pixel has a label, all are 255: draw strokes/,
    ],
    [
      'strokes of another size',
      () => strokes('size.png', grey(scene(1).mask.subarray(0, 10 * width), width, 10)),
      3,
      /size\.png is 56 x 10 pixels, its image 56 x 40 \(photos\/1\.png\)/,
    ],
    [
      'a class beyond those that are named',
      () =>
        `${strokes('beyond.png', grey(strokesOf(scene(1).mask, [14]).map((id) => (id === 1 ? 4 : id))))} --classes a,b`,
      3,
      /beyond\.png has the class id 4 at row 14, column \d+, where 2 classes are known/,
    ],
    [
      'a corrupt image',
      () => {
        folder.write('corrupt.png', grey(scene(1).image).subarray(0, 200));
        return '--image corrupt.png --labels strokes/1.png';
      },
      3,
      /corrupt\.png is corrupt: /,
    ],
    ['an image that is not there', () => '--image no.png --labels strokes/1.png', 3, /no\.png/],
    [
      'strokes for no image',
      () => `${good} --labels strokes/2.png`,
      2,
      /1 image and 2 files of labels/,
    ],
    [
      'neither strokes nor masks',
      () => '',
      2,
      /give either images with strokes .* or images with masks/,
    ],
    ['both', () => `${good} --data boxes`, 2, /give either images with strokes/],
    [
      'folders that do not go together',
      () => '--images photos --labels boxes',
      3,
      /none of the 4 images/,
    ],
    [
      'an unknown head',
      () => `${good} --head svm`,
      2,
      /unknown head "svm": give logistic, or mlp:/,
    ],
    [
      'more pixels than there is room for',
      () => '--data boxes --points 99999999',
      2,
      /at most \d+ do/,
    ],
  ];
  it.each(cases)('%s', async (_, line, exitCode, sentence) => {
    const { code, err, out } = await start(`${line()} --output wrong`);
    expect(err).toMatch(sentence);
    expect({ code, out }).toEqual({ code: exitCode, out: '' });
    expect(existsSync(path('wrong'))).toBe(false);
  });

  it('where the folder holds another run', async () => {
    const { code, err } = await start(`${good} --output masks`);
    expect(code).toBe(2);
    expect(err).toMatch(/already holds another run\. Add --overwrite to replace it/);
    expect((await start(`${good} --output masks --overwrite`)).code).toBe(0);
  });

  it('where it is interrupted', async () => {
    const { code } = await start(`${good} --output stopped`, AbortSignal.abort());
    expect(code).toBe(130);
    expect((await start(`${good} --output stopped`)).code).toBe(0);
  });
});

describe('probe', () => {
  const probe = (line: string): Promise<Ran> =>
    run(`probe backbone.onnx --data boxes --threads 1 ${line}`, { cwd: folder.path });

  it('tells error, time and memory of subsets of layers, and what each knows of position', async () => {
    const { code, out, err } = await probe(
      '--taps conv1,conv3 --subsets conv3;conv1,conv3 --points 300 --output probed --json',
    );
    expect(code, err).toBe(0);
    const told = JSON.parse(out);
    expect(told.rows.map(({ taps }: { taps: string[] }) => taps)).toEqual([
      ['conv3'],
      ['conv1', 'conv3'],
    ]);
    expect(told.rows.map(({ channels }: { channels: number }) => channels)).toEqual([16, 24]);
    // Eight maps of 40 x 56 and sixteen of a fourth of each side, 4 bytes a number.
    expect(told.rows[1].megabytes).toBeCloseTo((4 * (8 * 40 * 56 + 16 * 10 * 14)) / 1e6, 6);
    expect(told.rows[1].meanIu).toBeGreaterThan(told.rows[0].meanIu);
    for (const row of told.rows) expect(row.milliseconds).toBeGreaterThan(0);
    expect(told.positions.map(({ tap }: { tap: string }) => tap)).toEqual(['conv1', 'conv3']);
    expect(told.positions.map(({ stride }: { stride: number }) => stride)).toEqual([1, 4]);
    for (const { rows, distance } of told.positions) {
      expect(rows).toBeLessThanOrEqual(1);
      expect(distance).toBeGreaterThan(0);
    }
    // Its config.yaml gives the same again; nothing is watched here.
    const again = 'probe backbone.onnx --config probed/config.yaml --output probed-2 --json';
    const repeated = await run(again, { cwd: folder.path });
    expect(repeated.code, repeated.err).toBe(0);
    expect(JSON.parse(repeated.out).rows[1].meanIu).toBe(told.rows[1].meanIu);
    expect((await probe('--taps conv1 --watch')).err).toContain('unknown option --watch');
    const page = readFileSync(path('probed/report.html'), 'utf8');
    expect(page).toContain('Layers and what they know');
    expect(page).toContain('conv1, conv3');
  });

  it('says which layers there are, and which may stand in subsets', async () => {
    const unknown = await probe('--taps conv1,conv9 --output none');
    expect(unknown.code).toBe(4);
    expect(unknown.err).toMatch(/conv9.*conv1/s);
    const outside = await probe('--taps conv1 --subsets conv1;conv3 --output none');
    expect(outside.code).toBe(2);
    expect(outside.err).toContain('"conv3" is none of the layers that are read: conv1');
    const many = await probe('--taps conv1 --subsets nothing --output none');
    expect(many.err).toContain('give each, nested or all');
  });

  it('refuses a layer whose stride cannot be known', async () => {
    const { code, err } = await run('probe turned.onnx --data boxes --taps turned --output none', {
      cwd: folder.path,
    });
    expect(code).toBe(4);
    expect(err).toContain('its stride cannot be known');
  });
});
