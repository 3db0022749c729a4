/** What goes wrong for users, through the command line: a sentence that says what and where, and the exit code. */
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../src/cli/run-cli.js';
import type { Graph } from '../src/graph/graph.js';
import { model } from '../src/graph/graph.js';
import { writeModel, writeModelWithExternalData } from '../src/onnx/write.js';
import { builder } from '../src/ops/builder.js';
import { tensor } from '../src/tensor/tensor.js';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-errors-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Runs a command line in `root`. */
async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const texts = { out: '', err: '' };
  const sink = (key: 'out' | 'err') => ({
    write: (text: string) => {
      texts[key] += text;
      return true;
    },
  });
  const code = await runCli(argv, {
    stdout: sink('out'),
    stderr: sink('err'),
    env: { NO_COLOR: '1' },
    cwd: root,
    signal: new AbortController().signal,
  });
  return { code, ...texts };
}

/** A quick training of a small network, with more options after it. */
const quick = [
  'train',
  'ladder',
  '--hidden',
  '8',
  '--lambdas',
  '1,0.1,0.1',
  '--batch-size',
  '4',
  '--epochs',
  '1',
];

describe('idx files', () => {
  const header = (magic: number, ...dims: number[]): Buffer => {
    const bytes = Buffer.alloc(4 + 4 * dims.length);
    bytes.writeUInt32BE(magic, 0);
    dims.forEach((dim, i) => {
      bytes.writeUInt32BE(dim, 4 + 4 * i);
    });
    return bytes;
  };
  const images = (count: number, magic = 0x803): Buffer =>
    Buffer.concat([header(magic, count, 28, 28), Buffer.alloc(count * 784)]);
  const labels = (count: number): Buffer =>
    Buffer.concat([
      header(0x801, count),
      Buffer.from(Array.from({ length: count }, (_, i) => i % 10)),
    ]);

  async function digits(name: string, changed: Record<string, Buffer>): Promise<string> {
    const folder = join(root, name);
    await mkdir(folder);
    const files = {
      'train-images-idx3-ubyte': images(20),
      'train-labels-idx1-ubyte': labels(20),
      't10k-images-idx3-ubyte': images(10),
      't10k-labels-idx1-ubyte': labels(10),
      ...changed,
    };
    for (const [file, bytes] of Object.entries(files)) await writeFile(join(folder, file), bytes);
    return folder;
  }
  const train = (folder: string) =>
    run(...quick, '--folder', folder, '--labels', '10', '--output', `${folder}-run`);

  it('that are whole are learnt from', async () => {
    const folder = await digits('whole', {});
    const { code, out } = await train(folder);
    expect(out).toMatch(/test error/);
    expect(code).toBe(0);
  });

  it.each<[string, Record<string, Buffer>, RegExp]>([
    [
      'truncated',
      { 'train-images-idx3-ubyte': images(20).subarray(0, 5000) },
      /train-images-idx3-ubyte.*15[ ,.]?69\d/s,
    ],
    [
      'truncated and compressed',
      { 'train-images-idx3-ubyte': gzipSync(images(20)).subarray(0, 40) },
      /train-images-idx3-ubyte/,
    ],
    [
      'wrong-magic',
      { 'train-images-idx3-ubyte': images(20, 0x801) },
      /train-images-idx3-ubyte.*(magic|0x0*801)/s,
    ],
    ['of-different-length', { 'train-labels-idx1-ubyte': labels(19) }, /20.*19|19.*20/s],
    [
      'without-a-class',
      {
        'train-labels-idx1-ubyte': Buffer.concat([
          header(0x801, 20),
          Buffer.from(Array.from({ length: 20 }, (_, i) => i % 9)),
        ]),
      },
      /class.*9/s,
    ],
    [
      'with-labels-out-of-range',
      { 'train-labels-idx1-ubyte': Buffer.concat([header(0x801, 20), Buffer.alloc(20, 77)]) },
      /label 77 .*0 to 9/s,
    ],
  ])('%s end with code 3', async (name, changed, sentence) => {
    const { code, err, out } = await train(await digits(name.replaceAll(' ', '-'), changed));
    expect(err).toMatch(sentence);
    expect(code).toBe(3);
    expect(out).toBe('');
  });
});

describe('folders of images', () => {
  const picture = (shade: number): Promise<Buffer> =>
    sharp({ create: { width: 6, height: 6, channels: 3, background: { r: shade, g: 9, b: 200 } } })
      .png()
      .toBuffer();

  async function folder(name: string, files: Record<string, Buffer>): Promise<string> {
    const path = join(root, name);
    await mkdir(path, { recursive: true });
    for (const [file, bytes] of Object.entries(files)) {
      await mkdir(join(path, file, '..'), { recursive: true });
      await writeFile(join(path, file), bytes);
    }
    return path;
  }
  const train = (path: string) =>
    run(...quick, '--data', 'folder', '--folder', path, '--height', '6', '--output', `${path}-run`);

  it('with a corrupt PNG among good ones are learnt from, and the file is named', async () => {
    const good: Record<string, Buffer> = {};
    for (let i = 0; i < 6; i++) {
      good[`labelled/cat/${i}.png`] = await picture(20 * i);
      good[`labelled/owl/${i}.png`] = await picture(130 + 20 * i);
      good[`unlabelled/${i}.png`] = await picture(40 * i);
    }
    const path = await folder('corrupt', {
      ...good,
      'labelled/cat/bad.png': (await picture(7)).subarray(0, 60),
    });
    const { code, err } = await train(path);
    expect(err).toMatch(/cat\/bad\.png/);
    expect(code).toBe(0);
  });

  it('of classes of different sizes are learnt from again by the config of the run', async () => {
    const files: Record<string, Buffer> = {};
    for (let i = 0; i < 6; i++) files[`labelled/cat/${i}.png`] = await picture(20 * i);
    for (let i = 0; i < 2; i++) files[`labelled/owl/${i}.png`] = await picture(130 + 20 * i);
    const path = await folder('unbalanced', files);
    expect((await train(path)).code).toBe(0);
    expect(await readFile(`${path}-run/report.html`, 'utf8')).not.toContain('--data mnist');
    const config = `${path}-run/config.yaml`;
    const again = await run('train', 'ladder', '--config', config, '--output', `${path}-again`);
    expect(again.err).not.toMatch(/error/);
    expect(again.code).toBe(0);
    const model = (at: string): Promise<Buffer> => readFile(join(`${path}-${at}`, 'model.onnx'));
    expect((await model('again')).equals(await model('run'))).toBe(true);
  });

  it('with an empty class end with code 3 and its name', async () => {
    const path = await folder('no-owl', {
      'labelled/cat/0.png': await picture(1),
      'labelled/owl/notes.txt': Buffer.from('soon'),
    });
    const { code, err } = await train(path);
    expect(err).toMatch(/owl/);
    expect(code).toBe(3);
  });

  it('that are empty or absent end with code 3 and the layout', async () => {
    for (const path of [await folder('empty', {}), join(root, 'absent')]) {
      const { code, err } = await train(path);
      expect(err).toMatch(/labelled/);
      expect(code).toBe(3);
    }
  });
});

describe('run folders', () => {
  it('that cannot be written end with code 2', async () => {
    await writeFile(join(root, 'a-file'), 'not a folder');
    const { code, err } = await run(...quick, '--labels', '10', '--output', 'a-file/run');
    expect(err).toMatch(/a-file/);
    expect(code).toBe(2);
  });

  it('that hold a run are not overwritten unasked, and can be resumed', async () => {
    const common = [...quick, '--labels', '10', '--output', 'twice', '--epochs', '0.01'];
    expect((await run(...common)).code).toBe(0);
    const before = await stat(join(root, 'twice', 'model.onnx'));
    const again = await run(...common);
    expect(again.code).toBe(2);
    expect(again.err).toMatch(/--resume .*--overwrite/s);
    expect((await stat(join(root, 'twice', 'model.onnx'))).mtimeMs).toBe(before.mtimeMs);
    const resumed = await run(...common, '--resume');
    expect(resumed.code).toBe(0);
    expect(resumed.err).not.toMatch(/other settings/);
    const faster = await run(...common, '--resume', '--learning-rate', '0.01');
    expect(faster.err).toMatch(/resumed with other settings: learningRate 0\.002, now 0\.01/);
    expect(faster.code).toBe(0);
  });
});

describe('models', () => {
  const graph = (): Graph => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 2]);
    b.output(b.Gemm(x, b.initializer('w', tensor('float32', [2, 3], [1, 2, 3, 4, 5, 6]))), 'y');
    return b.build();
  };

  it('that are not ONNX end with code 4', async () => {
    await writeFile(join(root, 'page.onnx'), '<!doctype html><title>404</title>');
    const { code, err } = await run('inspect', 'page.onnx');
    expect(err).toMatch(/page\.onnx|HTML/);
    expect(code).toBe(4);
  });

  it('whose shapes do not fit end with code 4 and the node', async () => {
    const made = graph();
    const weights = new Map([['w', tensor('float32', [5, 3], new Array(15).fill(0))]]);
    const misfit = { ...made, initializers: weights, values: new Map() };
    await writeFile(join(root, 'misfit.onnx'), writeModel(model(misfit)));
    const { code, err } = await run('inspect', 'misfit.onnx', '--shapes');
    expect(err).toMatch(/Gemm at node "Gemm".*\[5, 3\]/s);
    expect(code).toBe(4);
  });

  it('that ask for data outside their folder end with code 4', async () => {
    await mkdir(join(root, 'inside'));
    const { bytes, data } = writeModelWithExternalData(model(graph()), 'weights.bin', 1);
    const elsewhere = Buffer.from(bytes);
    const at = elsewhere.indexOf('weights.bin');
    elsewhere.write('../away.bin', at);
    await writeFile(join(root, 'away.bin'), data);
    await writeFile(join(root, 'inside', 'sly.onnx'), elsewhere);
    const { code, err } = await run('inspect', 'inside/sly.onnx');
    expect(err).toMatch(/away\.bin/);
    expect(code).toBe(4);
    expect((await readFile(join(root, 'away.bin'))).length).toBe(data.length);
  });
});

describe('fine-tuning and its data', () => {
  beforeAll(async () => {
    const b = builder();
    const x = b.input('image', 'float32', ['batch', 1, 2, 2]);
    b.output(
      b.MatMul(b.Flatten(x), b.constant(tensor('float32', [4, 2], new Array(8).fill(1)))),
      'y',
    );
    await writeFile(join(root, 'plain.onnx'), writeModel(model(b.build())));
    await writeFile(join(root, 'text.onnx'), 'no model');
    const classes = join(root, 'pets');
    for (const [name, content] of [['cat', 1] as const, ['owl', 200] as const]) {
      await mkdir(join(classes, name), { recursive: true });
      const background = { r: content, g: content, b: content };
      const image = sharp({ create: { width: 2, height: 2, channels: 3, background } });
      await image.png().toFile(join(classes, name, '0.png'));
    }
    await mkdir(join(root, 'one-class', 'cat'), { recursive: true });
    await writeFile(join(root, 'one-class', 'cat', '0.png'), 'no image');
  });

  it.each<[string, number, RegExp]>([
    ['data list extra', 2, /data list: unexpected argument "extra"|extra/],
    ['data get', 2, /missing.*name/],
    ['data get minst', 2, /no data set is called "minst"\. Did you mean "?mnist/],
    ['data get mnist --from ftp', 2, /--from: must be one of npm, web/],
    ['data check', 2, /missing.*data/],
    ['data check nowhere', 3, /nowhere.*no such file or folder/],
    ['data check one-class', 3, /holds only the class cat, where a classifier needs two/],
    ['export plain.onnx', 2, /missing --hub: it must be a folder/],
    ['export absent.onnx --hub h', 4, /absent\.onnx.*there is no such file/],
    ['export text.onnx --hub h', 4, /text\.onnx/],
    ['export plain.onnx --hub h --classes a,b,c', 4, /none is a row of 3 scores/],
    ['train classifier --data pets', 2, /give either --from .* or --model/],
    ['train classifier --from plain.onnx', 2, /missing --data: it must be a name or folder/],
    ['train classifier --model vgg99 --data pets', 2, /--model: must be one of/],
    ['train classifier --from absent.onnx --data pets', 4, /absent\.onnx.*there is no such file/],
    ['train classifier --from text.onnx --data pets', 4, /text\.onnx/],
    ['train classifier --from plain.onnx --data nowhere', 3, /nowhere.*no such file or folder/],
    ['train classifier --from plain.onnx --data one-class', 3, /needs two/],
    ['train classifier --from plain.onnx --data pets --height 9', 2, /would go in as .*9, 2\]/],
    [
      'train classifier --from plain.onnx --data pets --input x',
      4,
      /has no input "x"\. It has image/,
    ],
    [
      'train classifier --from plain.onnx --data pets --rates fast',
      2,
      /invalid learning rate "fast"/,
    ],
    ['train classifier --from plain.onnx --data pets --batch-size 0', 2, /--batch-size: must be/],
    ['train classifier --from plain.onnx --data pets --hub plain.onnx', 2, /plain\.onnx is a file/],
    ['evaluate plain.onnx --data pets --split validation', 3, /hold some out \(--validation\)/],
    ['evaluate plain.onnx --data nowhere', 3, /nowhere.*no such file or folder/],
  ])('%s ends with code %i', async (line, wanted, sentence) => {
    const { code, err, out } = await run(...line.split(' '));
    expect(err).toMatch(sentence);
    expect(err).not.toMatch(/unexpected \w*Error|internal:/);
    expect({ code, out }).toEqual({ code: wanted, out: '' });
  });

  it('leaves no run behind that was refused before its first step', async () => {
    const line = 'train classifier --from plain.onnx --data pets --output refused';
    const first = await run(...line.split(' '), '--rates', 'fast');
    expect(first.err).toContain('invalid learning rate "fast"');
    const second = await run(...line.split(' '), '--batch-size', '2', '--epochs', '1');
    expect(second.err).not.toContain('already holds a run');
    expect(second.code).toBe(0);
  });
});
