import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, makeFolder, run } from '../../../test/cli.js';
import { type Model, model, type Value } from '../../graph/graph.js';
import { layers } from '../../nn/layers.js';
import { readSpec } from '../../onnx/metadata.js';
import { builder } from '../../ops/builder.js';
import { encodePng } from '../../report/png.js';
import { readModelFile } from '../../runs/model-file.js';

/** 20 x 20 grey pixels, stride 4, three classes; without padding unless asked for. */
function classifier(pad = 0, excite = false): Model {
  const b = builder();
  const net = layers(b, 2);
  let x: Value = b.input('image', 'float32', ['batch', 1, 20, 20]);
  x = b.Relu(net.conv('conv1', x, 4, { kernel: 5, pad }));
  x = net.maxPool(x, { kernel: 2, stride: 2 });
  x = b.Relu(net.conv('conv2', x, 4, { kernel: 3, pad: pad > 0 ? 1 : 0, stride: 2 }));
  if (excite) x = b.Mul(x, b.Sigmoid(b.GlobalAveragePool(x)));
  x = excite ? b.Add(x, b.initializer('place', noise(x))) : x;
  b.output(b.Softmax(net.linear('fc', b.Flatten(x), 3)), 'probabilities');
  return model(b.build());
}

const noise = (x: Value) => {
  const dims = x.shape.slice(1).map(Number);
  const data = new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.1);
  return { dtype: 'float32' as const, dims, data };
};

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  folder.write('plain.onnx', classifier());
  folder.write('padded.onnx', classifier(2));
  folder.write('excited.onnx', classifier(0, true));
  const [width, height] = [40, 33];
  const pixels = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * i * 7) % 251);
  folder.write('photo.png', encodePng(pixels, width, height, 3));
});
afterAll(() => folder.remove());

const command = (line: string) => run(`convolutionalize ${line}`, { cwd: folder.path });

describe('convolutionalize', () => {
  it('writes a segmenter and says its stride, what it sees, and how far it is from the classifier', async () => {
    const { code, out } = await command(
      'plain.onnx -o dense.onnx --classes a,b,c --verify photo.png',
    );
    expect(code).toBe(0);
    expect(out).toMatch(/stride +4 x 4/);
    expect(out).toMatch(/receptive field +18 x 18/);
    expect(out).toContain('all 24 crops');
    expect(out).toContain('espalier predict dense.onnx');
    const made = await readModelFile(join(folder.path, 'dense.onnx'));
    const spec = readSpec(made.metadata);
    expect(spec).toMatchObject({ task: 'segmentation', classes: ['a', 'b', 'c'] });
    expect(spec?.preprocessing).toMatchObject({ height: 20, width: 20, colour: 'grey' });
    expect(made.graph.inputs[0]?.shape).toEqual(['batch', 1, 'height', 'width']);
    expect(made.graph.initializers.get('fc.weight')?.dims).toEqual([3, 4, 3, 3]);
  });

  it.each([
    ['', 4, 24],
    ['--stride 1', 1, 294],
    ['--stride 2 --shift-and-stitch', 2, 77],
    ['--shift-and-stitch --upsample bilinear', 1, 294],
  ])('is exact with %s', async (line, stride, covered) => {
    const { out, code } = await command(
      `plain.onnx -o fine.onnx --verify photo.png --crops 60 --json ${line}`,
    );
    expect(code).toBe(0);
    const said = JSON.parse(out) as { field: { stride: number }[]; verification: object };
    expect(said.field[0]?.stride).toBe(stride);
    const { largest, ...rest } = said.verification as Record<string, number>;
    expect(rest).toMatchObject({ covered, crops: Math.min(60, covered), isPadded: false });
    expect(largest).toBeLessThan(1e-5);
  });

  it('tells apart what padding changes: the interior is exact, the map is not', async () => {
    for (const stride of [4, 2]) {
      const { out } = await command(
        `padded.onnx -o padded-dense.onnx --stride ${stride} --verify photo.png --json`,
      );
      const { verification } = JSON.parse(out) as { verification: Record<string, unknown> };
      expect(verification).toMatchObject({ isPadded: true });
      expect(verification['alone']).toBeLessThan(1e-5);
      expect(verification['largest']).toBeGreaterThan(1e-3);
      const interior = verification['interior'] as { largest: number; cells: number };
      expect(interior.cells).toBeGreaterThan(0);
      expect(interior.largest).toBeLessThan(1e-5);
    }
  });

  it('names every node that stands in the way', async () => {
    const { code, err } = await command('excited.onnx -o no.onnx');
    expect(code).toBe(4);
    expect(err).toContain('2 nodes stand in the way');
    expect(err).toMatch(/Mul at node ".*squeeze-and-excitation/);
    expect(err).toMatch(/Add at node ".*"place" .*positions/);
  });

  it('refuses what makes no sense', async () => {
    const wrong = async (line: string) => {
      const { code, err } = await command(`plain.onnx -o no.onnx --scale 1 ${line}`);
      return `${code} ${err}`;
    };
    expect(await wrong('--stride 3')).toMatch(
      /^2 .*stride 4, which 3 does not divide. Give 1, 2, 4/,
    );
    expect(await wrong('--classes a,b')).toMatch(/^2 .*2 names for 3 scores/);
    expect(await wrong('--output-name logits')).toMatch(/^4 .*no output "logits"/);
    expect(await wrong('--verify missing.png')).toMatch(/^3 /);
    folder.write('small.png', 100);
    expect(await wrong('--verify small.png')).toMatch(/^3 .*fewer than the 20 x 20/s);
  });
});
