/** What the record of attacks is taken of: classifiers with their test images, from the folder of shared data. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodedSource } from '../src/data/encoded-source.js';
import { pixelsOf } from '../src/data/image-batches.js';
import { type ImageSource, labelsOf } from '../src/data/image-source.js';
import { targetOf } from '../src/data/model-input.js';
import { openImages } from '../src/data/open-images.js';
import type { AuditImage } from '../src/methods/attack/audit.js';
import type { WhiteBox } from '../src/methods/attack/model.js';
import { onnxBox } from '../src/methods/attack/onnx-box.js';
import type { Preprocessing } from '../src/onnx/metadata.js';
import { readModelFile } from '../src/runs/model-file.js';
import { nodeRuntime } from '../src/runtime/node.js';

export type SubjectName = 'cifar10' | 'mnist' | 'photos';

interface Subject {
  readonly file: string;
  readonly preprocessing: Preprocessing;
  /** Images at a time: fixed, since sums in another order round differently. */
  readonly bestBatch: number;
}

const layout = 'NCHW';

/** As shared/data/README.md has them. */
const subjects: Readonly<Record<SubjectName, Subject>> = {
  cifar10: {
    file: 'cifar10-resnet20.onnx',
    preprocessing: {
      ...{ layout, channels: 3, height: 32, width: 32, colour: 'rgb' },
      ...{ scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    },
    bestBatch: 32,
  },
  mnist: {
    file: 'mnist.onnx',
    preprocessing: {
      ...{ layout, channels: 1, height: 28, width: 28, colour: 'grey' },
      ...{ scale: 1, mean: [0], std: [1] },
    },
    bestBatch: 32,
  },
  photos: {
    file: 'squeezenet1.1.onnx',
    preprocessing: {
      ...{ layout, channels: 3, height: 227, width: 227, colour: 'rgb' },
      ...{ scale: 1, mean: [122.679, 116.669, 104.007], std: [1, 1, 1] },
    },
    bestBatch: 8,
  },
};

export interface OpenSubject {
  readonly box: WhiteBox;
  /** At most `count` test images from the first on. */
  images(count: number): Promise<AuditImage[]>;
}

/** Opens a classifier on one thread. @param shared the folder of shared data */
export async function openSubject(name: SubjectName, shared: string): Promise<OpenSubject> {
  const { file, preprocessing, bestBatch } = subjects[name];
  const model = await readModelFile(join(shared, 'models', file));
  const session = { threads: 1 };
  const runtime = await nodeRuntime();
  const box = await onnxBox({ runtime, model, name: file, preprocessing, bestBatch, session });
  const source = name === 'photos' ? await photos(shared) : await testImages(name);
  const { height, width, channels } = preprocessing;
  const size = channels * height * width;
  const labels = labelsOf(source);
  return {
    box,
    async images(wanted) {
      const count = Math.min(wanted, source.count);
      const all = await pixelsOf(source, targetOf(preprocessing), 0, count);
      return Array.from({ length: count }, (_, i) => ({
        image: all.slice(i * size, (i + 1) * size),
        label: labels[i] ?? -1,
      }));
    },
  };
}

async function testImages(name: 'cifar10' | 'mnist'): Promise<ImageSource> {
  const { test, train } = await openImages(name);
  return test ?? train;
}

/** The sample of photographs, with the classes that its table gives. */
async function photos(shared: string): Promise<ImageSource> {
  const folder = join(shared, 'imagenet-sample');
  const table = await readFile(join(folder, 'labels.csv'), 'utf8');
  const lines = table.trim().split('\n').slice(1);
  return encodedSource(
    lines.map((line) => {
      const [file = '', label] = line.trim().split(',');
      return { name: file, label: Number(label), content: join(folder, file) };
    }),
  );
}
