import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ModelError, TrainingError, UsageError } from '../errors.js';
import { type Model, model } from '../graph/graph.js';
import { writeModelWithExternalData } from '../onnx/write.js';
import { tensor } from '../tensor/tensor.js';
import { readModelFile, writeModelFile } from './model-file.js';

let root = '';
let folder = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'model-file-'));
  folder = join(root, 'model');
  mkdirSync(folder);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const sum = { name: 'sum', op: 'Add', domain: '', inputs: ['x', 'w'], outputs: ['y'] } as const;
/** y = x + w, w of 1,000 elements. */
const weights = Float32Array.from({ length: 1000 }, (_, i) => i / 8);
const value = (name: string) => ({ name, dtype: 'float32', shape: ['n', 1000] }) as const;
const add: Model = model(
  {
    name: 'add',
    inputs: [value('x')],
    outputs: [value('y')],
    nodes: [{ ...sum, attributes: {} }],
    initializers: new Map([['w', tensor('float32', [1000], weights)]]),
    values: new Map(),
  },
  { classes: 'none' },
);

/**
 * Writes a model whose one external tensor has this `location`, whatever `writeModelWithExternalData` would say to
 * it, and gives the model's path.
 */
function pointingTo(location: string): string {
  const placeholder = 'x'.repeat(location.length);
  const bytes = Buffer.from(writeModelWithExternalData(add, placeholder).bytes);
  bytes.write(location, bytes.indexOf(placeholder));
  const path = join(folder, 'm.onnx');
  writeFileSync(path, bytes);
  return path;
}
const { data } = writeModelWithExternalData(add, 'x');

describe('a model in one file', () => {
  test('comes back as it was written', async () => {
    const path = join(folder, 'm.onnx');
    await writeModelFile(path, add);
    expect(await readModelFile(path)).toEqual(add);
    expect(readdirSync(folder)).toEqual(['m.onnx']);
  });

  test('replaces the one before whole, or not at all', async () => {
    const path = join(folder, 'm.onnx');
    await writeModelFile(path, add);
    await writeModelFile(path, { ...add, producer: 'second' });
    expect((await readModelFile(path)).producer).toBe('second');
    const bad = { ...sum, attributes: { axis: { type: 'int', value: 0.5 } } } as const;
    const unwritable = { ...add, graph: { ...add.graph, nodes: [bad] } };
    await expect(writeModelFile(path, unwritable)).rejects.toThrow(ModelError);
    expect((await readModelFile(path)).producer).toBe('second');
    expect(readdirSync(folder)).toEqual(['m.onnx']);
  });

  test('makes its folder, and says where none can be made', async () => {
    await writeModelFile(join(folder, 'new', 'folder', 'm.onnx'), add);
    expect((await readModelFile(join(folder, 'new/folder/m.onnx'))).graph.name).toBe(
      add.graph.name,
    );
    const write = writeModelFile(join(folder, 'new/folder/m.onnx/no', 'm.onnx'), add);
    await expect(write).rejects.toThrow(TrainingError);
    await expect(write).rejects.toThrow(/model: cannot write .*m\.onnx/);
  });

  test('is refused with its path where it cannot be read', async () => {
    const path = join(folder, 'm.onnx');
    const refusal = async (message: RegExp) => {
      const read = readModelFile(path);
      await expect(read).rejects.toThrow(message);
      await expect(read).rejects.toMatchObject({
        name: 'ModelError',
        exitCode: 4,
        details: { path },
      });
    };
    await refusal(/cannot read the model .*m\.onnx: there is no such file/);
    writeFileSync(path, '<html>');
    await refusal(/m\.onnx: readModel: not an ONNX model, it looks like a web page/);
    await writeModelFile(path, add);
    truncateSync(path, 500);
    await refusal(
      /m\.onnx: readModel: truncated file, it ends inside ModelProto\.graph after 500 bytes/,
    );
    truncateSync(path, 2 ** 31);
    await refusal(/at most 2 GB, got 2\.15 GB/);
    rmSync(path);
    mkdirSync(path);
    await refusal(/it is a folder/);
  });
});

describe('a model with external data', () => {
  test('comes back as it was written, and runs', async () => {
    const path = join(folder, 'm.onnx');
    await writeModelFile(path, add, { externalData: true });
    expect(readdirSync(folder)).toEqual(['m.onnx', 'm.onnx.data']);
    expect(readFileSync(path).length).toBeLessThan(1000);
    expect(await readModelFile(path)).toEqual(add);

    const session = await InferenceSession.create(path);
    const { y } = await session.run({
      x: new OrtTensor(new Float32Array(1000).fill(1), [1, 1000]),
    });
    expect(y?.data).toEqual(weights.map((w) => w + 1));
  });

  test('may have another file name and another smallest size', async () => {
    const path = join(folder, 'm.onnx');
    await writeModelFile(path, add, { externalData: { location: 'w.bin', minimumBytes: 4001 } });
    expect(readFileSync(join(folder, 'w.bin')).length).toBe(0);
    await writeModelFile(path, add, { externalData: { location: 'w.bin', minimumBytes: 4000 } });
    expect(readFileSync(join(folder, 'w.bin')).length).toBe(4000);
    expect(await readModelFile(path)).toEqual(add);
    const outside = writeModelFile(path, add, { externalData: { location: '../w.bin' } });
    await expect(outside).rejects.toThrow(UsageError);
  });

  test('may have them in a folder inside its own, and behind a link that stays there', async () => {
    mkdirSync(join(folder, 'inner'));
    writeFileSync(join(folder, 'inner', 'w.bin'), data);
    symlinkSync(join('inner', 'w.bin'), join(folder, 'link'));
    expect(await readModelFile(pointingTo('inner/w.bin'))).toEqual(add);
    expect(await readModelFile(pointingTo('link'))).toEqual(add);
    symlinkSync(folder, join(root, 'linked'));
    expect(await readModelFile(join(root, 'linked', 'm.onnx'))).toEqual(add);
  });

  test('is refused where they lie outside its folder', async () => {
    writeFileSync(join(root, 'secret'), data);
    mkdirSync(join(root, 'model2'));
    writeFileSync(join(root, 'model2', 'w'), data);
    symlinkSync(join(root, 'secret'), join(folder, 'file-link'));
    symlinkSync(join(root, 'model2'), join(folder, 'folder-link'));
    symlinkSync(root, join(folder, 'up'));
    for (const [location, reason] of [
      ['../secret', /refused: its path leaves the folder/],
      ['inner/../../secret', /refused: its path leaves the folder/],
      ['..\\secret', /refused: its path leaves the folder/],
      [join(root, 'secret'), /refused: its path is absolute/],
      [join(folder, 'm.onnx'), /refused: its path is absolute/],
      ['C:\\secret', /refused: its path is absolute/],
      ['a\0b', /refused: its path leaves the folder/],
      ['file-link', /refused: a symbolic link leads out/],
      ['folder-link/w', /refused: a symbolic link leads out/],
      ['up/secret', /refused: a symbolic link leads out/],
      ['up', /refused: a symbolic link leads out/],
    ] as const) {
      const read = readModelFile(pointingTo(location));
      await expect(read, location).rejects.toThrow(ModelError);
      await expect(read, location).rejects.toThrow(reason);
    }
  });

  test('is refused where they are missing, too short, or no file', async () => {
    const path = pointingTo('w.bin');
    await expect(readModelFile(path)).rejects.toThrow(
      /external data "w\.bin" cannot be read: there is no such file/,
    );
    writeFileSync(join(folder, 'w.bin'), data.subarray(0, 3999));
    await expect(readModelFile(path)).rejects.toThrow(
      /"w\.bin" are too short: bytes 0 to 4000 are asked for, the file has 3999/,
    );
    rmSync(join(folder, 'w.bin'));
    mkdirSync(join(folder, 'w.bin'));
    await expect(readModelFile(path)).rejects.toThrow(
      /"w\.bin" are refused: it is not an ordinary/,
    );
  });

  test('is refused where their offset lies beyond the file', async () => {
    const path = pointingTo('w.bin');
    writeFileSync(join(folder, 'w.bin'), data);
    const bytes = readFileSync(path);
    // The entry "offset" with the value "0": the value becomes "9".
    bytes.write('9', bytes.indexOf('offset') + 'offset'.length + 2);
    writeFileSync(path, bytes);
    await expect(readModelFile(path)).rejects.toThrow(/bytes 9 to 4009 are asked for/);
  });
});
