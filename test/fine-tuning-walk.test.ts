/** A stranger's walk: a folder of photos and somebody's ONNX file, and from there on what the program prints. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel } from '../src/nn/models/build-model.js';
import { models } from '../src/nn/models/table.js';
import { type Folder, makeFolder, run } from './cli.js';

let folder: Folder;
beforeAll(async () => {
  folder = makeFolder();
  folder.write('theirs.onnx', buildModel(models.resnet20, { classes: 7, width: 0.25 }));
  // Two kinds of photos of different sizes: a warm disc and a cold square, on noise of their own.
  for (const [part, count] of [['train', 12] as const, ['test', 4] as const])
    for (const kind of ['sun', 'ice'])
      for (let i = 0; i < count; i++) {
        const at = join(folder.path, 'my photos', part, kind);
        mkdirSync(at, { recursive: true });
        await sharp(Buffer.from(scene(kind, i)))
          .jpeg()
          .toFile(join(at, `${i}.jpg`));
      }
});
afterAll(() => folder.remove());

/** The drawing of one photo as SVG. */
function scene(kind: string, i: number): string {
  const [width, height] = [90 + 8 * i, 60 + 6 * i];
  const back = kind === 'sun' ? '#402010' : '#c0d8f0';
  const shape =
    kind === 'sun'
      ? `<circle cx="${30 + 3 * i}" cy="30" r="${12 + i}" fill="#ffb020"/>`
      : `<rect x="${10 + 2 * i}" y="15" width="${20 + i}" height="25" fill="#3060c0"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="${back}"/>${shape}</svg>`;
}

/** The words of a printed line, without `npx espalier`. */
function wordsOf(line: string): string[] {
  const words = line.trim().match(/'[^']*'|\S+/g) ?? [];
  return words.slice(2).map((word) => word.replaceAll("'", ''));
}

describe('from a folder of photos and an ONNX file', () => {
  it('the printed lines lead to a judged, inspected and exported model', async () => {
    const here = async (words: readonly string[]): Promise<string> => {
      const { code, out, err } = await run(words, { cwd: folder.path });
      expect(code, `${words.join(' ')}\n${err}`).toBe(0);
      return out;
    };
    const checked = await here(['data', 'check', 'my photos']);
    expect(checked).toMatch(/ice +12 +4\n +sun +12 +4/);
    const [, suggested = ''] = /next: (.*)/.exec(checked) ?? [];
    const training = wordsOf(suggested.replace('<model.onnx>', 'theirs.onnx'));
    const quick = ['--epochs', '1', '--batch-size', '8', '--threads', '1'];
    const trained = await here([...training, ...quick]);
    const lines = (trained.split('next:\n')[1] ?? '').trimEnd().split('\n').map(wordsOf);
    expect(lines.map(([name]) => name)).toEqual(['predict', 'evaluate', 'inspect', 'export']);
    const outputs: Record<string, string> = {};
    for (const words of lines) {
      const given = words.map((word) =>
        word === '<images>' ? 'my photos/test/sun' : word === '<folder>' ? 'hub' : word,
      );
      outputs[given[0] ?? ''] = await here(given);
    }
    expect(outputs['predict']).toMatch(/sun\/0\.jpg +(sun|ice) +\d+\.\d %/);
    const [, error = ''] = /test error (\d+\.\d\d %)/.exec(trained) ?? [];
    expect(outputs['evaluate']).toMatch(new RegExp(`error +${error.replace('.', '\\.')}`));
    expect(outputs['inspect']).toMatch(/classes +ice, sun/);
    expect(existsSync(join(folder.path, 'hub/onnx/model.onnx'))).toBe(true);
  }, 20_000);
});
