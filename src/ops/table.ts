/** Every operator that Espalier knows, one line each. To add one: its entry in a file of this folder, and a line here. */
import * as elementwise from './elementwise.js';

export const ops = { ...elementwise };

export type Ops = typeof ops;
export type OpName = keyof Ops;
