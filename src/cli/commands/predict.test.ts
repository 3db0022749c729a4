import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brightness, type Folder, makeFolder, run } from '../../../test/cli.js';

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('m.onnx', brightness());
  folder.write('photos/a.png', 255);
  folder.write('photos/b.png', 'no image');
  folder.write('photos/deep/c.png', 0);
  folder.write('photos/notes.txt', 'text');
  folder.write('photos/.hidden', '');
  folder.write('empty/.hidden', '');
});
afterAll(() => folder.remove());
const here = (line: string, more: Parameters<typeof run>[1] = {}) =>
  run(`predict ${line}`, { cwd: folder.path, ...more });

describe('predict', () => {
  it('tells class and probability of each image, and what could not be read', async () => {
    const { code, out, err } = await here('m.onnx photos');
    expect(code).toBe(0);
    expect(err).toMatch(/^classifying: 3\/3, \d+ s\n$/);
    expect(out).toMatchInlineSnapshot(`
      "  file               class   probability
        photos/a.png       bright       99.3 %
        photos/deep/c.png  dark         99.3 %

      2 files were skipped:
        photos/notes.txt is not an image file
        photos/b.png is not a PNG, JPEG or WebP image inside
      "
    `);
  });

  it('as JSON', async () => {
    const { out, err } = await here('m.onnx photos/deep/c.png photos --top 2 --json');
    expect(err).toBe('');
    const dark = 1 / (1 + Math.exp(-5));
    const close = (probability: number) => expect.closeTo(probability, 5);
    const c = {
      file: 'photos/deep/c.png',
      class: 'dark',
      probability: close(dark),
      top: [
        { class: 'dark', probability: close(dark) },
        { class: 'bright', probability: close(1 - dark) },
      ],
    };
    expect(JSON.parse(out)).toEqual({
      model: 'm.onnx',
      predictions: [
        c,
        {
          file: 'photos/a.png',
          class: 'bright',
          probability: close(dark),
          top: [
            { class: 'bright', probability: close(dark) },
            { class: 'dark', probability: close(1 - dark) },
          ],
        },
        c,
      ],
      skipped: [
        { file: 'photos/notes.txt', reason: 'is not an image file' },
        { file: 'photos/b.png', reason: 'is not a PNG, JPEG or WebP image inside' },
      ],
    });
  });

  it('shows more classes side by side', async () => {
    const { out } = await here('m.onnx photos/a.png --top 9');
    expect(out).toMatchInlineSnapshot(`
      "  file          class   probability  2.    probability
        photos/a.png  bright       99.3 %  dark        0.7 %
      "
    `);
  });

  it('classifies many files in their order', async () => {
    for (let i = 0; i < 70; i++) folder.write(`many/${String(i).padStart(2, '0')}.png`, i * 3);
    const { out } = await here('m.onnx many --json --batch-size 7');
    const { predictions } = JSON.parse(out);
    expect(predictions).toHaveLength(70);
    expect(predictions[69]).toMatchObject({ file: 'many/69.png', class: 'bright' });
    expect(predictions[42]).toMatchObject({ file: 'many/42.png', class: 'dark' });
    expect(predictions[43]).toMatchObject({ file: 'many/43.png', class: 'bright' });
  });

  it.each([
    [
      'm.onnx photos/b.png',
      'no image could be read:\n  photos/b.png is not a PNG, JPEG or WebP image inside',
    ],
    ['m.onnx none.png', 'none.png cannot be read: no such file or folder'],
    ['m.onnx empty', 'no images in empty: give PNG, JPEG or WebP files, or folders with such'],
    [
      'm.onnx photos --strict',
      'photos/notes.txt is not an image file: remove it, or do without --strict',
    ],
    ['m.onnx photos/a.png photos/b.png --strict', 'photos/b.png is not a PNG'],
  ])('%s: %s', async (line, message) => {
    const { code, out, err } = await here(line);
    expect(err).toContain(message);
    expect({ code, out }).toEqual({ code: 3, out: '' });
  });

  it('ends early after a signal', async () => {
    const { code, out } = await here('m.onnx photos', { signal: AbortSignal.abort() });
    expect({ code, out }).toEqual({ code: 130, out: '' });
  });
});
