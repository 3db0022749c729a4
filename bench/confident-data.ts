/** What the records of confident classifiers train on and are judged by: MNIST or CIFAR-10, and the sets from outside. */
import { dirname } from 'node:path';
import type { ImageSource } from '../src/data/image-source.js';
import { openImages } from '../src/data/open-images.js';
import type { ConfidentConfig } from '../src/methods/confident/config.js';
import type { Preprocessing } from '../src/onnx/metadata.js';
import { colourSets, tinted } from './colour-sets.js';
import { type OutsideSet, outsideSets } from './outside-sets.js';

export interface ConfidentData {
  readonly train: ImageSource;
  readonly test: ImageSource;
  /** Images from outside that the confidence loss is given. */
  readonly seen: ImageSource;
  readonly sets: readonly OutsideSet[];
  /** Channels, height, width. */
  readonly image: readonly [number, number, number];
  readonly preprocessing: Preprocessing;
  /** Settings that differ from the preset for two cores. */
  readonly settings: Partial<ConfidentConfig>;
}

const pixels = { layout: 'NCHW', scale: 1 / 255 } as const;

/** @param notmnist its folder; CIFAR-10 looks for photos beside it */
async function mnistData(notmnist: string): Promise<ConfidentData> {
  const { train, test } = await openImages('mnist');
  const fashion = await openImages('fashion-mnist');
  const judged = test ?? train;
  return {
    ...{ train, test: judged, seen: fashion.train, image: [1, 28, 28], settings: {} },
    sets: await outsideSets(judged, fashion.test ?? fashion.train, notmnist),
    preprocessing: {
      ...pixels,
      channels: 1,
      height: 28,
      width: 28,
      colour: 'grey',
      mean: [0],
      std: [1],
    },
  };
}

async function cifar10Data(notmnist: string): Promise<ConfidentData> {
  const { train, test } = await openImages('cifar10');
  const digits = await openImages('mnist');
  const fashion = await openImages('fashion-mnist');
  const judged = test ?? train;
  const [unseen, clothes] = [digits.test ?? digits.train, fashion.test ?? fashion.train];
  return {
    ...{
      train,
      test: judged,
      seen: tinted(digits.train, 'digits to train with'),
      image: [3, 32, 32],
    },
    sets: await colourSets(judged, unseen, clothes, dirname(notmnist)),
    preprocessing: {
      ...{ ...pixels, channels: 3, height: 32, width: 32, colour: 'rgb' },
      ...{ mean: [0, 0, 0], std: [1, 1, 1] },
    },
    // Official code.
    settings: { beta: 0.1 },
  };
}

export const confidentData = { mnist: mnistData, cifar10: cifar10Data } as const;
