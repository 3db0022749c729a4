/** Masks, overlays and numbers of image files, from a segmenter that says what is bright. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../../../test/cli.js';
import { decodeRawPng } from '../../data/segmentation/mask.js';
import { vocPalette } from '../../data/segmentation/palette.js';
import { type Model, model } from '../../graph/graph.js';
import { describeClassifier } from '../../onnx/metadata.js';
import { builder } from '../../ops/builder.js';
import { encodePng } from '../../report/png.js';
import { tensor } from '../../tensor/tensor.js';

/** A pixel is `bright` where the mean of `kernel` x `kernel` pixels around it is above a half. */
function brightPixels(options: { kernel?: number; described?: boolean; pad?: number } = {}): Model {
  const { kernel = 1, described = true, pad = (kernel - 1) / 2 } = options;
  const b = builder();
  const x = b.input('image', 'float32', ['batch', 1, 'height', 'width']);
  const area = kernel * kernel;
  const taps = Array.from({ length: 2 * area }, (_, i) => (i < area ? 0 : 20 / area));
  const scores = b.Conv(
    x,
    b.initializer('weight', tensor('float32', [2, 1, kernel, kernel], taps)),
    b.initializer('bias', tensor('float32', [2], [0, -10])),
    { pads: [pad, pad, pad, pad] },
  );
  b.output(b.Softmax(scores, { axis: 1 }), 'probabilities');
  const spec = describeClassifier({
    task: 'segmentation',
    classes: ['dark', 'bright'],
    palette: [
      [0, 0, 0],
      [255, 0, 0],
    ],
    preprocessing: {
      ...{ channels: 1, height: 8, width: 8, layout: 'NCHW', colour: 'grey' },
      ...{ scale: 1 / 255, mean: [0], std: [1] },
    },
  });
  return model(b.build('bright'), described ? spec : {});
}

/** One of 300 classes for a pixel, the nearest to 299 times its brightness: i with the largest 2 i t - i^2. */
function manyClasses(): Model {
  const b = builder();
  const x = b.input('image', 'float32', ['batch', 1, 'height', 'width']);
  const ids = Array.from({ length: 300 }, (_, i) => i);
  const slopes = ids.map((i) => 2 * 299 * i);
  const scores = b.Conv(
    x,
    b.initializer('weight', tensor('float32', [300, 1, 1, 1], slopes)),
    b.initializer(
      'bias',
      tensor(
        'float32',
        [300],
        ids.map((i) => -i * i),
      ),
    ),
  );
  b.output(scores, 'scores');
  return model(b.build('many'), {});
}

const [height, width] = [30, 40];
/** Bright in the left half. */
const half = (h = height, w = width) =>
  Uint8Array.from({ length: h * w }, (_, i) => (i % w < w / 2 ? 240 : 10));

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('m.onnx', brightPixels());
  folder.write('blur.onnx', brightPixels({ kernel: 7 }));
  folder.write('valid.onnx', brightPixels({ kernel: 9, pad: 0 }));
  folder.write('bare.onnx', brightPixels({ described: false }));
  folder.write('in/a.png', encodePng(half(), width, height, 1));
  folder.write('in/deep/a.png', encodePng(half(), width, height, 1));
  folder.write('in/broken.png', 'no image');
  folder.write('many.onnx', manyClasses());
  folder.write('small.png', encodePng(half(4, 6), 6, 4, 1));
});
afterAll(() => folder.remove());
const here = (line: string, more: Parameters<typeof run>[1] = {}) =>
  run(`predict ${line} --threads 1`, { cwd: folder.path, ...more });
const bytes = (name: string) => readFileSync(join(folder.path, name));

describe('predict with a segmenter', () => {
  it('writes masks of class ids, overlays, probabilities and areas', async () => {
    const { code, out, err } = await here('m.onnx in --to out --opacity 1 --probabilities');
    expect(code, err).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "  file            pixels  mostly
        in/a.png       40 x 30  dark 50.0 %, bright 50.0 %
        in/deep/a.png  40 x 30  dark 50.0 %, bright 50.0 %

      2 images segmented; pictures and areas.json are in out
      1 file was skipped:
        in/broken.png is not a PNG, JPEG, WebP or TIFF image inside
      "
    `);
    const mask = decodeRawPng(bytes('out/a-mask.png'), 'a');
    expect([mask.width, mask.height, mask.channels]).toEqual([width, height, 1]);
    expect(Array.from(mask.data)).toEqual(Array.from(half(), (pixel) => (pixel > 128 ? 1 : 0)));
    expect(mask.palette?.slice(0, 2)).toEqual([
      [0, 0, 0],
      [255, 0, 0],
    ]);
    const overlay = await sharp(bytes('out/deep/a-overlay.png')).raw().toBuffer();
    expect([...overlay.subarray(0, 3)]).toEqual([255, 0, 0]);
    const npy = bytes('out/a-probabilities.npy');
    expect(npy.toString('latin1')).toContain(`'shape': (2, ${height}, ${width})`);
    const areas = JSON.parse(bytes('out/areas.json').toString());
    expect(areas.images[0].areas).toEqual({
      dark: { pixels: 600, share: 0.5 },
      bright: { pixels: 600, share: 0.5 },
    });
  });

  it('gives the same in tiles', async () => {
    expect((await here('blur.onnx in/a.png --to whole --overlay none')).code).toBe(0);
    const { code, err } = await here('blur.onnx in/a.png --to tiled --overlay jpeg --tile 24');
    expect(code, err).toBe(0);
    expect(bytes('tiled/a-mask.png').equals(bytes('whole/a-mask.png'))).toBe(true);
    expect(existsSync(join(folder.path, 'tiled/a-overlay.jpg'))).toBe(true);
    expect(existsSync(join(folder.path, 'whole/a-overlay.png'))).toBe(false);
  });

  it('writes how unsure each pixel is, in tiles as well', async () => {
    const line = '--uncertainty --overlay none';
    expect((await here(`blur.onnx in/a.png --to unsure ${line}`)).code).toBe(0);
    expect((await here(`blur.onnx in/a.png --to unsure-tiled --tile 24 ${line}`)).code).toBe(0);
    const { data, depth, channels } = decodeRawPng(bytes('unsure/a-uncertainty.png'), 'a');
    expect([depth, channels, data.length]).toEqual([8, 1, height * width]);
    // Beyond the rim is black, so that bright pixels beside it are unsure as well.
    const middle = Array.from(data).slice(15 * width + 4, 16 * width - 4);
    const seam = middle.splice(12, 8);
    expect(Math.max(...seam)).toBeGreaterThan(200);
    expect(Math.max(...middle)).toBeLessThan(5);
    const tiled = bytes('unsure-tiled/a-uncertainty.png');
    expect(tiled.equals(bytes('unsure/a-uncertainty.png'))).toBe(true);
  });

  it('takes images smaller than the receptive field, padded and said', async () => {
    const { code, err } = await here('valid.onnx small.png --to little');
    expect(err).toMatch(/small\.png: the image has 6 x 4 pixels .* sees 9 x 9: zeros were added/);
    expect(code).toBe(0);
  });

  it('knows a segmenter by its output where it does not say', async () => {
    const { code, err } = await here('bare.onnx in/a.png --to bare');
    expect(err).toContain('the model does not say how pixels are scaled');
    expect(code).toBe(0);
    const areas = JSON.parse(bytes('bare/areas.json').toString());
    expect(Object.keys(areas.images[0].areas)).toEqual(['0', '1']);
  });

  it('writes masks of 16 bits where a palette has too few colours', async () => {
    const ramp = Uint8Array.from({ length: 256 }, (_, i) => i);
    folder.write('ramp.png', encodePng(ramp, 64, 4, 1));
    const { code, err } = await here('many.onnx ramp.png --to many --tile 32 --opacity 1');
    expect(code, err).toBe(0);
    const mask = decodeRawPng(bytes('many/ramp-mask.png'), 'mask');
    expect(Array.from(mask.data)).toEqual(
      [...ramp].map((value) => Math.round((299 * value) / 255)),
    );
    const colours = await sharp(bytes('many/ramp-overlay.png')).raw().toBuffer();
    expect([...colours.subarray(-3)]).toEqual(vocPalette(300)[299]);
  });

  it('names files by a pattern', async () => {
    const line = 'm.onnx in/a.png in/deep/a.png --to named --overlay none';
    const { code, err } = await here(`${line} --name {index}_{stem}.png`);
    expect(code, err).toBe(0);
    expect(existsSync(join(folder.path, 'named/1_a.png'))).toBe(true);
    const cases: [string, RegExp][] = [
      ['--name {stem}-{kind}', /a\.png and in\/a\.png would both become .*a-mask\.png/],
      ['--name {stam}', /unknown \{stam\}\. Did you mean "stem"\?/],
      ['--to in --name {stem}', /is an image itself/],
    ];
    for (const [more, sentence] of cases) {
      const wrong = await here(`${line} ${more}`);
      expect(wrong.err).toMatch(sentence);
      expect(wrong.code).toBe(2);
    }
    const twice = await here('m.onnx in/a.png in/a.png --to twice');
    expect(twice.err).toMatch(/in\/a\.png and in\/a\.png would both become .*a-mask\.png/);
    expect((await here('m.onnx in/a.png --name {stem}')).err).toMatch(/needs \{kind\}/);
  });

  it('says why pictures cannot be written, and export what it does not take', async () => {
    const { code, err } = await here('m.onnx in/a.png --to m.onnx/in');
    expect(err).toMatch(/error: PNG: cannot write .*m\.onnx\/in.*: a part of the path is a file/);
    expect(code).toBe(1);
    const exported = await run('export m.onnx --hub hub', { cwd: folder.path });
    expect(exported.err).toContain('This one labels pixels.');
    expect(exported.code).toBe(4);
  });

  it('ends early after a signal, and leaves no half files', async () => {
    const { code } = await here('m.onnx in --to stopped', { signal: AbortSignal.abort() });
    expect(code).toBe(130);
    expect(existsSync(join(folder.path, 'stopped/a-mask.png'))).toBe(false);
  });

  it('is strict where that is asked for', async () => {
    const { code, err } = await here('m.onnx in --to strict --strict');
    expect(err).toMatch(/in\/broken\.png is not a PNG/);
    expect(code).toBe(3);
  });
});
