import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brightness, type Folder, makeFolder, type Ran, run } from '../../../test/cli.js';
import { readSpec } from '../../onnx/metadata.js';
import { encodePng } from '../../report/png.js';
import { readModelFile } from '../../runs/model-file.js';

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('model.onnx', brightness());
  const shades = { black: 10, grey: 128, white: 245 };
  for (const [name, level] of Object.entries(shades))
    for (let i = 0; i < 8; i++) {
      folder.write(`shades/train/${name}/${i}.png`, level + 1 - (i % 3));
      if (i < 3) folder.write(`shades/test/${name}/${i}.png`, level + i - 1);
    }
  for (let i = 0; i < 8; i++) {
    folder.write(`known/dark/${i}.png`, 100 + i);
    folder.write(`known/bright/${i}.png`, 150 + i);
    const stripes = Uint8Array.from({ length: 16 }, (_, at) => ((at + i) % 2) * 255);
    folder.write(`stripes/train/a/${i}.png`, encodePng(stripes, 4, 4, 1));
    folder.write(`stripes/test/b/${i}.png`, encodePng(stripes, 4, 4, 1));
    folder.write(`large/${i}.png`, encodePng(new Uint8Array(64).fill(i), 8, 8, 1));
  }
});
afterAll(() => folder.remove());

const small = '--model-width 0.05 --gan-width 0.05 --latents 4 --batch-size 6 --threads 1';
const train = (line: string, signal?: AbortSignal): Promise<Ran> =>
  run(`train confident ${line}`, { cwd: folder.path, ...(signal && { signal }) });

describe('train confident', () => {
  it('gives a run folder with a model, figures of sets from outside, and the generator by epoch', async () => {
    const line = `--data ./shades --hold-out grey --height 8 --width 8 --out stripes --epochs 6 ${small}`;
    const { code, out, err } = await train(`${line} --output joint --json`);
    expect(code, err).toBe(0);
    const result = JSON.parse(out);
    expect(result).toMatchObject({ method: 'joint', testError: 0, classes: 2, images: 16 });
    const at = (name: string) => join(folder.path, 'joint', name);
    const read = (name: string) => readFileSync(at(name), 'utf8');
    const figures = JSON.parse(read('figures.json'));
    expect(figures).toEqual(result.figures);
    expect(figures.sets.map(({ name }: { name: string }) => name)).toEqual([
      'held out: grey',
      'stripes',
    ]);
    for (const { auroc, tnr } of figures.sets)
      for (const share of [auroc, tnr]) expect(share >= 0 && share <= 1).toBe(true);
    expect(read('samples.jsonl').trim().split('\n')).toHaveLength(6);
    const report = read('report.html');
    for (const said of ['What the generator makes', 'epoch 6', 'largest probability', 'GAN'])
      expect(report).toContain(said);
    const spec = readSpec((await readModelFile(at('model.onnx'))).metadata);
    expect(spec?.classes).toEqual(['black', 'white']);
    expect(spec?.preprocessing).toMatchObject({ height: 8, width: 8, mean: [0], std: [1] });
    expect(spec?.provenance).toMatchObject({ method: 'confident, joint (Lee et al. 2018)' });
    expect(existsSync(at('huggingface/config.json'))).toBe(true);
  });

  it('goes on after an interruption as if nothing had been', async () => {
    const line = `--data ./shades --height 8 --width 8 --epochs 3 ${small}`;
    expect((await train(`${line} --output whole`)).code).toBe(0);
    const controller = new AbortController();
    controller.abort();
    const stopped = await train(`${line} --output parts`, controller.signal);
    expect(stopped.err).toMatch(/interrupted at step \d+/);
    expect((await train(`${line} --output parts --resume`)).code).toBe(0);
    const bytes = (name: string) => readFileSync(join(folder.path, name));
    for (const file of ['checkpoint/last.safetensors', 'samples.jsonl', 'figures.json'])
      expect(bytes(`parts/${file}`).equals(bytes(`whole/${file}`)), file).toBe(true);
  });

  it('learns to be unsure of a given set, and goes on with a file', async () => {
    const line = `--from model.onnx --data ./known --method confidence --outside stripes --out stripes --learning-rate 0.05 --warm-up 0 --epochs 20 --validation 4 --batch-size 6 --threads 1`;
    const { code, out, err } = await train(`${line} --output seen`);
    expect(err).toContain('the head is kept, with its 2 classes');
    expect(code, err).toBe(0);
    expect(out).toContain('validation error 0.00 %');
    expect(out).toMatch(/stripes +\d/);
    const figures = JSON.parse(readFileSync(join(folder.path, 'seen/figures.json'), 'utf8'));
    const [stripes] = figures.sets;
    expect(stripes.confidence).toBeLessThan(0.6);
    expect(figures.confidence).toBeGreaterThan(stripes.confidence);
  });

  it('says that the classifier collapsed, and goes back', async () => {
    const line = `--data ./shades --method ce --learning-rate 3000 --clip 0 --epochs 8 ${small}`;
    const { code, err } = await train(`${line} --output dead`);
    expect(err).toMatch(/the classifier collapsed after [\d.]+ epochs: it gives the same/);
    expect(err).toMatch(/Going back to step \d+, with a learning rate of 1500/);
    expect(err).toMatch(/It went back 3 times before.*Let the learning rate rise/);
    expect(code).toBeGreaterThan(0);
  });

  it('says what is wrong', async () => {
    const cases: [string, RegExp][] = [
      ['--data ./nowhere', /nowhere/],
      ['--data ./shades --method confidence', /needs images from outside: give --outside/],
      ['--data ./shades --outside stripes', /--outside is for --method confidence/],
      [
        '--data ./shades --method confidence --outside large',
        /from outside \(large\) are 8 x 8 grey, those of the data 4 x 4 grey: of another size/,
      ],
      ['--data ./shades --hold-out black,grey', /--hold-out leaves only the class white/],
      [
        '--data ./shades --hold-out whit',
        /"whit" is no class of the data\. Did you mean "white"\?/,
      ],
      ['--data ./shades --from model.onnx --model lenet', /give either --from .* or --model/],
      ['--data ./shades --patience 2', /--patience needs validation images/],
      ['--data ./shades --height 9 --width 9', /DCGAN: images must be square and 4 to 7/],
    ];
    for (const [line, sentence] of cases) {
      const { code, err } = await train(`${line} --output wrong --overwrite`);
      expect(err).toMatch(sentence);
      expect(code).toBeGreaterThan(0);
    }
  });
});
