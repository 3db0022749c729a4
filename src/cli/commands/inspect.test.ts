import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brightness, type Folder, makeFolder, run } from '../../../test/cli.js';
import { type Graph, model } from '../../graph/graph.js';
import { writeModelWithExternalData } from '../../onnx/write.js';

/** A graph whose one node no table knows, and of whose output nothing is said. */
const unknown: Graph = {
  name: 'odd',
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
  outputs: [{ name: 'y', dtype: null, shape: null }],
  initializers: new Map(),
  values: new Map(),
  nodes: [
    { name: 'knot', op: 'Entangle', domain: '', inputs: ['x'], outputs: ['y'], attributes: {} },
  ],
};

/** The brightness model with its weights in `../w.dat`, which our own writer refuses to write. */
function pointingOutside(): Uint8Array {
  const { bytes } = writeModelWithExternalData(brightness(), 'ww.data', 64);
  const text = Buffer.from(bytes).toString('latin1').replaceAll('ww.data', '../w.da');
  return Buffer.from(text, 'latin1');
}

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('m.onnx', brightness());
  folder.write('odd.onnx', model(unknown));
  folder.write('in/outside.onnx', pointingOutside());
  folder.write('w.da', new Uint8Array(1024));
  folder.write('text.onnx', 'hello');
});
afterAll(() => folder.remove());
const here = (line: string) => run(`inspect ${line}`, { cwd: folder.path });

describe('inspect', () => {
  it('sums a model up', async () => {
    const { code, out, err } = await here('m.onnx');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatchInlineSnapshot(`
      "  file           m.onnx
        graph          brightness
        written by     espalier, IR version 8
        operator sets  ai.onnx 18
        inputs         pixel_values: float32[batch, 1, 4, 4]
        outputs        logits: float32[batch, 2]
                       probabilities: float32[batch, 2]
        classes        bright, dark
        parameters     34 (136 B)
        multiply-adds  32

      5 nodes (figures for batch = 1; sees and stride in pixels of "pixel_values", ~ is a bound)
        node        operator  output              parameters  multiply-adds  memory   sees  stride
        Flatten     Flatten   float32[batch, 16]                               64 B  1 x 1   1 x 1
        Gemm        Gemm      float32[batch, 2]           34             32     8 B  4 x 4   1 x 1
        Identity    Identity  float32[batch, 2]                                 8 B  4 x 4   1 x 1
        Softmax     Softmax   float32[batch, 2]                                 8 B  4 x 4   1 x 1
        Identity_1  Identity  float32[batch, 2]                                 8 B  4 x 4   1 x 1
        together                                          34             32    96 B

      4 operators
        operator  nodes  gradient
        Identity      2  yes
        Flatten       1  yes
        Gemm          1  yes
        Softmax       1  yes

      2 initializers
        name    type            numbers
        weight  float32[2, 16]       32
        bias    float32[2]            2

      metadata
        espalier.spec            {"task":"classification","classes":["bright","dark"],"preprocessing":{"channels":1,"height":4,"width":4,"layout":"NCHW","scale":0.00392156862745098,"mean":[0],"…
        task                     classify
        names                    {0: 'bright', 1: 'dark'}
        imgsz                    [4, 4]
        channels                 1
        Image.BitmapPixelFormat  Gray8
        Image.ColorSpaceGamma    SRGB
        Image.NominalPixelRange  Normalized_0_1
      "
    `);
  });

  it('as JSON', async () => {
    const { out } = await here('m.onnx --json --graph --shapes --dimensions batch=3');
    const json = JSON.parse(out);
    expect(json).toMatchObject({
      file: 'm.onnx',
      name: 'brightness',
      producer: 'espalier',
      irVersion: 8,
      opsets: { '': 18 },
      inputs: [{ name: 'pixel_values', dtype: 'float32', shape: ['batch', 1, 4, 4] }],
      outputs: [{ name: 'logits' }, { name: 'probabilities' }],
      parameters: 34,
      bytes: 136,
      unread: {},
      dimensions: { batch: 3 },
      totals: { parameters: 34, trainable: 34, macs: 96 },
      taps: [],
      spec: { classes: ['bright', 'dark'] },
      shapes: { logits: { dtype: 'float32', shape: [3, 2] } },
    });
    expect(json.initializers[0]).toEqual({
      name: 'weight',
      dtype: 'float32',
      shape: [2, 16],
      elements: 32,
    });
    expect(json.operators).toContainEqual({
      op: 'Gemm',
      domain: '',
      nodes: 1,
      gradient: 'yes',
      reason: '',
    });
    expect(json.nodes).toHaveLength(5);
    expect(json.nodes[1]).toEqual({
      name: 'Gemm',
      op: 'Gemm',
      domain: '',
      inputs: ['Flatten', 'weight', 'bias'],
      outputs: ['Gemm'],
      parameters: 34,
      macs: 96,
      bytes: 24,
      gradient: 'yes',
      constant: false,
    });
    expect(json.values.map(({ name }: { name: string }) => name).slice(0, 4)).toEqual([
      'pixel_values',
      'weight',
      'bias',
      'Flatten',
    ]);
    expect(json.values[1]).toEqual({
      name: 'weight',
      kind: 'initializer',
      dtype: 'float32',
      shape: [2, 16],
      bytes: 128,
      receptiveField: null,
      exact: null,
      trainable: true,
    });
    expect(json.values.at(-1)).toMatchObject({
      name: 'probabilities',
      shape: [3, 2],
      receptiveField: { size: [4, 4], stride: [1, 1], offset: [0, 0] },
      exact: true,
      trainable: false,
    });
    expect(json.graph).toContain('%Gemm: float32[3, 2]');
  });

  it('prints the graph with the shapes that it infers', async () => {
    const { out } = await here('m.onnx --graph --shapes');
    expect(out).toContain('= Gemm(%Flatten, %weight, %bias) {transB: 1}');
    expect(out).toMatch(/^ {2}Softmax +computed +float32\[batch, 2\] +8 B +4 x 4 +1 x 1 +0, 0$/m);
  });

  it('prints an unknown operator, but infers no shape for it', async () => {
    const { code, out, err } = await here('odd.onnx --graph');
    expect(out).toContain('%y = Entangle(%x)  # knot');
    expect(out).toMatch(/Entangle +1 {2}unknown/);
    expect(err).toContain('not all can be inferred');
    expect(code).toBe(0);
    const shapes = await here('odd.onnx --shapes');
    expect(shapes.err).toContain('Entangle at node "knot"');
    expect(shapes.code).toBe(4);
  });

  it('refuses a graph that goes in a circle', async () => {
    const [knot] = unknown.nodes;
    const node = (name: string, input: string, output: string) => ({
      ...(knot as NonNullable<typeof knot>),
      ...{ name, op: 'Neg', inputs: [input], outputs: [output] },
    });
    const nodes = [node('a', 'q', 'y'), node('b', 'y', 'q')];
    folder.write('circle.onnx', model({ ...unknown, nodes }));
    const { code, out, err } = await here('circle.onnx');
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toContain('cyclic graph: Neg at node "a" waits for its own output');
  });

  it.each([
    ['text.onnx', 4, 'it looks like a text file'],
    ['none.onnx', 4, 'none.onnx: there is no such file'],
    ['in/outside.onnx', 4, '../w.da'],
    ['m.onnx --dimensions batch', 2, '--dimensions: must be <name>=<whole number>'],
    [
      'm.onnx --dimensions bath=1',
      2,
      'no input has a dimension "bath". Did you mean "batch"? There are batch',
    ],
  ])('%s ends with %i', async (line, exit, message) => {
    const { code, out, err } = await here(line);
    expect(err).toContain(message);
    expect({ code, out }).toEqual({ code: exit, out: '' });
  });

  it('and the others refuse what they cannot run', async () => {
    folder.write('a.png', 0);
    const size = '--height 1 --width 2 --channels 1 --layout flat';
    const odd = await run(`predict odd.onnx a.png ${size}`, { cwd: folder.path });
    expect(odd.err).toContain('Entangle');
    expect(odd.code).toBe(4);
    const sizeless = await run('predict odd.onnx a.png', { cwd: folder.path });
    expect(sizeless.err).toContain('give --height, --width, --channels');
    expect(sizeless.code).toBe(2);
  });
});
