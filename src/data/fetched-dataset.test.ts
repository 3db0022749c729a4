import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Folder, makeFolder } from '../../test/cli.js';
import { datasets } from './table.js';

let folder: Folder;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => folder.remove());

/** One record of CIFAR-10: all pixels are `level`. */
const record = (label: number, level: number) =>
  Buffer.concat([Buffer.of(label), Buffer.alloc(3072, level)]);

describe('the data set cifar10', () => {
  it('draws labels out of a folder of its files', async () => {
    const images = Array.from({ length: 30 }, (_, i) => record(i % 10, i));
    folder.write('data_batch_1.bin', Buffer.concat(images));
    folder.write('test_batch.bin', record(3, 200));
    const data = await datasets.cifar10.load({ folder: folder.path, labels: 10, validation: 5 });
    expect([data.labelled.count, data.unlabelled.count, data.validation?.count]).toEqual([
      10, 25, 5,
    ]);
    expect([data.shape, data.classes.length, data.test?.labels]).toEqual([
      [3, 32, 32],
      10,
      Int32Array.of(3),
    ]);
    expect([...(data.labelled.labels ?? [])].sort((a, b) => a - b)).toEqual([...Array(10).keys()]);
    const at = data.labelled.labels?.indexOf(4) ?? -1;
    expect((data.labelled.images[at * 3072] ?? 0) % 10).toBe(4);
  });

  it('says what is wrong with its files and options', async () => {
    folder.write('a/x.png', 1);
    folder.write('b/x.jpg', 'none');
    await expect(datasets.svhn.load({ folder: folder.path })).rejects.toThrow(/class b of/);
    await expect(datasets.svhn.load({ height: 3 })).rejects.toThrow(/no option height/);
  });
});
