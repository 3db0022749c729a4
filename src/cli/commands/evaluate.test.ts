import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { brightness, type Folder, makeFolder, run } from '../../../test/cli.js';

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('m.onnx', brightness());
  // Three bright images, one of which is filed as dark; classes in another order than the model's.
  folder.write('photos/labelled/bright/a.png', 250);
  folder.write('photos/labelled/dark/a.png', 5);
  folder.write('photos/test/bright/a.png', 200);
  folder.write('photos/test/bright/b.png', 255);
  folder.write('photos/test/dark/a.png', 0);
  folder.write('photos/test/dark/b.png', 180);
});
afterAll(() => folder.remove());
const here = (line: string, more: Parameters<typeof run>[1] = {}) =>
  run(`evaluate ${line}`, { cwd: folder.path, ...more });

/** The mean cost of the test images where their pixels come in as `input`: the softmax is over (10 x - 5, 0). */
function nllOf(input: (pixel: number) => number): number {
  const cost = (pixel: number, isBright: boolean) => {
    const logit = 10 * input(pixel) - 5;
    return Math.log1p(Math.exp(isBright ? -logit : logit));
  };
  return (cost(200, true) + cost(255, true) + cost(0, false) + cost(180, false)) / 4;
}
const photos = 'm.onnx --data folder --folder photos';

describe('evaluate', () => {
  it('gives figures as JSON', async () => {
    const { code, out } = await here(`${photos} --json`);
    expect(code).toBe(0);
    const json = JSON.parse(out);
    expect(json).toMatchObject({
      model: 'm.onnx',
      data: 'folder',
      split: 'test',
      images: 4,
      error: 0.25,
      accuracy: 0.75,
      balancedAccuracy: 0.75,
      topK: { k: 2, accuracy: 1 },
      classes: [
        { name: 'bright', images: 2, recall: 1, precision: 2 / 3 },
        { name: 'dark', images: 2, recall: 0.5, precision: 1 },
      ],
      confusion: [
        [2, 0],
        [1, 1],
      ],
    });
    expect(json.nll).toBeCloseTo(
      nllOf((pixel) => pixel / 255),
      5,
    );
  });

  it('gives figures as text', async () => {
    const { out } = await here(photos);
    expect(out).toMatchInlineSnapshot(`
      "m.onnx on folder, 4 test images

        error                     25.00 %
        accuracy                  75.00 %
        balanced accuracy         75.00 %
        in the top 2             100.00 %
        negative log-likelihood    0.5622

        class   images    recall  precision
        bright       2  100.00 %    66.67 %
        dark         2   50.00 %   100.00 %

      Confusion: a row for each true class, a column for each prediction
                bright  dark
        bright       2     .
        dark         1     1
      "
    `);
  });

  it('tells apart what meets a threshold and what does not', async () => {
    expect((await here(`${photos} --fail-under accuracy=0.75,topK=1`)).code).toBe(0);
    const { code, out, err } = await here(
      `${photos} --fail-under accuracy=0.9 --fail-over error=0.1 --fail-under topK=0.5`,
    );
    expect(code).toBe(5);
    expect(out).toContain('75.00 %');
    expect(err).toContain(
      'error: accuracy is 0.75, wanted at least 0.9\nerror is 0.25, wanted at most 0.1\n',
    );
    const json = await here(`${photos} --fail-under accuracy=0.9 --json --quiet`);
    expect(JSON.parse(json.err).error).toMatchObject({
      name: 'ThresholdError',
      exitCode: 5,
      expected: { accuracy: 0.9 },
      actual: { accuracy: 0.75 },
    });
  });

  it.each([
    [
      '--fail-under accuracie=0.9',
      '--fail-under: unknown figure "accuracie". Did you mean "accuracy"?',
    ],
    [
      '--fail-under accuracy',
      '--fail-under: must be <figure>=<number> as in accuracy=0.95, got "accuracy"',
    ],
    ['--classes a', '--classes: 1 class name for the 2 scores'],
    ['--output logit', '--output: m.onnx has no output "logit". Did you mean "logits"?'],
    ['--input x', '--input: m.onnx has no input "x". It has pixel_values'],
    ['--mean 1,2', '--mean: give 1 number, got 2'],
    ['--colour rgb --channels 1', '--colour: rgb does not go with 1 channel'],
  ])('refuses %s', async (flags, message) => {
    const { code, err } = await here(`${photos} ${flags}`);
    expect(err).toContain(message);
    expect(code).toBe(2);
  });

  it('matches classes by name, and by number where the model has no names, which the data then give', async () => {
    folder.write('swapped.onnx', brightness({ classes: ['dark', 'bright'] }));
    const swapped = await here(`swapped.onnx --data folder --folder photos --json`);
    expect(JSON.parse(swapped.out)).toMatchObject({ accuracy: 0.25 });
    folder.write('bare.onnx', brightness({ described: false, logitsOnly: true }));
    const bare = await here('bare.onnx --data folder --folder photos --json --top-k 1');
    expect(JSON.parse(bare.out)).toMatchObject({
      accuracy: 0.75,
      topK: { k: 1, accuracy: 0.75 },
      classes: [{ name: 'bright' }, { name: 'dark' }],
    });
    expect(bare.err).toContain('the model does not say how pixels are scaled');
  });

  it('takes preprocessing from options', async () => {
    const { out } = await here(`${photos} --scale 1 --mean 127.5 --std 12.75 --json`);
    expect(JSON.parse(out).nll).toBeCloseTo(
      nllOf((pixel) => (pixel - 127.5) / 12.75),
      4,
    );
  });

  it('gives the same figures whatever the batch, fixed ones included', async () => {
    const { out } = await here(`${photos} --json`);
    expect((await here(`${photos} --json --batch-size 3`)).out).toBe(out);
    folder.write('fixed.onnx', brightness({ batch: 3 }));
    const fixed = await here('fixed.onnx --data folder --folder photos --json');
    expect({ ...JSON.parse(fixed.out), model: 'm.onnx' }).toEqual(JSON.parse(out));
  });

  it('takes what training takes: folders of classes, with images held out under the seed', async () => {
    for (let i = 0; i < 6; i++) {
      folder.write(`plain/bright/${i}.png`, 200 + i);
      folder.write(`plain/dark/${i}.png`, i);
    }
    const none = await here('m.onnx --data plain');
    expect(none.err).toContain('plain has no test images: put them into test/<class>/*, or give');
    expect(none.err).toContain('--split train');
    expect(none.code).toBe(3);
    const all = await here('m.onnx --data plain --split train --json');
    expect(JSON.parse(all.out)).toMatchObject({ images: 12, accuracy: 1 });
    const held = await here('m.onnx --data plain --split validation --validation 5 --json');
    expect(JSON.parse(held.out)).toMatchObject({ split: 'validation', images: 5, accuracy: 1 });
    const unheld = await here('m.onnx --data plain --split validation');
    expect(unheld.err).toContain('hold some out (--validation), or give --split train');
  });

  it('reads archives, and brings images to the size of the model', async () => {
    // Binary CIFAR: a label, then 32 x 32 pixels of red, green, blue.
    const record = (label: number, level: number) =>
      Buffer.concat([Buffer.of(label), Buffer.alloc(3072, level)]);
    for (const name of ['1', '2', '3', '4', '5'].map((i) => `data_batch_${i}`))
      folder.write(`cifar/${name}.bin`, Buffer.concat([record(0, 250), record(1, 3)]));
    folder.write('cifar/test_batch.bin', Buffer.concat([record(0, 240), record(1, 240)]));
    folder.write('cifar/batches.meta.txt', 'bright\ndark\n');
    const { out, code, err } = await here('m.onnx --data cifar --json');
    expect(code, err).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ images: 2, accuracy: 0.5 });
  });

  it('judges the labelled images where asked to', async () => {
    const { out } = await here(`${photos} --split labelled --json`);
    expect(JSON.parse(out)).toMatchObject({ split: 'labelled', images: 2, accuracy: 1 });
  });
});

describe('evaluate says what is wrong', () => {
  let other: Folder;
  beforeEach(() => {
    other = makeFolder();
    other.write('m.onnx', brightness());
    return () => other.remove();
  });
  const there = (line: string, more: Parameters<typeof run>[1] = {}) =>
    run(`evaluate ${line}`, { cwd: other.path, ...more });

  it('with the data', async () => {
    const cases: [string, string][] = [
      ['m.onnx --data folder', '--data folder needs --folder; or name the folder itself'],
      ['m.onnx --data p --folder q', '--data p and --folder q are two places'],
    ];
    for (const [line, message] of cases) {
      const { code, err } = await there(line);
      expect(err).toContain(message);
      expect(code).toBe(2);
    }
  });

  it('with an empty folder, one without test images, and a strange class', async () => {
    other.write('empty/.keep', '');
    const empty = await there('m.onnx --data folder --folder empty');
    expect(empty.err).toContain('holds no class folder');
    expect(empty.code).toBe(3);
    other.write('p/labelled/bright/a.png', 255);
    other.write('p/labelled/dim/a.png', 100);
    const none = await there('m.onnx --data folder --folder p');
    expect(none.err).toContain('has no test images: put them into test/<class>/*');
    expect(none.code).toBe(3);
    const strange = await there('m.onnx --data folder --folder p --split labelled');
    expect(strange.err).toContain(
      'class "dim" of folder is none of m.onnx, which knows bright, dark',
    );
    expect(strange.code).toBe(3);
  });

  it('with a corrupt image among good ones, and goes on', async () => {
    for (const name of ['bright', 'dark'])
      for (const part of ['labelled', 'test'])
        other.write(`p/${part}/${name}/a.png`, name === 'dark' ? 0 : 255);
    other.write('p/test/dark/b.png', 'no image');
    const { code, out, err } = await there('m.onnx --data folder --folder p --json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ images: 2, accuracy: 1 });
    expect(err).toContain('skipped test/dark/b.png');
    const strict = await there('m.onnx --data folder --folder p --strict');
    expect(strict.err).toContain('b.png is not a PNG, JPEG or WebP image inside');
    expect(strict.code).toBe(3);
  });

  it('with a known set of other classes', async () => {
    const { code, err } = await there('m.onnx --data mnist');
    expect(err).toContain('class "0" of mnist is none of m.onnx, which knows bright, dark');
    expect(code).toBe(3);
  });

  it('after a signal', async () => {
    other.write('p/labelled/bright/a.png', 255);
    other.write('p/labelled/dark/a.png', 0);
    const { code, err } = await there('m.onnx --data folder --folder p --split labelled', {
      signal: AbortSignal.abort(),
    });
    expect(err).toContain('stopped: interrupted before the end');
    expect(code).toBe(130);
  });
});
