/** Files that are broken, or made to break their reader: each is refused with a sentence, in bounded time and memory. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type DescField, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { afterAll, describe, expect, it } from 'vitest';
import { EspalierError, ModelError } from '../src/errors.js';
import { model } from '../src/graph/graph.js';
import { printGraph } from '../src/graph/print.js';
import { normal } from '../src/nn/init.js';
import * as proto from '../src/onnx/generated/onnx_pb.js';
import { readModel } from '../src/onnx/read.js';
import { writeModel } from '../src/onnx/write.js';
import { builder } from '../src/ops/builder.js';
import { loadModel } from '../src/ops/load.js';
import { readModelFile } from '../src/runs/model-file.js';

type GraphShape = MessageInitShape<typeof proto.GraphProtoSchema>;
type NodeShape = MessageInitShape<typeof proto.NodeProtoSchema>;
type TensorShape = MessageInitShape<typeof proto.TensorProtoSchema>;
type InfoShape = MessageInitShape<typeof proto.ValueInfoProtoSchema>;

const float32 = proto.TensorProto_DataType.FLOAT;
const int64 = proto.TensorProto_DataType.INT64;

const info = (name: string, ...dims: (bigint | string)[]): InfoShape => ({
  name,
  type: {
    value: {
      case: 'tensorType',
      value: {
        elemType: float32,
        shape: {
          dim: dims.map((dim) =>
            typeof dim === 'string'
              ? { value: { case: 'dimParam', value: dim } }
              : { value: { case: 'dimValue', value: dim } },
          ),
        },
      },
    },
  },
});
const node = (
  opType: string,
  input: string[],
  output: string[],
  attribute: NodeShape['attribute'] = [],
) => ({ opType, name: `the ${opType}`, input, output, attribute }) satisfies NodeShape;
const numbers = (name: string, ...values: bigint[]): TensorShape => ({
  name,
  dataType: int64,
  dims: [BigInt(values.length)],
  int64Data: values,
});

function file(graph: GraphShape, opset = 18n): Uint8Array {
  const shape: MessageInitShape<typeof proto.ModelProtoSchema> = {
    irVersion: 8n,
    opsetImport: [{ version: opset }],
    graph: { name: 'hostile', input: [info('x', 2n, 3n)], output: [{ name: 'y' }], ...graph },
  };
  return toBinary(proto.ModelProtoSchema, create(proto.ModelProtoSchema, shape));
}

/** A length-delimited field. */
const tagged = (field: number, content: Uint8Array) => {
  const head = [(field << 3) | 2];
  for (let rest = content.length; ; rest = Math.floor(rest / 128)) {
    head.push(rest > 127 ? (rest % 128) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Uint8Array.from(head), content]);
};

/** All that a file goes through. */
function through(bytes: Uint8Array): void {
  const read = readModel(bytes);
  const b = loadModel(read, { trainable: () => true });
  printGraph(b.build(), b.values);
  writeModel(read);
}

function refusal(bytes: Uint8Array): EspalierError {
  try {
    through(bytes);
  } catch (error) {
    // Anything else is a crash, and fails with its own stack.
    if (error instanceof EspalierError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

const far = 2n ** 40n;
const refused: Record<string, [Uint8Array, RegExp]> = {
  'nodes that wait for each other': [
    file({ node: [node('Add', ['x', 'h'], ['y']), node('Neg', ['y'], ['h'])] }),
    /cyclic graph: Add at node "the Add"/,
  ],
  'a node that waits for itself': [
    file({ node: [node('Neg', ['y'], ['y'])] }),
    /cyclic graph: Neg/,
  ],
  'a missing initializer': [
    file({ node: [node('Add', ['x', 'w'], ['y'])] }),
    /missing value "w": Add at node "the Add" needs it/,
  ],
  'an output that nothing makes': [file({ node: [] }), /missing value "y": it is an output/],
  'an initializer that claims 2^40 elements': [
    file({
      initializer: [{ name: 'w', dataType: float32, dims: [far], rawData: new Uint8Array(8) }],
    }),
    /initializer "w" .* takes 4398046511104 bytes, got 8/,
  ],
  'an initializer that claims more than numbers can count': [
    file({ initializer: [{ name: 'w', dataType: float32, dims: [far, far, far, far] }] }),
    /initializer "w" .* got 0/,
  ],
  'an initializer of negative size': [
    file({ initializer: [{ name: 'w', dataType: float32, dims: [-4n] }] }),
    /initializer "w" has the invalid dimension -4/,
  ],
  'raw_data that is too short': [
    file({
      initializer: [{ name: 'w', dataType: float32, dims: [3n], rawData: new Uint8Array(11) }],
    }),
    /takes 12 bytes, got 11/,
  ],
  'raw_data that is too long': [
    file({
      initializer: [{ name: 'w', dataType: float32, dims: [3n], rawData: new Uint8Array(13) }],
    }),
    /takes 12 bytes, got 13/,
  ],
  'two nodes that make one value': [
    file({ node: [node('Neg', ['x'], ['y']), node('Exp', ['x'], ['y'])] }),
    /duplicate value name "y"/,
  ],
  'two inputs of one name': [
    file({ input: [info('x', 1n), info('x', 2n)], node: [node('Neg', ['x'], ['y'])] }),
    /duplicate value name "x"/,
  ],
  'an initializer given twice': [
    file({ initializer: [numbers('w', 1n), numbers('w', 2n)] }),
    /initializer "w" is given twice/,
  ],
  'a shape with a negative size': [
    file({ initializer: [numbers('s', -2n, 3n)], node: [node('Reshape', ['x', 's'], ['y'])] }),
    /Reshape at node "the Reshape".*cannot become \[-2, 3\]/,
  ],
  'a constant of negative size': [
    file({ initializer: [numbers('s', -1n)], node: [node('ConstantOfShape', ['s'], ['y'])] }),
    /a dimension of -1/,
  ],
  'padding that leaves less than nothing': [
    file({ initializer: [numbers('p', -9n, 0n, 0n, 0n)], node: [node('Pad', ['x', 'p'], ['y'])] }),
    /Pad at node "the Pad"/,
  ],
  'sizes that add up to more than numbers can count': [
    file({
      initializer: [numbers('p', 0n, 0n, 2n ** 62n, 2n ** 62n)],
      node: [node('Pad', ['x', 'p'], ['y'])],
    }),
    /Pad at node "the Pad".*no size/,
  ],
  'a value of 100000 dimensions': [
    file({
      input: [info('x', ...Array<bigint>(100_000).fill(1n))],
      node: [node('Neg', ['x'], ['y'])],
    }),
    /"x" has 100000 dimensions, at most 64/,
  ],
  'an axis for each of 50000 new dimensions': [
    file({
      initializer: [numbers('a', ...Array.from({ length: 50_000 }, (_, i) => BigInt(i)))],
      node: [node('Unsqueeze', ['x', 'a'], ['y'])],
    }),
    /Unsqueeze at node "the Unsqueeze"/,
  ],
  'an operator by a name of JavaScript': [
    file({ node: [node('constructor', ['x'], ['y'])] }),
    /unsupported operator constructor/,
  ],
  'an operator set from the future': [file({}, 23n), /operator set 23, supported are 7 to 22/],
  'an operator set beyond counting': [file({}, 2n ** 62n), /invalid version/],
};

describe('a hostile file is refused:', () => {
  it.each(Object.entries(refused))('%s', (_, [bytes, sentence]) => {
    const error = refusal(bytes);
    expect(error).toBeInstanceOf(ModelError);
    expect(error.message).toMatch(sentence);
  });
});

describe('what claims to be large', () => {
  it.each([
    ['Expand', [numbers('s', far, 2n, 3n)]],
    ['Tile', [numbers('s', far, 2n)]],
    ['Pad', [numbers('s', 0n, 0n, far, 0n)]],
  ])('is not made while shapes are inferred: %s', (op, initializer) => {
    const bytes = file({ initializer, node: [node(op, ['x', 's'], ['y'])] });
    const b = loadModel(readModel(bytes), { trainable: () => true });
    expect(b.value('y').shape).toContain(
      op === 'Tile' ? 2 * Number(far) : Number(far) + (op === 'Pad' ? 2 : 0),
    );
  });

  it('is not made of constants either', () => {
    const initializer = [numbers('s', far), numbers('one', 1n)];
    const made = node('ConstantOfShape', ['s'], ['y']);
    const spread = node('Expand', ['one', 's'], ['z']);
    const b = loadModel(readModel(file({ initializer, node: [made, spread] })), {
      trainable: () => true,
    });
    expect(b.value('y').shape).toEqual([Number(far)]);
    expect(b.known('z')).toBeNull();
  });

  it('may have a dimension of 2^40 that no run has seen yet', () => {
    const bytes = file({ input: [info('x', far, -1n)], node: [node('Neg', ['x'], ['y'])] });
    expect(loadModel(readModel(bytes)).value('y').shape).toEqual([Number(far), '?1']);
  });

  it('has names that do not double for ever', () => {
    const nodes = Array.from({ length: 60 }, (_, i) =>
      node(
        'Concat',
        [i === 0 ? 'x' : `v${i}`, i === 0 ? 'x' : `v${i}`],
        [i === 59 ? 'y' : `v${i + 1}`],
        [{ name: 'axis', type: proto.AttributeProto_AttributeType.INT, i: 0n }],
      ),
    );
    const bytes = file({ input: [info('x', 'n')], node: nodes });
    const [dim] = loadModel(readModel(bytes)).value('y').shape;
    expect(String(dim).length).toBeLessThan(2000);
  });
});

describe('a file of much and nothing', () => {
  it('of 100 MB of zeros', () => {
    expect(refusal(new Uint8Array(100e6)).message).toMatch(/not an ONNX model/);
  });

  it('of empty nodes without end', () => {
    const nodes = Buffer.alloc(10e6).map((_, i) => (i % 2 === 0 ? (1 << 3) | 2 : 0));
    expect(refusal(Buffer.concat([Uint8Array.of(8, 8), tagged(7, nodes)])).message).toMatch(
      /more than 4194304 fields/,
    );
  });

  it('of integers without end', () => {
    const tensor = tagged(5, tagged(7, new Uint8Array(40e6)));
    expect(refusal(Buffer.concat([Uint8Array.of(8, 8), tagged(7, tensor)])).message).toMatch(
      /more than 33554432 integers/,
    );
  });

  it.each([20, 40, 2000])('of graphs inside graphs, %i deep', (depth) => {
    let graph: GraphShape = { name: 'innermost' };
    const bodies = Array.from({ length: Math.min(depth, 30) }, () => 0);
    for (const _ of bodies)
      graph = {
        node: [
          node(
            'If',
            ['c'],
            ['y'],
            [{ name: 'then_branch', type: proto.AttributeProto_AttributeType.GRAPH, g: graph }],
          ),
        ],
      };
    let bytes: Uint8Array = toBinary(proto.GraphProtoSchema, create(proto.GraphProtoSchema, graph));
    for (let i = bodies.length; i < depth; i++) bytes = tagged(1, tagged(5, tagged(6, bytes)));
    const whole = Buffer.concat([
      Uint8Array.of(8, 8),
      tagged(7, bytes),
      tagged(8, Uint8Array.of(16, 18)),
    ]);
    const error = refusal(whole);
    expect(error).toBeInstanceOf(ModelError);
    if (depth > 33) expect(error.message).toMatch(/nests deeper than 100/);
  });
});

describe('wire types', () => {
  const messages = Object.values(proto).filter(
    (each) => typeof each === 'object' && 'kind' in each && each.kind === 'message',
  );
  /** Tags that lead to each kind of message, from the file inwards. */
  const places: Record<string, number[]> = {
    ModelProto: [],
    GraphProto: [7],
    NodeProto: [7, 1],
    AttributeProto: [7, 1, 5],
    TensorProto: [7, 5],
    ValueInfoProto: [7, 11],
    TypeProto: [7, 11, 2],
    OperatorSetIdProto: [8],
  };
  const wire = (type: number): number[] =>
    [[1], [0, 0, 0, 0, 0, 0, 0, 0], [1, 0], [0], [0], [0, 0, 0, 0], [0], [0]][type] ?? [];
  const tag = (field: DescField, type: number) => [
    ((field.number << 3) | type) & 127,
    ...(field.number > 15 ? [field.number >> 4] : []),
  ];

  it.each(Object.entries(places))(
    'that do not fit a field of %s are refused, or ignored',
    (name, path) => {
      const message = messages.find((each) => each.name === name);
      expect(message).toBeDefined();
      for (const field of message?.fields ?? [])
        for (let type = 0; type < 8; type++) {
          const number = tag(field, type);
          if (field.number > 15) number[0] = (number[0] ?? 0) | 128;
          const content = path.reduceRight<Uint8Array>(
            (inner, outer) => tagged(outer, inner),
            Uint8Array.from([...number, ...wire(type)]),
          );
          const bytes = Buffer.concat([Uint8Array.of(8, 8, 0x42, 2, 16, 18), content]);
          try {
            through(bytes);
          } catch (error) {
            expect(error, `${field.name} with wire type ${type}`).toBeInstanceOf(ModelError);
          }
        }
    },
  );
});

describe('external data', () => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-hostile-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    '../secret',
    'a/../../secret',
    '/etc/hostname',
    'C:\\secret',
    '..\\secret',
    'sub/../../secret',
    'no\0thing',
  ])('are not read from %j', async (location) => {
    const path = join(folder, 'model.onnx');
    writeFileSync(join(folder, '..', 'secret'), 'not yours');
    const initializer: TensorShape = {
      name: 'w',
      dataType: float32,
      dims: [2n],
      dataLocation: proto.TensorProto_DataLocation.EXTERNAL,
      externalData: [{ key: 'location', value: location }],
    };
    writeFileSync(path, file({ initializer: [initializer] }));
    const reading = readModelFile(path);
    await expect(reading).rejects.toBeInstanceOf(ModelError);
    await expect(reading).rejects.toThrow(/refused|cannot be read/);
    rmSync(join(folder, '..', 'secret'));
  });

  it('are not taken for more than the file holds', async () => {
    const path = join(folder, 'model.onnx');
    writeFileSync(join(folder, 'data'), 'abcd');
    const entries = { location: 'data', offset: String(2 ** 52), length: String(far) };
    const initializer: TensorShape = {
      name: 'w',
      dataType: float32,
      dims: [far / 4n],
      dataLocation: proto.TensorProto_DataLocation.EXTERNAL,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
    };
    writeFileSync(path, file({ initializer: [initializer] }));
    await expect(readModelFile(path)).rejects.toThrow(/too short/);
  });
});

describe('a file cut short', () => {
  /** Weights of 200 kB in two tensors. */
  function network(): Uint8Array {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 100]);
    const [w, v] = [normal(1, 'w', [100, 200], 1), normal(1, 'v', [200, 150], 1)];
    b.output(b.MatMul(b.Relu(b.MatMul(x, b.parameter('w', w))), b.parameter('v', v)), 'y');
    return writeModel(model(b.build()));
  }
  const data = process.env['ESPALIER_DATA'] ?? join(import.meta.dirname, '../../shared/data');

  for (const name of ['made here', 'mnist', 'cifar10-resnet20', 'squeezenet1.1'])
    it(`at any kilobyte is refused: ${name}`, ({ skip }) => {
      const path = join(data, 'models', `${name}.onnx`);
      skip(name !== 'made here' && !existsSync(path), 'skipped: no such data');
      const bytes = name === 'made here' ? network() : readFileSync(path);
      for (let length = 0; length < bytes.length; length += 1024) {
        const error = refusal(bytes.subarray(0, length));
        expect(error, `${length} bytes`).toBeInstanceOf(ModelError);
      }
    });
});
