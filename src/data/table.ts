/** The data sets that can be named, one line each. */
import { folder } from './folder-dataset.js';
import { mnist } from './mnist-dataset.js';

export const datasets = { folder, mnist } as const;

/** Name of a data set in the table. */
export type DatasetName = keyof typeof datasets;
