/** The formats of labelled images, one line each; the first that recognizes the files reads them. */
import { cifar10Binary, cifar100Binary } from './cifar-binary.js';
import { cifarSprites } from './cifar-sprites.js';
import { classFolders } from './class-folders.js';
import type { Format } from './format.js';
import { idxFiles } from './idx-files.js';
import { parquet } from './parquet.js';
import { svhn } from './svhn.js';

export const formats: readonly Format[] = [
  cifar10Binary,
  cifar100Binary,
  cifarSprites,
  idxFiles,
  svhn,
  parquet,
  // Takes any folder, and says what is wrong with it.
  classFolders,
];
