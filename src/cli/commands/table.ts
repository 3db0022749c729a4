/** The commands in the order of their help, one line each. */
import { type CommandEntry, entry } from '../command-entry.js';

export const commands: readonly CommandEntry[] = [
  entry('start', () => import('./start.js')),
  entry('train ladder', () => import('./train-ladder.js')),
  entry('train classifier', () => import('./train-classifier.js')),
  entry('train confident', () => import('./train-confident.js')),
  entry('train fcn', () => import('./train-fcn.js')),
  entry('train hypercolumn', () => import('./train-hypercolumn.js')),
  entry('predict', () => import('./predict.js')),
  entry('evaluate', () => import('./evaluate.js')),
  entry('calibrate', () => import('./calibrate.js')),
  entry('ood', () => import('./ood.js')),
  entry('export', () => import('./export.js')),
  entry('convolutionalize', () => import('./convolutionalize.js')),
  entry('probe', () => import('./probe.js')),
  entry('attack', () => import('./attack.js')),
  entry('inspect', () => import('./inspect.js')),
  entry('ops', () => import('./ops.js')),
  entry('data list', () => import('./data-list.js')),
  entry('data get', () => import('./data-get.js')),
  entry('data check', () => import('./data-check.js')),
  entry('doctor', () => import('./doctor.js')),
  entry('completion', () => import('./completion.js')),
];
