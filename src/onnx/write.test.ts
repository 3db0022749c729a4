import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, isMessage, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ModelError, UsageError } from '../errors.js';
import { type Attribute, type Graph, type Model, model, type ValueInfo } from '../graph/graph.js';
import type { DType } from '../tensor/dtype.js';
import { sizeOf } from '../tensor/shape.js';
import { type Tensor, tensor, zeros } from '../tensor/tensor.js';
import { decodeModel } from './decode.js';
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from './generated/onnx_pb.js';
import { readModel } from './read.js';
import { readTensor } from './read-tensor.js';
import { writeModel, writeModelWithExternalData } from './write.js';

const emptyGraph: Graph = {
  name: 'g',
  inputs: [],
  outputs: [],
  nodes: [],
  initializers: new Map(),
  values: new Map(),
};
const withNode = (attributes: Record<string, Attribute>): Model =>
  model({
    ...emptyGraph,
    nodes: [{ name: 'n', op: 'Op', domain: '', inputs: [], outputs: ['y'], attributes }],
  });

/** What a file means, as plain data: tensors by value, absent and empty fields alike. */
function meaningOf(bytes: Uint8Array): unknown {
  return plain(decodeModel(bytes));
}

function plain(value: unknown): unknown {
  if (isMessage(value, TensorProtoSchema)) return plainTensor(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([, each]) => !(each === '' || (Array.isArray(each) && each.length === 0)),
  );
  const result = Object.fromEntries(entries.map(([key, each]) => [key, plain(each)]));
  if (isMessage(value, AttributeProtoSchema) && result.type === AttributeType.INT) result.i ??= 0n;
  return result;
}

function plainTensor(proto: TensorProto): unknown {
  const content = readTensor(proto, proto.name);
  const { dims, dataType, name, docString, metadataProps, $unknown } = proto;
  const rest = { dims, dataType, name, docString, metadataProps: plain(metadataProps), $unknown };
  const { data = proto.rawData } = content ?? {};
  if (Array.isArray(data)) return { ...rest, data };
  // A digest, since matchers compare large arrays slowly.
  return { ...rest, data: createHash('sha256').update(data).digest('hex') };
}

describe('what a read does not understand', () => {
  const unknown = (no: number) => [{ no, wireType: 2, data: Uint8Array.of(3, 1, 2, no) }];
  const props = [{ key: 'k', value: 'v' }];
  const note = { docString: 'doc', metadataProps: props };
  const w = create(TensorProtoSchema, {
    name: 'w',
    ...note,
    dims: [2n],
    dataType: DataType.FLOAT,
    floatData: [1, 2],
  });
  w.$unknown = unknown(90);
  const rich: ModelProto = create(ModelProtoSchema, {
    irVersion: 10n,
    producerName: 'p',
    producerVersion: '1',
    domain: 'd',
    modelVersion: 5n,
    docString: 'doc',
    metadataProps: props,
    opsetImport: [
      { domain: '', version: 17n },
      { domain: 'mine', version: 1n },
    ],
    trainingInfo: [{ algorithm: { name: 'sgd', initializer: [w] } }],
    functions: [{ name: 'f', domain: 'mine', node: [{ opType: 'Neg', input: ['x'] }], ...note }],
    graph: {
      name: 'g',
      ...note,
      input: [
        {
          name: 'x',
          type: {
            denotation: 'IMAGE',
            value: {
              case: 'tensorType',
              value: {
                elemType: 1,
                shape: {
                  dim: [{ denotation: 'DATA_BATCH', value: { case: 'dimValue', value: -1n } }, {}],
                },
              },
            },
          },
          ...note,
        },
      ],
      output: [{ name: 'y', type: { value: { case: 'mapType', value: { keyType: 7 } } } }],
      valueInfo: [{ name: 'h', type: { value: { case: 'tensorType', value: { elemType: 23 } } } }],
      initializer: [w, { name: 'f8', dims: [1n], dataType: 17, rawData: Uint8Array.of(9) }],
      sparseInitializer: [{ dims: [9n], values: w }],
      quantizationAnnotation: [{ tensorName: 'x', quantParameterTensorNames: props }],
      node: [
        {
          opType: 'Op',
          name: 'n',
          domain: 'mine',
          overload: 'o',
          input: ['x', ''],
          output: ['y'],
          ...note,
          attribute: [
            { name: 'i', type: AttributeType.INT, i: 2n ** 60n + 1n, docString: 'doc' },
            { name: 'is', type: AttributeType.INTS, ints: [2n ** 60n + 1n, -3n] },
            { name: 't', type: AttributeType.TENSOR, t: w },
            { name: 's', type: AttributeType.STRING, s: Uint8Array.of(0xff) },
            {
              name: 'g',
              type: AttributeType.GRAPH,
              g: { name: 'inner', ...note, initializer: [w] },
            },
            { name: 'tp', type: AttributeType.TYPE_PROTO, tp: { denotation: 'x' } },
          ],
        },
      ],
    },
  });
  const richNode = rich.graph?.node[0];
  const innerGraph = richNode?.attribute.find(({ name }) => name === 'g');
  for (const [i, message] of [innerGraph, richNode, rich.graph, rich].entries())
    if (message !== undefined) message.$unknown = unknown(91 + i);
  const bytes = toBinary(ModelProtoSchema, rich);

  test('is written again, at every level', () => {
    const written = writeModel(readModel(bytes));
    expect(meaningOf(written)).toEqual(meaningOf(bytes));
    for (const no of [90, 91, 92, 93, 94])
      expect(Buffer.from(written).includes(Buffer.of(3, 1, 2, no)), `field ${no}`).toBe(true);
  });

  test('comes from bytes that no schema describes', () => {
    // Field 200, a group, inside it field 1 = 7; then field 201, eight bytes.
    const extra = Uint8Array.of(
      0xc3,
      0x0c,
      0x08,
      7,
      0xc4,
      0x0c,
      0xc9,
      0x0c,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
    );
    const written = Buffer.from(writeModel(readModel(Buffer.concat([bytes, extra]))));
    expect(written.includes(Buffer.from(extra))).toBe(true);
  });

  test('does not hinder changes of what is understood', () => {
    const read = readModel(bytes);
    const { graph } = read;
    const [x] = graph.inputs;
    const [n] = graph.nodes;
    if (x === undefined || n === undefined) throw new Error('missing');
    const changed = writeModel({
      ...read,
      metadata: { other: 'o' },
      graph: {
        ...graph,
        inputs: [{ ...x, dtype: 'int8', shape: [4] }],
        nodes: [{ ...n, attributes: { ...n.attributes, i: { type: 'int', value: 5 } } }],
        initializers: new Map<string, Tensor>([
          ['w', tensor('int32', [1], [8])],
          ['f8', tensor('bool', [], [1])],
        ]),
      },
    });
    const { graph: again, metadata } = readModel(changed);
    expect(metadata).toEqual({ other: 'o' });
    expect(again.inputs[0]).toMatchObject({ dtype: 'int8', shape: [4] });
    expect(again.nodes[0]?.attributes.i).toEqual({ type: 'int', value: 5 });
    expect([...again.initializers.keys()]).toEqual(['w', 'f8']);
    const proto = decodeModel(changed);
    expect(proto.graph?.input[0]?.type?.denotation).toBe('IMAGE');
    expect(proto.graph?.initializer[0]?.docString).toBe('doc');
    expect(proto.graph?.node[0]?.attribute[0]?.docString).toBe('doc');
  });

  test('is not touched by a write', () => {
    const read = readModel(bytes);
    const first = writeModel(read);
    expect(writeModel(read)).toEqual(first);
  });
});

describe('writeModel', () => {
  const numeric: readonly DType[] = [
    'float32',
    'float64',
    'float16',
    'bfloat16',
    'int8',
    'uint8',
    'int16',
    'uint16',
    'int32',
    'uint32',
    'int64',
    'uint64',
    'bool',
  ];
  const text = fc.string({ unit: 'grapheme', maxLength: 8 });
  const identifier = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/);

  const anyTensor: fc.Arbitrary<Tensor> = fc
    .tuple(fc.constantFrom(...numeric, 'string' as const), fc.array(fc.nat(3), { maxLength: 3 }))
    .chain(([dtype, dims]) => {
      const element: fc.Arbitrary<number | string> =
        dtype === 'string' ? text : fc.nat(dtype === 'bool' ? 1 : 0xffffffff);
      const size = sizeOf(dims);
      return fc
        .array(element, { minLength: size, maxLength: size })
        .map((values) => tensor(dtype, dims, values));
    });
  const anyDim = fc.oneof(fc.nat(), identifier);
  const valueInfo: fc.Arbitrary<ValueInfo> = fc.record({
    name: text.map((name) => `v${name}`),
    dtype: fc.option(fc.constantFrom(...numeric)),
    shape: fc.option(fc.array(anyDim, { maxLength: 4 })),
  });
  const { graph: anyGraph } = fc.letrec<{ graph: Graph; attribute: Attribute }>((tie) => ({
    attribute: fc.oneof(
      { maxDepth: 2 },
      fc.record({ type: fc.constant('int' as const), value: fc.maxSafeInteger() }),
      fc.record({ type: fc.constant('float' as const), value: fc.float() }),
      fc.record({ type: fc.constant('string' as const), value: text }),
      fc.record({ type: fc.constant('ints' as const), value: fc.array(fc.maxSafeInteger()) }),
      fc.record({ type: fc.constant('floats' as const), value: fc.array(fc.float()) }),
      fc.record({ type: fc.constant('strings' as const), value: fc.array(text) }),
      fc.record({ type: fc.constant('tensor' as const), value: anyTensor }),
      fc.record({ type: fc.constant('graph' as const), value: tie('graph') }),
    ),
    graph: fc.record({
      name: text,
      inputs: fc.array(valueInfo, { maxLength: 2 }),
      outputs: fc.array(valueInfo, { maxLength: 2 }),
      nodes: fc.array(
        fc.record({
          name: text,
          op: identifier,
          domain: fc.constantFrom('', 'com.example'),
          inputs: fc.array(text, { maxLength: 3 }),
          outputs: fc.array(text, { maxLength: 2 }),
          attributes: fc.dictionary(identifier, tie('attribute'), {
            maxKeys: 3,
            noNullPrototype: true,
          }),
        }),
        { maxLength: 3 },
      ),
      initializers: fc
        .dictionary(identifier, anyTensor, { maxKeys: 3 })
        .map((each) => new Map(Object.entries(each).map(([name, t]) => [`w_${name}`, t]))),
      values: fc
        .array(valueInfo, { maxLength: 2 })
        .map((each) => new Map(each.map((info) => [info.name, info]))),
    }),
  }));
  const anyModel: fc.Arbitrary<Model> = fc.record({
    graph: anyGraph,
    opsets: fc.record({ '': fc.integer({ min: 7, max: 22 }), 'com.example': fc.nat(9) }),
    irVersion: fc.integer({ min: 4, max: 12 }),
    producer: text,
    metadata: fc.dictionary(identifier, text, { noNullPrototype: true }),
  });

  test('read(write(model)) is the model, and writes the same bytes', () => {
    fc.assert(
      fc.property(anyModel, (given) => {
        const bytes = writeModel(given);
        const read = readModel(bytes);
        expect(read).toEqual(given);
        expect(writeModel(read)).toEqual(bytes);
        const { bytes: outer, data } = writeModelWithExternalData(given, 'data.bin', 0);
        expect(
          readModel(outer, {
            external: (_, offset, length) => data.subarray(offset, offset + (length ?? 0)),
          }),
        ).toEqual(given);
      }),
      { seed: 7, numRuns: 150 },
    );
  });

  test('lists initializers as inputs up to IR version 3', () => {
    const graph = { ...emptyGraph, initializers: new Map([['w', zeros('float32', [2])]]) };
    const old = { ...model(graph), irVersion: 3 };
    const input = decodeModel(writeModel(old)).graph?.input ?? [];
    expect(input.map(({ name }) => name)).toEqual(['w']);
    expect(readModel(writeModel(old)).graph.inputs).toEqual([]);
    expect(decodeModel(writeModel({ ...old, irVersion: 4 })).graph?.input).toEqual([]);
  });

  test('says of an initializer among the inputs what is true of it now', () => {
    const graph = { ...emptyGraph, initializers: new Map([['w', zeros('float32', [2])]]) };
    const read = readModel(writeModel({ ...model(graph), irVersion: 3 }));
    const initializers = new Map([['w', zeros('float32', [5])]]);
    const proto = decodeModel(writeModel({ ...read, graph: { ...read.graph, initializers } }));
    const type = proto.graph?.input[0]?.type?.value.value;
    expect(plain(type)).toMatchObject({ shape: { dim: [{ value: { value: 5n } }] } });
  });

  test('leaves dimensions without a name nameless', () => {
    const x: ValueInfo = { name: 'x', dtype: 'float32', shape: ['?3', 'n', '?4'] };
    const read = readModel(writeModel(model({ ...emptyGraph, inputs: [x] })));
    expect(read.graph.inputs[0]).toEqual({ ...x, shape: ['?1', 'n', '?2'] });
  });

  test.each([
    [
      'half an integer',
      { type: 'int', value: 0.5 },
      /attribute "a" of Op at node "n" takes 64-bit integers, got 0\.5/,
    ],
    ['an integer too large', { type: 'ints', value: [2 ** 64] }, /takes 64-bit integers/],
    ['not a number', { type: 'int', value: Number.NaN }, /takes 64-bit integers, got NaN/],
    ['a float too large', { type: 'float', value: 1e39 }, /takes 32-bit floats, got 1e\+39/],
    ['opaque, from nowhere', { type: 'opaque', kept: {} }, /was not read from an ONNX file/],
    [
      'a tensor of another size',
      { type: 'tensor', value: { dtype: 'int8', dims: [3], data: new Int8Array(2) } },
      /is \[3\], got 2 elements/,
    ],
  ] satisfies [string, Attribute, RegExp][])(
    'refuses an attribute: %s',
    (_, attribute, message) => {
      expect(() => writeModel(withNode({ a: attribute }))).toThrow(ModelError);
      expect(() => writeModel(withNode({ a: attribute }))).toThrow(message);
    },
  );

  test('refuses more than 2 GB and says what to do', () => {
    const shared = zeros('float32', [2 ** 20]);
    const initializers = new Map(Array.from({ length: 513 }, (_, i) => [`w${i}`, shared] as const));
    expect(() => writeModel(model({ ...emptyGraph, initializers }))).toThrow(
      /model too large: a single ONNX file holds at most 2 GB.*writeModelWithExternalData/,
    );
  });
});

describe('writeModelWithExternalData', () => {
  const graph = (...sizes: number[]): Graph => ({
    ...emptyGraph,
    initializers: new Map(
      sizes.map((size, i) => [`w${i}`, tensor('uint8', [size], new Uint8Array(size).fill(i + 1))]),
    ),
  });

  test('moves large tensors only, aligned', () => {
    const { bytes, data } = writeModelWithExternalData(
      model(graph(1024, 1023, 1100, 2 ** 20)),
      'd',
    );
    const entries = decodeModel(bytes).graph?.initializer.map(({ externalData, rawData }) => [
      Object.fromEntries(externalData.map(({ key, value }) => [key, value])),
      rawData.length,
    ]);
    expect(entries).toEqual([
      [{ location: 'd', offset: '0', length: '1024' }, 0],
      [{}, 1023],
      [{ location: 'd', offset: '1024', length: '1100' }, 0],
      [{ location: 'd', offset: '65536', length: String(2 ** 20) }, 0],
    ]);
    expect(data.length).toBe(65536 + 2 ** 20);
    expect([data[0], data[1023], data[1024], data[2124], data[65536]]).toEqual([1, 1, 3, 0, 4]);
  });

  test.each(['', '/etc/x', '../x', 'a/../../x', 'a//b', 'C:\\x', 'a\\b', './x', 'a\0b'])(
    'refuses the location %j',
    (location) => {
      expect(() => writeModelWithExternalData(model(graph(1)), location)).toThrow(UsageError);
    },
  );
});

describe('real models', () => {
  const folder = process.env.ESPALIER_DATA ?? join(import.meta.dirname, '../../../shared/data');
  for (const name of ['mnist', 'cifar10-resnet20', 'squeezenet1.1'])
    test(`${name} survives a round trip`, ({ skip }) => {
      const path = join(folder, 'models', `${name}.onnx`);
      skip(!existsSync(path), 'skipped: no such data');
      const bytes = readFileSync(path);
      const read = readModel(bytes);
      expect(read.graph.nodes.length).toBeGreaterThan(5);
      expect(read.graph.initializers.size).toBeGreaterThan(5);
      expect(read.graph.inputs).toHaveLength(1);
      const written = writeModel(read);
      expect(meaningOf(written)).toEqual(meaningOf(bytes));
      expect(Buffer.compare(writeModel(readModel(written)), written)).toBe(0);
    });
});
