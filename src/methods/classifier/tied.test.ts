/** Weights that a file reads in several places, directly or in other forms, are one weight in training and after it. */
import { describe, expect, it } from 'vitest';
import { type Graph, type Model, model, type Node } from '../../graph/graph.js';
import { normal } from '../../nn/init.js';
import { readModel } from '../../onnx/read.js';
import { writeModel } from '../../onnx/write.js';
import { builder } from '../../ops/builder.js';
import { nodeRuntime } from '../../runtime/node.js';
import { float32ToFloat16 } from '../../tensor/float16.js';
import { type Tensor, tensor } from '../../tensor/tensor.js';
import { fineTuningDefaults } from './config.js';
import { classifierNetwork } from './network.js';
import { trainableWeights } from './parameters.js';
import { labelsName } from './step.js';
import { trainClassifier } from './train.js';

const side = 4;
const shared = normal(1, 'shared', [side, side], 0.5);

/** x times the one form of the weight, times the other, times a head; the forms as `make` gives them. */
function twoLayers(make: (v: string) => readonly Node[], v: Tensor = shared): Model {
  const b = builder();
  const x = b.input('image', 'float32', ['batch', side]);
  const [one, two] = [b.initializer('one', shared), b.initializer('two', shared)];
  const hidden = b.Tanh(b.MatMul(b.Tanh(b.MatMul(x, one)), two));
  b.output(b.MatMul(hidden, b.initializer('top', normal(2, 'top', [side, 3], 0.5))), 'scores');
  const made: Graph = b.build('tied');
  const initializers = new Map([
    ['v', v],
    ['top', made.initializers.get('top') as Tensor],
  ]);
  return model({ ...made, initializers, nodes: [...make('v'), ...made.nodes] });
}

const node = (
  op: string,
  input: string,
  output: string,
  attributes: Node['attributes'] = {},
): Node => ({ name: output, op, domain: '', inputs: [input], outputs: [output], attributes });
const toFloat = { to: { type: 'int', value: 1 } } as const;
const half = tensor('float16', [side, side], float32ToFloat16(shared.data as Float32Array));

const ways: Record<string, [Model, readonly string[]]> = {
  'two Identities': [
    twoLayers((v) => [node('Identity', v, 'one'), node('Identity', v, 'two')]),
    ['v', 'top'],
  ],
  'an Identity of an Identity': [
    twoLayers((v) => [node('Identity', v, 'one'), node('Identity', 'one', 'two')]),
    ['v', 'top'],
  ],
  'an Identity and a Transpose': [
    twoLayers((v) => [node('Identity', v, 'one'), node('Transpose', v, 'two')]),
    ['v', 'top'],
  ],
  'two Transposes': [
    twoLayers((v) => [node('Transpose', v, 'one'), node('Transpose', v, 'two')]),
    ['one', 'top'],
  ],
  'a Transpose and its Transpose': [
    twoLayers((v) => [node('Transpose', v, 'one'), node('Transpose', 'one', 'two')]),
    ['one', 'top'],
  ],
  'two Casts of half precision': [
    twoLayers((v) => [node('Cast', v, 'one', toFloat), node('Cast', v, 'two', toFloat)], half),
    ['one', 'top'],
  ],
};

const count = 12;
const x = normal(3, 'x', [count, side], 1);
const labels = Int32Array.from({ length: count }, (_, i) => i % 3);
const config = { ...fineTuningDefaults, learningRate: 0.1, batchSize: count, epochs: 3 };

describe('a weight that two layers read through', async () => {
  const runtime = await nodeRuntime();
  const run = async (made: Model) =>
    (await (await runtime.load(made)).run({ image: x }))['scores']?.data as Float32Array;

  it.each(Object.entries(ways))('%s is one weight', async (_, [source, names]) => {
    const read = readModel(writeModel(source));
    const network = classifierNetwork(read, { classes: 3, head: 'keep', seed: 1 });
    expect([...trainableWeights(network.graph).keys()]).toEqual(names);
    const batch = { image: x, [labelsName]: tensor('int64', [count], [...labels]) };
    const trained = await trainClassifier({
      runtime,
      network,
      config,
      batches: { stepsPerEpoch: 1, batch: () => batch },
    });
    expect([...trained.parameters.keys()].toSorted()).toEqual(names.toSorted());
    // The saved file computes what the trained weight, put into the file as it came, computes.
    const name = names[0] ?? '';
    const weight = trained.parameters.get(name) as Tensor<'float32'>;
    const before = network.graph.initializers.get(name) as Tensor<'float32'>;
    expect(weight.data).not.toEqual(before.data);
    const top = trained.parameters.get('top') as Tensor;
    const isTurned = name === 'one' && source.graph.nodes[0]?.op === 'Transpose';
    const v = isTurned ? turned(weight) : weight;
    const nodes = source.graph.nodes.map((each) =>
      each.op === 'Cast' ? { ...each, op: 'Identity', attributes: {} } : each,
    );
    const initializers = new Map<string, Tensor>([
      ['v', v],
      ['top', top],
    ]);
    const expected = await run(model({ ...source.graph, nodes, initializers }));
    const saved = await run(readModel(writeModel(trained.model())));
    saved.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 5);
    });
  });

  it('is copied where it is of one number, since exporters merge what is equal', () => {
    const ones = tensor('float32', [side, side], new Array(side * side).fill(0.5));
    const made = twoLayers((v) => [node('Identity', v, 'one'), node('Identity', v, 'two')], ones);
    const { graph } = classifierNetwork(made, { classes: 3, head: 'keep', seed: 1 });
    expect([...trainableWeights(graph).keys()]).toEqual(['one', 'two', 'top']);
  });

  it('cannot be replaced where the head is one of the layers', () => {
    const b = builder();
    const image = b.input('image', 'float32', ['batch', side]);
    const [w, u] = [b.initializer('w', shared), b.initializer('u', shared)];
    b.output(b.MatMul(b.Tanh(b.MatMul(image, w)), u), 'scores');
    const made = b.build('tied');
    const nodes = [node('Transpose', 'w', 'u'), ...made.nodes];
    const source = model({ ...made, nodes, initializers: new Map([['w', shared]]) });
    const kept = classifierNetwork(source, { classes: side, head: 'keep', seed: 1 });
    expect(kept.head).toMatchObject({ weight: 'w', classes: side, axis: 1 });
    expect(() => classifierNetwork(source, { classes: 2, head: 'new', seed: 1 })).toThrow(
      /weights "w" serve .*cannot be replaced\. Keep the head \(--head keep\)/,
    );
  });
});

function turned({ data }: Tensor<'float32'>): Tensor<'float32'> {
  const at = (_: number, i: number) => data[(i % side) * side + Math.floor(i / side)] ?? 0;
  return tensor('float32', [side, side], Array.from({ length: side * side }, at));
}
