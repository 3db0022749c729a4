/** The commands in the order of their help, one line each. */
import type { Command } from '../command.js';
import { attackCommand } from './attack.js';
import { calibrateCommand } from './calibrate.js';
import { completion } from './completion.js';
import { convolutionalizeCommand } from './convolutionalize.js';
import { dataCheck } from './data-check.js';
import { dataGet } from './data-get.js';
import { dataList } from './data-list.js';
import { doctor } from './doctor.js';
import { evaluateCommand } from './evaluate.js';
import { exportCommand } from './export.js';
import { inspect } from './inspect.js';
import { oodCommand } from './ood.js';
import { ops } from './ops.js';
import { predict } from './predict.js';
import { probeCommand } from './probe.js';
import { start } from './start.js';
import { trainClassifierCommand } from './train-classifier.js';
import { trainConfidentCommand } from './train-confident.js';
import { trainFcnCommand } from './train-fcn.js';
import { trainHypercolumnCommand } from './train-hypercolumn.js';
import { trainLadder } from './train-ladder.js';

export const commands: readonly Command[] = [
  start,
  trainLadder,
  trainClassifierCommand,
  trainConfidentCommand,
  trainFcnCommand,
  trainHypercolumnCommand,
  predict,
  evaluateCommand,
  calibrateCommand,
  oodCommand,
  exportCommand,
  convolutionalizeCommand,
  probeCommand,
  attackCommand,
  inspect,
  ops,
  dataList,
  dataGet,
  dataCheck,
  doctor,
  completion,
];
