/** The commands in the order of their help, one line each. */
import type { Command } from '../command.js';
import { completion } from './completion.js';
import { doctor } from './doctor.js';
import { evaluateCommand } from './evaluate.js';
import { inspect } from './inspect.js';
import { ops } from './ops.js';
import { predict } from './predict.js';
import { start } from './start.js';
import { trainLadder } from './train-ladder.js';

export const commands: readonly Command[] = [
  start,
  trainLadder,
  predict,
  evaluateCommand,
  inspect,
  ops,
  doctor,
  completion,
];
