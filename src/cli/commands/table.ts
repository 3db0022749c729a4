/** The commands in the order of their help, one line each. */
import type { Command } from '../command.js';

export const commands: readonly Command[] = [];
