import { describe, expect, test } from 'vitest';
import { ModelError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { readModel, unreadInitializers } from './read.js';
import { writeModel } from './write.js';

// The wire format by hand, so that field numbers and wire types are checked against the specification and not
// against the code that is tested.
type Part = Uint8Array | number[] | string;

const utf8 = (text: string) => new TextEncoder().encode(text);
const join = (parts: readonly Part[]) =>
  Uint8Array.from(parts.flatMap((part) => [...(typeof part === 'string' ? utf8(part) : part)]));

function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}
/** An integer field. */
const int = (field: number, value: number | bigint) => [...varint(field << 3), ...varint(value)];
/** A length-delimited field: text, bytes, message or packed list. */
function len(field: number, ...parts: Part[]): Uint8Array {
  const content = join(parts);
  return join([varint((field << 3) | 2), varint(content.length), content]);
}
const floatBytes = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const float = (field: number, value: number) => [...varint((field << 3) | 5), ...floatBytes(value)];

const opset = (version: number, domain = '') =>
  len(8, ...(domain === '' ? [] : [len(1, domain)]), int(2, version));
const model = (graph: readonly Part[], ...rest: Part[]) =>
  join([int(1, 8), len(7, ...graph), ...(rest.length === 0 ? [opset(17)] : rest)]);
const initializer = (name: string, ...tensor: Part[]) => len(5, ...tensor, len(8, name));
const dims = (...sizes: number[]) => join(sizes.map((size) => int(1, size)));
const node = (op: string, ...rest: Part[]) => len(1, len(2, 'y'), len(4, op), ...rest);
const attribute = (name: string, ...rest: Part[]) => len(5, len(1, name), ...rest);

const graphOf = (...graph: Part[]): Graph => readModel(model(graph)).graph;
const tensorOf = (...tensor: Part[]) => graphOf(initializer('w', ...tensor)).initializers.get('w');
const attributeOf = (...rest: Part[]) =>
  graphOf(node('Op', attribute('a', ...rest))).nodes[0]?.attributes.a;
const errorOf = (bytes: Uint8Array): Error => {
  try {
    readModel(bytes);
  } catch (error) {
    if (error instanceof ModelError) return error;
    throw error;
  }
  throw new Error('no error');
};

describe('tensors', () => {
  test.each([
    ['float', 1, len(4, floatBytes(1.5, -2)), 'float32', Float32Array.of(1.5, -2)],
    ['uint8', 2, len(5, varint(0), varint(255)), 'uint8', Uint8Array.of(0, 255)],
    ['int8', 3, len(5, varint(-128), varint(127)), 'int8', Int8Array.of(-128, 127)],
    ['uint16', 4, len(5, varint(1), varint(65535)), 'uint16', Uint16Array.of(1, 65535)],
    ['int16', 5, len(5, varint(-32768), varint(7)), 'int16', Int16Array.of(-32768, 7)],
    ['int32', 6, len(5, varint(-1), varint(2 ** 31 - 1)), 'int32', Int32Array.of(-1, 2 ** 31 - 1)],
    ['int64', 7, len(7, varint(-1), varint(2n ** 62n)), 'int64', BigInt64Array.of(-1n, 2n ** 62n)],
    ['string', 8, join([len(6, 'é'), len(6, '')]), 'string', ['é', '']],
    ['bool', 9, len(5, varint(1), varint(0)), 'bool', Uint8Array.of(1, 0)],
    [
      'float16',
      10,
      len(5, varint(0x3c00), varint(0xfc00)),
      'float16',
      Uint16Array.of(15360, 64512),
    ],
    ['bfloat16', 16, len(5, varint(0x3f80), varint(1)), 'bfloat16', Uint16Array.of(0x3f80, 1)],
    [
      'uint32',
      12,
      len(11, varint(1), varint(2 ** 32 - 1)),
      'uint32',
      Uint32Array.of(1, 2 ** 32 - 1),
    ],
    [
      'uint64',
      13,
      len(11, varint(1), varint(2n ** 64n - 1n)),
      'uint64',
      BigUint64Array.of(1n, 2n ** 64n - 1n),
    ],
    [
      'double',
      11,
      len(10, new Uint8Array(Float64Array.of(0.1, 2).buffer)),
      'float64',
      Float64Array.of(0.1, 2),
    ],
  ])('%s from its typed field', (_, code, data, dtype, expected) => {
    expect(tensorOf(dims(2), int(2, code), data)).toEqual({ dtype, dims: [2], data: expected });
  });

  test.each([
    ['int64', 7, new Uint8Array(BigInt64Array.of(-5n, 6n).buffer), BigInt64Array.of(-5n, 6n)],
    ['float32', 1, floatBytes(1, Number.NaN), Float32Array.of(1, Number.NaN)],
    ['uint8', 2, Uint8Array.of(3, 4), Uint8Array.of(3, 4)],
    ['float16', 10, Uint8Array.of(0, 0x3c, 1, 0), Uint16Array.of(0x3c00, 1)],
    ['bool', 9, Uint8Array.of(255, 0), Uint8Array.of(1, 0)],
  ])('%s from raw bytes at any alignment', (dtype, code, raw, expected) => {
    for (const padding of ['', 'a', 'ab', 'abc']) {
      const read = tensorOf(len(12, padding), dims(2), int(2, code), len(9, raw));
      expect(read).toEqual({ dtype, dims: [2], data: expected });
    }
  });

  test('the bytes may be a Node Buffer inside a larger one', () => {
    const bytes = model([initializer('w', dims(1), int(2, 1), len(9, floatBytes(3)))]);
    for (let offset = 0; offset < 8; offset++) {
      const buffer = Buffer.alloc(bytes.length + 16);
      buffer.set(bytes, offset);
      const read = readModel(buffer.subarray(offset, offset + bytes.length));
      expect(read.graph.initializers.get('w')?.data).toEqual(Float32Array.of(3));
    }
  });

  test('lists that are not packed, scalars, and tensors without elements', () => {
    expect(tensorOf(dims(2), int(2, 7), int(7, 4), int(7, -4))?.data).toEqual(
      BigInt64Array.of(4n, -4n),
    );
    expect(tensorOf(int(2, 6), int(5, 9))).toEqual({
      dtype: 'int32',
      dims: [],
      data: Int32Array.of(9),
    });
    expect(tensorOf(dims(0, 3), int(2, 1))).toEqual({
      dtype: 'float32',
      dims: [0, 3],
      data: new Float32Array(0),
    });
  });

  test.each([
    [
      'raw bytes',
      [dims(2, 2), int(2, 1), len(9, floatBytes(1, 2, 3))],
      /"w" is float32 \[2, 2\], which takes 16 bytes, got 12/,
    ],
    [
      'typed elements',
      [dims(3), int(2, 7), len(7, varint(1))],
      /"w" is int64 \[3\], which takes 3 elements, got 1/,
    ],
    ['no data', [dims(3), int(2, 1)], /takes 12 bytes, got 0/],
    ['strings', [dims(3), int(2, 8), len(6, 'a')], /takes 3 elements, got 1/],
    ['a negative dimension', [dims(-3), int(2, 1)], /initializer "w" has the invalid dimension -3/],
  ])('a size that does not fit: %s', (_, tensor, message) => {
    expect(errorOf(model([initializer('w', ...tensor)])).message).toMatch(message);
  });

  test('an initializer given twice', () => {
    const w = initializer('w', int(2, 1), float(4, 1));
    expect(errorOf(model([w, w])).message).toMatch(/initializer "w" is given twice/);
  });

  test('kinds that are not modelled are kept, named, and written again', () => {
    const bytes = model([
      initializer('f8', dims(2), int(2, 17), len(9, [1, 2])),
      initializer('latin', dims(1), int(2, 8), len(6, [0xe9])),
      len(15, len(1, dims(1), int(2, 1), float(4, 1), len(8, 's')), int(3, 9)),
      len(11, len(1, 'f8')),
    ]);
    const read = readModel(bytes);
    expect(read.graph.initializers.size).toBe(0);
    expect(read.graph.inputs).toEqual([]);
    expect([...unreadInitializers(read.graph)]).toEqual([
      ['s', 'sparse'],
      ['f8', 'FLOAT8E4M3FN'],
      ['latin', 'STRING'],
    ]);
    const again = readModel(writeModel(read));
    expect(again).toEqual(read);
    expect(unreadInitializers(again.graph)).toEqual(unreadInitializers(read.graph));
  });
});

describe('attributes', () => {
  test.each([
    ['float', [int(20, 1), float(2, 0.5)], { type: 'float', value: 0.5 }],
    ['int', [int(20, 2), int(3, -3)], { type: 'int', value: -3 }],
    ['string', [int(20, 3), len(4, 'SAME')], { type: 'string', value: 'SAME' }],
    ['floats', [int(20, 6), float(7, 1), float(7, 2)], { type: 'floats', value: [1, 2] }],
    ['ints', [int(20, 7), len(8, varint(1), varint(-2))], { type: 'ints', value: [1, -2] }],
    [
      'strings',
      [int(20, 8), len(9, 'a'), len(9, '\ufeffb')],
      { type: 'strings', value: ['a', '\ufeffb'] },
    ],
    ['empty ints', [int(20, 7)], { type: 'ints', value: [] }],
    ['a zero that its writer left out', [int(20, 2)], { type: 'int', value: 0 }],
    ['a zero without a type', [int(3, 0)], { type: 'int', value: 0 }],
    ['a float without a type', [float(2, 0)], { type: 'float', value: 0 }],
    ['an empty string without a type', [len(4, '')], { type: 'string', value: '' }],
  ])('%s', (_, wire, expected) => {
    expect(attributeOf(...wire)).toEqual(expected);
  });

  test('a tensor and a graph', () => {
    expect(attributeOf(int(20, 4), len(5, dims(1), int(2, 6), int(5, 7)))).toEqual({
      type: 'tensor',
      value: { dtype: 'int32', dims: [1], data: Int32Array.of(7) },
    });
    const read = attributeOf(int(20, 5), len(6, node('Neg'), len(2, 'then')));
    expect(read).toMatchObject({ type: 'graph', value: { name: 'then', nodes: [{ op: 'Neg' }] } });
  });

  test.each([
    ['a type proto', [len(14, len(6, 'IMAGE')), int(20, 13)]],
    ['graphs', [len(11, node('Neg')), int(20, 10)]],
    ['a sparse tensor', [int(20, 11), len(22, int(3, 4))]],
    ['a type from the future', [int(3, 4), int(20, 77)]],
    ['a reference', [int(20, 2), len(21, 'alpha')]],
    ['a string that is not UTF-8', [len(4, [0xff]), int(20, 3)]],
    ['no type and no value', []],
  ])('%s is opaque, and written again', (_, wire) => {
    const bytes = model([node('Op', attribute('a', ...wire))]);
    const read = readModel(bytes);
    expect(read.graph.nodes[0]?.attributes.a?.type).toBe('opaque');
    expect(contains(writeModel(read), attribute('a', ...wire))).toBe(true);
  });

  test('integers beyond 2^53 come back whole', () => {
    const wire = [
      attribute('a', int(20, 2), int(3, 2n ** 63n - 1n)),
      attribute('b', int(20, 7), int(8, 2n ** 53n + 1n), int(8, 1)),
    ];
    const read = readModel(model([node('Op', ...wire)]));
    expect(read.graph.nodes[0]?.attributes.a).toEqual({ type: 'int', value: 2 ** 63 });
    const again = writeModel(read);
    expect(contains(again, int(3, 2n ** 63n - 1n))).toBe(true);
    expect(contains(again, int(8, 2n ** 53n + 1n))).toBe(true);
  });

  test('one given twice is refused', () => {
    const twice = [attribute('a', int(20, 2)), attribute('a', int(20, 2))];
    expect(errorOf(model([node('Op', ...twice)])).message).toMatch(
      /Op at node "y" has the attribute "a" twice/,
    );
  });
});

describe('graphs', () => {
  const dim = (...content: Part[]) => len(1, ...content);
  const value = (field: number, name: string, type: number, ...shape: Part[]) =>
    len(field, len(1, name), len(2, len(1, int(1, type), len(2, ...shape))));

  test('dimensions: numbers, names, and unknown ones under names of their own', () => {
    const graph = graphOf(
      value(11, 'x', 1, dim(len(2, 'batch')), dim(int(1, 3)), dim(), dim()),
      value(12, 'y', 7, dim(int(1, -1)), dim(len(2, '')), dim(len(2, '?1'))),
    );
    expect(graph.inputs).toMatchObject([{ name: 'x', dtype: 'float32' }]);
    expect(graph.inputs[0]?.shape).toEqual(['batch', 3, '?1', '?2']);
    expect(graph.outputs[0]).toMatchObject({
      name: 'y',
      dtype: 'int64',
      shape: ['?3', '?4', '?5'],
    });
  });

  test('values of other kinds, of no type, and of no shape', () => {
    const sequence = len(12, len(1, 's'), len(2, len(4, len(1, len(1, int(1, 1))))));
    const graph = graphOf(
      sequence,
      len(12, len(1, 'none')),
      len(12, len(1, 'unshaped'), len(2, len(1, int(1, 9)))),
      value(12, 'f8', 17, dim(int(1, 2))),
    );
    expect(graph.outputs.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ['s', null, null],
      ['none', null, null],
      ['unshaped', 'bool', null],
      ['f8', null, [2]],
    ]);
  });

  test('inputs with an initializer are constants, and take their place again when written', () => {
    const weight = (name: string) => initializer(name, dims(1), int(2, 1), float(4, 1));
    const wire = [
      len(2, 'g'),
      weight('w'),
      weight('v'),
      value(11, 'w', 1, dim(int(1, 1))),
      value(11, 'x', 1, dim(len(2, 'n'))),
      value(11, 'v', 1, dim(int(1, 1))),
      value(11, 'z', 1),
    ];
    const old = join([int(1, 3), len(7, ...wire), opset(9)]);
    const read = readModel(old);
    expect(read.graph.inputs.map(({ name }) => name)).toEqual(['x', 'z']);
    expect([...read.graph.initializers.keys()]).toEqual(['w', 'v']);
    const written = writeModel(read);
    const order = ['w', 'x', 'v', 'z'].map((name) => indexOf(written, len(1, name)));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(readModel(written)).toEqual(read);
  });

  test('the standard domain has two names', () => {
    const read = readModel(model([node('Neg', len(7, 'ai.onnx'))], opset(13, 'ai.onnx')));
    expect(read.opsets).toEqual({ '': 13 });
    expect(read.graph.nodes[0]?.domain).toBe('');
  });

  test('nodes may have no name', () => {
    expect(graphOf(node('Neg', len(1, 'x')))?.nodes[0]).toEqual({
      name: '',
      op: 'Neg',
      domain: '',
      inputs: ['x'],
      outputs: ['y'],
      attributes: {},
    });
  });
});

describe('what is refused', () => {
  const text = (content: string) => utf8(content);
  test.each([
    ['nothing', new Uint8Array(0), /an empty file/],
    ['text', text('espalier\n'.repeat(50)), /a text file/],
    ['HTML', text('<!DOCTYPE html><html><body>404</body></html>'), /a web page/],
    ['a Git LFS pointer', text('version https://git-lfs.github.com/spec/v1\noid'), /git lfs pull/],
    ['PNG', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13), /a PNG image/],
    ['JPEG', Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16), /a JPEG image/],
    ['zip', Uint8Array.of(0x50, 0x4b, 3, 4, 20, 0), /a zip archive/],
    ['TensorFlow Lite', join([[28, 0, 0, 0], 'TFL3']), /a TensorFlow Lite model/],
    ['ORT', join([[28, 0, 0, 0], 'ORTM']), /the ORT format/],
    ['zeros', new Uint8Array(100), /not an ONNX model/],
    ['an unknown field alone', join([int(99, 1)]), /it has no ir_version/],
    ['a wrong wire type', join([int(1, 8), int(7, 5)]), /ModelProto\.graph has wire type 0/],
    [
      'a group that does not end',
      join([int(1, 8), varint((50 << 3) | 3)]),
      /not an ONNX|truncated/,
    ],
    ['no graph', join([int(1, 8), opset(17)]), /it has no graph/],
    ['no version of the format', join([len(7, node('Neg')), opset(17)]), /it has no ir_version/],
    [
      'no operator set',
      model([node('Neg')], len(2, 'x')),
      /uses Neg but states no version .* 7 to 22/,
    ],
    ['an old operator set', model([], opset(6)), /operator set 6, supported are 7 to 22/],
    ['a new operator set', model([], opset(23)), /operator set 23, supported are 7 to 22/],
    ['a node without operator', model([len(1, len(3, 'n'))]), /node "n" names no operator/],
    ['a field that overruns its message', model([join([[0x0a, 5], len(2, 'y')])]), /runs past/],
    ['half a packed float', model([initializer('w', len(4, [1, 2, 3]))]), /ends inside an element/],
    ['half a packed integer', model([initializer('w', len(7, [200]))]), /ends inside an element/],
  ])('%s', (_, bytes, message) => {
    const error = errorOf(bytes);
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ exitCode: 4 });
  });

  test('a file cut at any length', () => {
    const bytes = model(
      [
        node('Op', attribute('a', int(20, 6), float(7, 1)), len(6, 'doc')),
        initializer('w', dims(2), int(2, 1), len(9, floatBytes(1, 2))),
        len(11, len(1, 'x'), len(2, len(1, int(1, 1)))),
      ],
      opset(17),
      len(2, 'producer'),
    );
    const complete = bytes.length - len(2, 'producer').length;
    for (let length = 0; length < bytes.length; length++) {
      // Cut exactly between two fields once the needed ones are there, a file is whole.
      if (length === complete) continue;
      expect(() => readModel(bytes.subarray(0, length)), `${length} bytes`).toThrow(ModelError);
    }
    expect(errorOf(bytes.subarray(0, 40)).message).toMatch(
      /truncated file, it ends inside .* after 40 bytes/,
    );
    expect(readModel(bytes).producer).toBe('producer');
  });

  test('damage of any one byte gives a model or a ModelError, never another error', () => {
    const bytes = model([
      node('Op', attribute('a', int(20, 5), len(6, node('Neg')))),
      initializer('w', dims(2), int(2, 1), len(9, floatBytes(1, 2))),
      len(11, len(1, 'x'), len(2, len(1, int(1, 1), len(2, len(1, len(2, 'n')))))),
    ]);
    for (let at = 0; at < bytes.length; at++)
      for (const value of [0, 1, 0x0b, 0x7f, 0x80, 0xff]) {
        const damaged = bytes.with(at, value);
        try {
          readModel(damaged);
        } catch (error) {
          expect(error, `byte ${at} = ${value}`).toBeInstanceOf(ModelError);
        }
      }
  });

  test('graphs nested without end', () => {
    let graph: Uint8Array = node('Neg');
    for (let depth = 0; depth < 60; depth++) graph = node('If', attribute('then', len(6, graph)));
    expect(errorOf(model([graph])).message).toMatch(/nests deeper than 100/);
  });
});

describe('external data', () => {
  const entry = (key: string, value: string) => len(13, len(1, key), len(2, value));
  const external = (...entries: Part[]) =>
    model([initializer('w', dims(2), int(2, 1), int(14, 1), ...entries)]);
  const data = floatBytes(9, 1, 2, 9);

  test('come from the callback, with the length that the tensor needs', () => {
    const asked: unknown[] = [];
    const read = (bytes: Uint8Array) =>
      readModel(bytes, {
        external(location, offset, length) {
          asked.push([location, offset, length]);
          return data.subarray(offset, offset + (length ?? 0));
        },
      });
    const full = external(entry('location', 'w.bin'), entry('offset', '4'), entry('length', '8'));
    const model = read(full);
    expect(model.graph.initializers.get('w')?.data).toEqual(Float32Array.of(1, 2));
    read(external(entry('location', 'w.bin')));
    expect(asked).toEqual([
      ['w.bin', 4, 8],
      ['w.bin', 0, 8],
    ]);
    // Once read, the data are the model's own.
    expect(readModel(writeModel(model))).toEqual(model);
  });

  test('are refused without the callback', () => {
    expect(errorOf(external(entry('location', 'w.bin'))).message).toMatch(
      /tensor "w" keeps its data in the file "w\.bin"\. Read the model with readModelFile/,
    );
  });

  test.each([
    ['no location', [entry('offset', '0')], /without a location/],
    [
      'a negative offset',
      [entry('location', 'a'), entry('offset', '-4')],
      /invalid external offset "-4"/,
    ],
    [
      'a length that is none',
      [entry('location', 'a'), entry('length', '0x8')],
      /invalid external length/,
    ],
    [
      'a length beyond 2^53',
      [entry('location', 'a'), entry('length', '9'.repeat(20))],
      /invalid external length/,
    ],
    [
      'too few bytes',
      [entry('location', 'a'), entry('length', '99')],
      /takes 99 bytes of "a", got 16/,
    ],
    [
      'a length that does not fit',
      [entry('location', 'a'), entry('length', '16')],
      /takes 8 bytes, got 16/,
    ],
  ])('%s', (_, entries, message) => {
    expect(() => readModel(external(...entries), { external: () => data })).toThrow(message);
  });
});

function indexOf(bytes: Uint8Array, part: Part): number {
  return Buffer.from(bytes).indexOf(Buffer.from(join([part])));
}

function contains(bytes: Uint8Array, part: Part): boolean {
  return indexOf(bytes, part) >= 0;
}
