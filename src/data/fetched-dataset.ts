/** Known data sets of small images as tasks with few labels: all training images, some of them with their labels. */
import { DataError } from '../errors.js';
import { checkOptions, type Dataset } from './dataset.js';
import { knownSets } from './fetch/known.js';
import { type ImageSet, imageSize } from './image-set.js';
import type { ImageSource } from './image-source.js';
import { openImages } from './open-images.js';
import { splitLabelled } from './split.js';

/**
 * A data set of `espalier data list` whose images are in memory once they are read.
 * @param labels to learn from unless asked otherwise
 */
export function fetchedDataset<N extends string>(name: N, labels: number): Dataset & { name: N } {
  const known = knownSets.find((set) => set.name === name);
  const about = {
    name,
    title: known?.title ?? name,
    licence: known?.licence ?? '',
    needs: `espalier data get ${name}; or a folder with its files`,
    accepts: ['folder', 'labels', 'validation'],
    labels,
  } as const;
  return {
    ...about,
    async load(options = {}) {
      checkOptions(about, options);
      const { folder = name, validation = 0, seed = 0 } = options;
      const { train, test, classes, notes, skipped } = await openImages(folder);
      const set = await gather(train, classes);
      const parts = splitLabelled(set, { labels: options.labels ?? labels, validation, seed });
      return {
        ...{ ...parts, classes, shape: set.shape, notes, skipped },
        test: test && (await gather(test, classes)),
      };
    },
  };
}

/** All images of a source side by side. @throws DataError where they are not of one size. */
async function gather(source: ImageSource, classes: readonly string[]): Promise<ImageSet> {
  const { channels, height, width } = await source.decode(0);
  const shape = [channels, height, width] as const;
  const size = imageSize(shape);
  const images = new Uint8Array(source.count * size);
  const labels = new Int32Array(source.count);
  for (let i = 0; i < source.count; i++) {
    const image = await source.decode(i);
    if (image.height !== height || image.width !== width || image.channels !== channels)
      throw new DataError(
        `${source.name(i)} is ${image.width} x ${image.height} with ${image.channels} channels, and others ${width} x ${height} with ${channels}: take it as a folder of images, which are brought to one size`,
        { path: source.name(i), expected: shape },
      );
    images.set(image.pixels, i * size);
    labels[i] = source.label(i);
  }
  return { images, count: source.count, shape, labels, classes, names: null };
}
