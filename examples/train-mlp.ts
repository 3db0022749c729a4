/**
 * A network of two layers on MNIST, from nothing but ONNX operators: build the loss, compile the training step,
 * train, and write the classifier as an ONNX file.
 *
 *     npx tsx examples/train-mlp.ts --steps 1200 --expect 0.04
 */
import { parseArgs } from 'node:util';
import {
  adam,
  type Builder,
  builder,
  compileStep,
  cosine,
  errorOf,
  ladderBatches,
  ladderConfig,
  type Model,
  model,
  normal,
  type Tensor,
  type TrainingStep,
  tensor,
  train,
  type Value,
} from 'espalier';
import { datasets, nodeRuntime, writeModelFile } from 'espalier/node';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1200' },
    expect: { type: 'string', default: '1' },
    output: { type: 'string', default: 'mlp.onnx' },
  },
});
const [seed, batchSize, hidden, pixels, classes] = [1, 100, 300, 784, 10];

/** The network, its weights new or as trained: (n, 784) to logits (n, 10). */
function network(b: Builder, x: Value, trained?: ReadonlyMap<string, Tensor>): Value {
  const weight = (name: string, dims: readonly number[], std: number): Value =>
    b.parameter(name, trained?.get(name) ?? normal(seed, name, dims, std));
  const layer = (h: Value, name: string, inputs: number, units: number): Value =>
    b.Gemm(
      h,
      weight(`${name}.W`, [inputs, units], inputs ** -0.5),
      weight(`${name}.b`, [units], 0),
    );
  return layer(b.Relu(layer(x, 'hidden', pixels, hidden)), 'top', hidden, classes);
}

function trainingStep(): TrainingStep {
  const b = builder();
  const labels = b.input('labels', 'int64', [batchSize]);
  const logits = network(b, b.input('labelled', 'float32', [batchSize, pixels]));
  const digits = b.constant(tensor('int64', [classes], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  const isLabel = b.Cast(b.Equal(b.Unsqueeze(labels, [1]), digits), { to: 1 });
  const picked = b.Mul(isLabel, b.LogSoftmax(logits, { axis: 1 }));
  const loss = b.Mul(b.ReduceSum(picked, null, { keepdims: 0 }), -1 / batchSize);
  return compileStep(b, { loss, optimizer: adam() });
}

function classifier(trained: ReadonlyMap<string, Tensor>): Model {
  const b = builder();
  const x = b.Flatten(b.input('pixel_values', 'float32', ['batch', 1, 28, 28]));
  b.output(b.Softmax(network(b, x, trained), { axis: 1 }), 'probabilities');
  return model(b.build('mlp'));
}

const runtime = await nodeRuntime();
const data = await datasets.mnist.load({ labels: 'all' });
const settings = { ...ladderConfig('all', 'supervised', pixels, classes), seed, batchSize };
const batches = ladderBatches(settings, data.labelled, null);
const { parameters, seconds } = await train({
  runtime,
  step: trainingStep(),
  batch: batches.batch,
  steps: Number(values.steps),
  stepsPerEpoch: batches.stepsPerEpoch,
  learningRate: 0.001,
  schedule: cosine,
  seed,
  reportEvery: 100,
  onEvent: (event) => {
    if (event.type === 'step')
      console.log(`step ${event.step}: loss ${event.losses['loss']?.toFixed(4)}`);
  },
});

const trainedModel = classifier(parameters);
await writeModelFile(values.output, trainedModel);
const session = await runtime.load(trainedModel);
const test = data.test ?? data.labelled; // MNIST has test images
const x = Float32Array.from(test.images, (byte) => byte / 255);
const result = await session.run({
  pixel_values: tensor('float32', [test.count, ...test.shape], x),
});
const error = errorOf(result['probabilities'] as Tensor<'float32'>, test);
console.log(`test error ${(100 * error).toFixed(2)} %, ${seconds.toFixed(1)} s, ${values.output}`);
process.exitCode = error > Number(values.expect) ? 1 : 0;
