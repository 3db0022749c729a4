import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, type Ran, run } from '../../../test/cli.js';
import { type Model, model } from '../../graph/graph.js';
import { describeClassifier } from '../../onnx/metadata.js';
import { builder } from '../../ops/builder.js';
import { encodePng } from '../../report/png.js';
import { tensor } from '../../tensor/tensor.js';

const side = 8;

/** Tells bright images from dark ones, by their mean. */
function classifier(): Model {
  const b = builder();
  const x = b.input('image', 'float32', ['batch', 1, side, side]);
  const weights = Float32Array.from({ length: 2 * side * side }, (_, i) => (i % 2 ? 1 : -1) / 8);
  const bias = b.initializer('bias', tensor('float32', [2], Float32Array.of(4, -4)));
  const w = b.initializer('w', tensor('float32', [side * side, 2], weights));
  b.output(b.Add(b.MatMul(b.Flatten(x), w), bias), 'logits');
  const spec = describeClassifier({
    task: 'classification',
    classes: ['dark', 'bright'],
    preprocessing: {
      ...{ channels: 1, height: side, width: side, layout: 'NCHW', colour: 'grey' },
      ...{ scale: 1 / 255, mean: [0], std: [1] },
    },
  });
  return model(b.build('classifier'), spec);
}

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('model.onnx', classifier());
  for (const [name, value] of [
    ['dark', 90],
    ['bright', 165],
  ] as const)
    for (const i of [1, 2, 3, 4]) {
      const pixels = Uint8Array.from({ length: side * side }, (_, at) => value + ((at * i) % 7));
      for (const split of ['train', 'test'])
        folder.write(`photos/${split}/${name}/${i}.png`, encodePng(pixels, side, side, 1));
    }
});
afterAll(() => folder.remove());

const attack = (line: string): Promise<Ran> =>
  run(`attack model.onnx --data photos --threads 1 ${line}`, { cwd: folder.path });
const path = (name: string): string => join(folder.path, name);
const linesOf = (name: string) =>
  readFileSync(path(name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('attack', () => {
  it.each([
    ['sharp', ''],
    ['locsearch', ''],
    ['sparse-rs', '--pixels 40'],
    ['fgsm', ''],
  ])('%s fools a classifier of the mean, and says by what', async (name, more) => {
    const { code, out, err } = await attack(
      `--attack ${name} --images 4 --folder ${name} --queries 3000 ${more} --json`,
    );
    expect(code, err).toBe(0);
    const told = JSON.parse(out);
    expect(told).toMatchObject({ attacked: 4, baseError: 0 });
    expect(told.attack.toLowerCase()).toBe(name);
    expect(told.successRate).toBeGreaterThan(0.5);
    expect(told.queries.mean).toBeGreaterThan(1);
    const [head, ...rest] = linesOf(`${name}/ledger.jsonl`);
    expect(head).toMatchObject({ type: 'audit', settings: { attack: told.attack, seed: 1 } });
    const images = rest.filter(({ type }) => type === 'image');
    expect(images).toHaveLength(4);
    expect(readdirSync(path(`${name}/adversarial`))).toHaveLength(4);
    expect(existsSync(path(`${name}/contact-sheet-1.png`))).toBe(true);
    expect(readFileSync(path(`${name}/report.html`), 'utf8')).toContain('What fools it');
  });

  it('goes on with an audit, asks nothing again, and refuses other settings', async () => {
    const line = '--images 2 --folder again --json';
    expect((await attack(line)).code).toBe(0);
    const before = linesOf('again/ledger.jsonl').filter(({ type }) => type === 'image');
    const more = await attack(`--images 4 --folder again --resume --json`);
    expect(more.code, more.err).toBe(0);
    expect(JSON.parse(more.out).attacked).toBe(4);
    const after = linesOf('again/ledger.jsonl').filter(({ type }) => type === 'image');
    expect(after.slice(0, 2)).toEqual(before);
    const other = await attack('--images 4 --folder again --resume --seed 2');
    expect(other.code).toBe(2);
    expect(other.err).toContain('seed was 1, now 2');
    expect(readFileSync(path('again/config.yaml'), 'utf8')).toMatch(/images: 4\n.*seed: 1\n/s);
    const repeated = await attack('--config again/config.yaml --folder repeated');
    expect(repeated.code, repeated.err).toBe(0);
    expect((await attack(line)).err).toContain('already holds one');
  });

  it('gives the same whatever is attacked beside an image', async () => {
    const ledgers = [1, 2, 3].map(async (threads) => {
      const { code, err } = await run(
        `attack model.onnx --data photos --images 8 --batch-size 4 --threads ${threads} --folder beside-${threads}`,
        { cwd: folder.path },
      );
      expect(code, err).toBe(0);
      return linesOf(`beside-${threads}/ledger.jsonl`)
        .filter(({ type }) => type === 'image')
        .map((line): Record<string, unknown> => ({ ...line, seconds: null }))
        .sort((a, b) => Number(a['index']) - Number(b['index']));
    });
    const [alone, ...beside] = await Promise.all(ledgers);
    expect(alone).toHaveLength(8);
    for (const ledger of beside) expect(ledger).toEqual(alone);
  });

  it('says probe, score and range, and what decimals the probabilities have', async () => {
    const line = '--attack locsearch --p 1 --rank-by margin --candidates 12 --exclusion 4';
    const { code, out, err } = await attack(
      `--images 1 --folder named --decimals 2 --range -0.4,0.6 ${line}`,
    );
    expect(code, err).toBe(0);
    expect(out).toMatch(/PERT, p = 1 +margin, 2 decimals +-0\.4,0\.6 /);
    expect(linesOf('named/ledger.jsonl')[0]).toMatchObject({
      settings: { probe: 'PERT', score: 'margin', candidates: 12, exclusion: 4, decimals: 2 },
    });
  });

  it('ends with exit code 5 where the classifier withstands too little', async () => {
    const { code, err } = await attack('--images 4 --folder gate --fail-under robust-accuracy=0.9');
    expect(code).toBe(5);
    expect(err).toContain('robust-accuracy');
  });

  it('refuses more ranks than there are classes, a word for p, and a range without 0', async () => {
    expect((await attack('--k 2 --folder none')).err).toMatch(/2/);
    const word = await attack('--attack locsearch --p much --folder none');
    expect(word.code).toBe(2);
    expect(word.err).toContain('--p: must be a number above 0, or adaptive');
    const range = await attack('--range 0.1,1 --folder none2');
    expect(range.code).toBe(2);
    expect(range.err).toContain('range');
  });
});
