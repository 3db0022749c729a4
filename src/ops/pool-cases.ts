/** Gradient-check cases that the pools over windows share: every kind of window, in one to three dimensions. */
import type { Case, CaseInput } from './op.js';
import type { WindowAttributes } from './window.js';

/** Cases of a pool; `input` makes the input of a shape. */
export const windowCases = (
  input: (...shape: number[]) => CaseInput,
): readonly Case<WindowAttributes>[] => [
  { inputs: [input(2, 3, 4, 6)], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
  { inputs: [input(2, 2, 7, 7)], attributes: { kernel_shape: [3, 3], strides: [2, 2] } },
  {
    inputs: [input(1, 2, 6, 6)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
  },
  { inputs: [input(1, 2, 5, 4)], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
  {
    inputs: [input(1, 1, 6, 7)],
    attributes: { kernel_shape: [3, 2], strides: [2, 3], pads: [0, 1, 2, 0] },
  },
  {
    inputs: [input(1, 2, 7, 8)],
    attributes: { kernel_shape: [2, 3], dilations: [3, 2], pads: [1, 0, 0, 2] },
  },
  {
    inputs: [input(1, 1, 8, 9)],
    attributes: { kernel_shape: [3, 2], dilations: [2, 3], strides: [3, 2], ceil_mode: 1 },
  },
  {
    inputs: [input(1, 2, 5, 6)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' },
  },
  {
    inputs: [input(1, 2, 5, 6)],
    attributes: { kernel_shape: [2, 3], strides: [2, 1], auto_pad: 'SAME_LOWER' },
  },
  {
    inputs: [input(1, 2, 5, 6)],
    attributes: { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'VALID', ceil_mode: 1 },
  },
  { inputs: [input(2, 2, 9)], attributes: { kernel_shape: [4], strides: [3], pads: [2, 1] } },
  { inputs: [input(1, 2, 7, 5)], attributes: { kernel_shape: [3, 2], strides: [3, 2] } },
  // Windows that leave some elements out, and one that holds them all.
  { inputs: [input(2, 1, 11)], attributes: { kernel_shape: [2], strides: [4] } },
  { inputs: [input(2, 2, 3, 4)], attributes: { kernel_shape: [3, 4] } },
  { inputs: [input(1, 2, 4, 3)], attributes: { kernel_shape: [1, 1] } },
  {
    inputs: [input(1, 2, 4, 5, 3)],
    attributes: { kernel_shape: [2, 3, 2], strides: [2, 1, 1], pads: [0, 1, 0, 0, 1, 1] },
  },
];
