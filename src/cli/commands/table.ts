/** The commands in the order of their help, one line each. */
import type { Command } from '../command.js';
import { start } from './start.js';
import { trainLadder } from './train-ladder.js';

export const commands: readonly Command[] = [start, trainLadder];
