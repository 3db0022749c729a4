/**
 * What the attacks are timed on: a ResNet-20 and images of CIFAR-10 that it has right. With ESPALIER_DATA, or
 * ../shared/data beside the repository, and the images fetched, those; without, drawn weights and images, the labels being
 * what the network says: that is no classifier, but takes as long a query.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pixelsOf } from '../src/data/image-batches.js';
import { labelsOf } from '../src/data/image-source.js';
import { openImages } from '../src/data/open-images.js';
import { DataError, internal } from '../src/errors.js';
import { type Model, model } from '../src/graph/graph.js';
import { likeliest, logProbabilities } from '../src/methods/attack/answers.js';
import type { AuditImage } from '../src/methods/attack/audit.js';
import type { BlackBox } from '../src/methods/attack/model.js';
import { onnxBox } from '../src/methods/attack/onnx-box.js';
import { normal } from '../src/nn/init.js';
import type { Preprocessing } from '../src/onnx/metadata.js';
import { builder } from '../src/ops/builder.js';
import { readModelFile } from '../src/runs/model-file.js';
import { nodeRuntime } from '../src/runtime/node.js';
import type { Runtime } from '../src/runtime/runtime.js';
import { fillUniform, streamKey } from '../src/tensor/random.js';
import type { Tensor } from '../src/tensor/tensor.js';
import { zeros } from '../src/tensor/tensor.js';

const [channels, side, classes] = [3, 32, 10];
const size = channels * side * side;

const preprocessing: Preprocessing = {
  ...{ layout: 'NCHW', channels, height: side, width: side, colour: 'rgb' },
  ...{ scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
};

export interface AttackSubject {
  readonly model: Model;
  readonly isReal: boolean;
  readonly images: readonly AuditImage[];
  /** One session of so many threads. */
  box(threads: number): Promise<BlackBox>;
  /** So many sessions, as `espalier attack` has them. */
  sessions(threads: number): Promise<BlackBox>;
}

/** Surer than this, and probabilities of many candidates are the same in float32: rounding then decides which is best. */
const surest = 0.999;

/** The network with the first `count` images that it has right and is not too sure of. */
export async function attackSubject(runtime: Runtime, count: number): Promise<AttackSubject> {
  const data =
    process.env['ESPALIER_DATA'] ?? fileURLToPath(new URL('../../shared/data', import.meta.url));
  const file = join(data, 'models/cifar10-resnet20.onnx');
  const source = existsSync(file) ? await testImages(20 + 8 * count) : null;
  const network = source ? await readModelFile(file) : drawnResnet();
  const ask = { model: network, name: 'ResNet-20', preprocessing };
  const box = (threads: number): Promise<BlackBox> =>
    onnxBox({ ...ask, runtime, session: { threads } });
  const onThreads = await nodeRuntime({ onThreads: true });
  const sessions = (count: number): Promise<BlackBox> =>
    onnxBox({ ...ask, runtime: onThreads, session: { threads: 1 }, sessions: count });
  const one = await box(1);
  const images: AuditImage[] = [];
  for (const { image, label } of source ?? drawnImages(count)) {
    const raw = await one.predict(Float32Array.from(image), 1);
    const logs = logProbabilities(raw, 1, one, () => undefined);
    const said = likeliest(logs);
    const isClear = said === label && (logs[said] ?? 0) < Math.log(surest);
    if (label < 0 || isClear) images.push({ image, label: said });
    if (images.length === count) break;
  }
  return { model: network, isReal: source !== null, images, box, sessions };
}

async function testImages(count: number): Promise<AuditImage[] | null> {
  const opened = await openImages('cifar10').catch((error: unknown) => {
    if (error instanceof DataError) return null;
    throw error;
  });
  if (!opened?.test) return null;
  const target = { height: side, width: side, channels: 3 } as const;
  const pixels = await pixelsOf(opened.test, target, 0, count);
  const labels = labelsOf(opened.test);
  return Array.from({ length: count }, (_, i) => ({
    image: pixels.slice(i * size, (i + 1) * size),
    label: labels[i] ?? -1,
  }));
}

function drawnImages(count: number): AuditImage[] {
  return Array.from({ length: count }, (_, i) => {
    const values = new Float32Array(size);
    fillUniform(values, streamKey(1, i, 'images'));
    return { image: Uint8Array.from(values, (value) => 255 * value), label: -1 };
  });
}

/** The same layers in the same order as the file has them; where the width doubles, every second place and zeros. */
function drawnResnet(): Model {
  const b = builder();
  let [number, x] = [0, b.input('image', 'float32', ['N', channels, side, side])];
  const conv = (from: number, to: number, stride: number): typeof x => {
    const name = `conv.${number++}`;
    const weight = normal(1, name, [to, from, 3, 3], Math.sqrt(2 / (9 * from)));
    return b.Conv(
      x,
      b.initializer(`${name}.weight`, weight as Tensor<'float32'>),
      b.initializer(`${name}.bias`, zeros('float32', [to])),
      { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [stride, stride] },
    );
  };
  x = b.Relu(conv(channels, 16, 1));
  let width = 16;
  for (const to of [16, 16, 16, 32, 32, 32, 64, 64, 64]) {
    const before = x;
    const stride = to === width ? 1 : 2;
    x = b.Relu(conv(width, to, stride));
    x = conv(to, to, 1);
    const kept =
      stride === 1 ? before : b.AveragePool(before, { kernel_shape: [1, 1], strides: [2, 2] });
    const more = (to - width) / 2;
    x = b.Relu(b.Add(x, stride === 1 ? kept : b.Pad(kept, [0, more, 0, 0, 0, more, 0, 0], null)));
    width = to;
  }
  const weight = b.initializer(
    'linear.weight',
    normal(1, 'linear', [classes, width], 0.3) as Tensor<'float32'>,
  );
  const bias = b.initializer('linear.bias', zeros('float32', [classes]));
  b.output(b.Gemm(b.Flatten(b.GlobalAveragePool(x)), weight, bias, { transB: 1 }), 'logits');
  return model(b.build('resnet20'));
}

/** Weights as the peer names them: convolutions in their order, then the linear layer. */
export function weightsOf({ graph }: Model): Map<string, Tensor<'float32'>> {
  const named = new Map<string, Tensor<'float32'>>();
  const put = (name: string, from: string | undefined): void => {
    const found = graph.initializers.get(from ?? '');
    if (found?.dtype !== 'float32') internal(`${name} is no weight of the network`);
    named.set(name, found as Tensor<'float32'>);
  };
  graph.nodes
    .filter(({ op }) => op === 'Conv')
    .forEach(({ inputs: [, weight, bias] }, i) => {
      put(`conv.${i}.weight`, weight);
      put(`conv.${i}.bias`, bias);
    });
  const last = graph.nodes.find(({ op }) => op === 'Gemm');
  put('linear.weight', last?.inputs[1]);
  put('linear.bias', last?.inputs[2]);
  return named;
}
