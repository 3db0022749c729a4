import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../../../test/cli.js';

let folder: Folder;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => folder.remove());
const here = (line: string) =>
  run(line, { cwd: folder.path, env: { ESPALIER_CACHE: join(folder.path, 'cache') } });

describe('data list', () => {
  it('shows what there is, its licence, and whether it is here', async () => {
    const { code, out } = await here('data list');
    expect(code).toBe(0);
    expect(out).toMatch(/cifar10 +10 +50,000 +10,000 +139 MB +npm, web *\n/);
    expect(out).toMatch(/Fashion-MNIST[^\n]*\n +licence: MIT/);
    folder.write(
      'cache/data/svhn/espalier.json',
      JSON.stringify({ name: 'svhn', from: [], fetched: {}, files: {} }),
    );
    const { sets } = JSON.parse((await here('data list --json')).out);
    expect(sets.find(({ name }: { name: string }) => name === 'svhn')).toMatchObject({
      classes: 10,
      folder: join(folder.path, 'cache/data/svhn'),
    });
    expect(sets.find(({ name }: { name: string }) => name === 'mnist').folder).toBeNull();
  });
});

describe('data get', () => {
  it('knows its names', async () => {
    const { code, err } = await here('data get cifar11');
    expect(code).toBe(2);
    expect(err).toMatch(/no data set is called "cifar11"\. Did you mean "?cifar10/);
  });

  it('says what is there already', async () => {
    const receipt = { name: 'svhn', from: ['somewhere'], fetched: {}, files: { a: 1 } };
    folder.write('cache/data/svhn/espalier.json', JSON.stringify(receipt));
    folder.write('cache/data/svhn/a', 'x');
    const { code, out } = await here('data get svhn');
    expect([code, out]).toEqual([
      0,
      `svhn is there already: ${join(folder.path, 'cache/data/svhn')}\n`,
    ]);
    expect(JSON.parse((await here('data get svhn --json')).out)).toMatchObject({
      ...receipt,
      wasThere: true,
    });
  });
});

describe('data check', () => {
  it('sums a folder up', async () => {
    for (let i = 0; i < 4; i++) folder.write(`set/cat/${i}.png`, i);
    folder.write('set/dog/a.png', 99);
    folder.write('set/dog/b.png', 'hello');
    folder.write('set/cat/again.png', 0);
    const { code, out, err } = await here('data check set');
    expect({ code, err }).toEqual({
      code: 0,
      err: expect.stringContaining('checking images: 7/7'),
    });
    expect(out.replace(folder.path, '')).toMatchInlineSnapshot(`
      "  folder   /set
        format   folders
        train    7 images
        colours  6 grey
        sizes    4 x 4

        class  train
        cat        5
        dog        1

      - 1 image cannot be decoded
      - 1 image with the pixels of another one
      - 6 images with a side below 16 pixels
      - the largest class has 5.0 times the images of the smallest: class weights may help

      cannot be decoded:
        dog/b.png  is not a PNG, JPEG or WebP image inside

      the same pixels:
        cat/0.png = cat/again.png

      tiny:
        cat/0.png
        cat/1.png
        cat/2.png
        cat/3.png
        cat/again.png
        dog/a.png

      next: npx espalier train classifier --from <model.onnx> --data set
      "
    `);
    const report = JSON.parse((await here('data check set --json')).out);
    expect(report).toMatchObject({ format: 'folders', counts: { train: 7 }, imbalance: 5 });
  });

  it('ends with 3 where the images cannot be trained on, after saying all else', async () => {
    folder.write('set/cat/a.png', 1);
    folder.write('set/dog/a.png', 'hello');
    const { code, out, err } = await here('data check set');
    expect(code).toBe(3);
    expect(out).toMatch(/dog\/a\.png +is not a PNG, JPEG or WebP image inside/);
    expect(err).toMatch(/set cannot be trained on: class dog has no usable image/);
    const json = await here('data check set --json');
    expect(JSON.parse(json.out).faults).toHaveLength(1);
    expect(json.code).toBe(3);
  });

  it('ends with 3 where there is nothing to read', async () => {
    expect(await here('data check none')).toMatchObject({
      ...{ code: 3, out: '' },
      err: expect.stringContaining('no such file or folder'),
    });
    folder.write('empty/.hidden', '');
    expect((await here('data check empty')).err).toMatch(/holds no class folder/);
    writeFileSync(join(folder.path, 'data_batch_1.bin'), 'short');
    const { code, err } = await here(`data check ${folder.path}`);
    expect([code, err]).toEqual([3, expect.stringContaining('data_batch_1.bin is truncated')]);
  });

  it('says how to get a known set that is not here', async () => {
    const { code, err } = await here('data check cifar100');
    expect([code, err]).toEqual([3, expect.stringContaining('espalier data get cifar100')]);
  });
});
