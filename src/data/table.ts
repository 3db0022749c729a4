/** The data sets that can be named, one line each. */
import { fetchedDataset } from './fetched-dataset.js';
import { folder } from './folder-dataset.js';
import { mnist } from './mnist-dataset.js';

export const datasets = {
  folder,
  mnist,
  // As many labels as the papers on learning from few have with each (Rasmus et al. 2015 with CIFAR-10).
  cifar10: fetchedDataset('cifar10', 4000),
  'fashion-mnist': fetchedDataset('fashion-mnist', 100),
  svhn: fetchedDataset('svhn', 1000),
} as const;

/** Name of a data set in the table. */
export type DatasetName = keyof typeof datasets;
