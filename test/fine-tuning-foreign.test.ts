/** A network with an operator that has no rule here, upstream of the head: the head alone can be trained. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Model, model } from '../src/graph/graph.js';
import { normal } from '../src/nn/init.js';
import { builder } from '../src/ops/builder.js';
import { readModelFile } from '../src/runs/model-file.js';
import { type Folder, makeFolder, run } from './cli.js';

/** Conv, ONNX Runtime's own Gelu, a pool, and five classes; `stated` says the Gelu's shape for batches of `batch`. */
function withGelu(batch: number | string, stated: boolean): Model {
  const b = builder();
  const x = b.input('image', 'float32', [batch, 1, 4, 4]);
  const weight = (name: string, dims: number[]) => b.initializer(name, normal(5, name, dims, 0.5));
  const features = b.Relu(b.Conv(x, weight('conv', [4, 1, 3, 3]), null, { pads: [1, 1, 1, 1] }));
  b.output(
    b.Gemm(b.Flatten(b.GlobalAveragePool(features)), weight('top', [4, 5]), weight('bias', [5])),
    'logits',
  );
  const graph = b.build('gelu');
  const nodes = graph.nodes.map((node) =>
    node.op === 'Relu' ? { ...node, name: 'act', op: 'Gelu', domain: 'com.microsoft' } : node,
  );
  const info = { name: features.name, dtype: features.dtype, shape: features.shape };
  return model({ ...graph, nodes, values: new Map(stated ? [[info.name, info]] : []) });
}

let folder: Folder;
beforeAll(() => {
  folder = makeFolder();
  for (let i = 0; i < 6; i++) {
    folder.write(`photos/bright/${i}.png`, 200 + i);
    folder.write(`photos/dark/${i}.png`, i);
  }
  folder.write('free.onnx', withGelu('batch', true));
  folder.write('fixed.onnx', withGelu(1, true));
  folder.write('unstated.onnx', withGelu('batch', false));
});
afterAll(() => folder.remove());

const line = 'train classifier --data photos --batch-size 4 --epochs 20 --threads 1 --overwrite';
const train = (more: string) => run(`${line} ${more}`, { cwd: folder.path });

describe("ONNX Runtime's Gelu upstream of the head", () => {
  it.each(['free', 'fixed'])('is kept while the head learns, its batch %s', async (name) => {
    const more = `--from ${name}.onnx --train head --learning-rate 0.5 --output ${name}`;
    const { code, err } = await train(more);
    expect(code, err).toBe(0);
    const { graph, opsets } = await readModelFile(join(folder.path, name, 'model.onnx'));
    expect(graph.nodes.find(({ op }) => op === 'Gelu')?.domain).toBe('com.microsoft');
    expect(opsets['com.microsoft']).toBe(1);
    const judged = `evaluate ${name}/model.onnx --data photos --split train --json`;
    const { out } = await run(judged, { cwd: folder.path });
    expect(JSON.parse(out)).toMatchObject({ images: 12, accuracy: 1 });
  });

  it('ends the training of what comes before it, with what to do', async () => {
    const { code, err } = await train('--from free.onnx --output all');
    expect(err).toMatch(
      /Gelu at node "act": no gradient is known .*\. Train only what comes after/,
    );
    expect(err).toContain('--train head');
    expect(code).toBe(4);
  });

  it('needs a shape that the file states', async () => {
    const { code, err } = await train('--from unstated.onnx --train head --output none');
    expect(err).toMatch(/com\.microsoft\.Gelu at node "act".* State it as value_info/);
    expect(code).toBe(4);
  });
});
