/** Models of few bytes that claim images, batches or classes without end: every command says so and ends. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../../test/cli.js';
import { type Model, model } from '../graph/graph.js';
import { describeClassifier, type Preprocessing } from '../onnx/metadata.js';
import { builder } from '../ops/builder.js';
import { tensor } from '../tensor/tensor.js';

const far = 2 ** 40;

/** The mean of every channel, two classes. */
function pooled(shape: readonly (number | string)[]): Model {
  const b = builder();
  const pool = b.GlobalAveragePool(b.input('image', 'float32', shape));
  const weight = b.initializer('w', tensor('float32', [3, 2], [1, 2, 3, 4, 5, 6]));
  b.output(b.Gemm(b.Flatten(pool), weight), 'scores');
  return model(b.build('pooled'));
}

/** The mean of an image, 2^40 times. */
function spread(): Model {
  const b = builder();
  const x = b.input('image', 'float32', ['batch', 1, 4, 4]);
  const mean = b.Flatten(b.GlobalAveragePool(x));
  b.output(b.Expand(mean, b.constant(tensor('int64', [2], [1, far]))), 'scores');
  return model(b.build('spread'));
}

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('pixels.onnx', pooled(['batch', 3, far, far]));
  folder.write('batch.onnx', pooled([far, 3, 4, 4]));
  folder.write('free.onnx', pooled(['batch', 3, 'height', 'width']));
  folder.write('classes.onnx', spread());
  const preprocessing: Preprocessing = {
    ...{ channels: 3, height: far, width: far, layout: 'NCHW', colour: 'rgb' },
    ...{ scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
  };
  const metadata = describeClassifier({
    task: 'classification',
    classes: ['cat', 'owl'],
    preprocessing,
  });
  folder.write('told.onnx', { ...pooled(['batch', 3, 'height', 'width']), metadata });
  for (const name of ['cat', 'owl']) folder.write(`pets/${name}/a.png`, name === 'cat' ? 9 : 99);
});
afterAll(() => folder.remove());

const pixels =
  /the model takes too much: images of 1099511627776 x 1099511627776 pixels do not fit in memory, at most 268435456 numbers go in/;
const batch = /batch\.onnx takes 1099511627776 images at a time.*Export it with a free batch size/;
const size = /--height, --width: images of 99999999 x 99999999 pixels.*Choose a smaller size/;

it.each<[string, number, RegExp]>([
  ['predict pixels.onnx pets', 4, pixels],
  ['predict told.onnx pets', 4, pixels],
  ['predict batch.onnx pets', 4, batch],
  ['predict free.onnx pets --height 99999999 --width 99999999', 2, size],
  ['evaluate pixels.onnx --data pets', 4, pixels],
  ['evaluate told.onnx --data pets', 4, pixels],
  ['evaluate batch.onnx --data pets', 4, batch],
  ['export pixels.onnx --hub hub', 4, pixels],
  ['export told.onnx --hub hub', 4, pixels],
  ['export classes.onnx --hub hub', 4, /claims 1099511627776 classes, at most 1000000/],
  ['train classifier --from pixels.onnx --data pets', 4, pixels],
  ['train classifier --from told.onnx --data pets', 4, pixels],
  ['train classifier --from free.onnx --data pets --height 99999999 --width 99999999', 2, size],
  ['train classifier --model resnet20 --data pets --height 99999999 --width 99999999', 2, size],
  [
    'train classifier --from free.onnx --data pets --height 4096 --width 4096 --batch-size 64',
    2,
    /--batch-size: 64 images of 4096 x 4096 pixels do not fit in memory, at most 5 do/,
  ],
])('%s ends with code %i', async (line, wanted, sentence) => {
  const { code, out, err } = await run(line, { cwd: folder.path });
  expect(err).toMatch(sentence);
  expect({ code, out }).toEqual({ code: wanted, out: '' });
});

it.each(['pixels', 'batch', 'classes', 'told'])('inspect %s tells what it claims', async (name) => {
  const { code, out } = await run(`inspect ${name}.onnx --graph`, { cwd: folder.path });
  expect(code).toBe(0);
  expect(out).toContain('1099511627776');
});

it('takes fewer images at a time where as many as were asked for would not fit', async () => {
  const line = 'predict free.onnx pets --height 32 --width 32 --batch-size 1000000000';
  const { code, out } = await run(line, { cwd: folder.path });
  expect(code).toBe(0);
  expect(out).toContain('pets/owl/a.png');
});
