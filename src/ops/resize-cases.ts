/** Gradient-check cases of Resize: every mode that it names. */
import { tensor } from '../tensor/tensor.js';
import { list } from './cases.js';
import type { Case, CaseInput } from './op.js';
import type { ResizeAttributes } from './resize-geometry.js';

const floats = (...values: readonly number[]): CaseInput => ({
  fixed: tensor('float32', [values.length], values),
});
const scaled = (shape: readonly number[], ...scales: readonly number[]) => [
  shape,
  null,
  floats(...scales),
];
const sized = (shape: readonly number[], ...sizes: readonly number[]) => [
  shape,
  null,
  null,
  list(...sizes),
];

const coordinates = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
] as const;
const modes = ['nearest', 'linear', 'cubic'] as const;
const roundings = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const;

const crops: Case<ResizeAttributes>[] = modes.map((mode) => ({
  inputs: [[1, 2, 5, 6], floats(0, 0, 0.2, -0.2, 1, 1, 0.7, 1.1), null, list(1, 2, 4, 7)],
  attributes: { mode, coordinate_transformation_mode: 'tf_crop_and_resize' },
}));

export const resizeCases: readonly Case<ResizeAttributes>[] = [
  ...coordinates.flatMap((coordinate_transformation_mode) =>
    modes.flatMap((mode) =>
      [
        scaled([1, 2, 3, 4], 1, 1, 2, 2.6),
        scaled([1, 2, 6, 7], 1, 1, 0.6, 0.5),
        sized([1, 2, 4, 5], 1, 2, 7, 3),
      ].map((inputs) => ({ inputs, attributes: { mode, coordinate_transformation_mode } })),
    ),
  ),
  ...roundings.flatMap((nearest_mode) => [
    { inputs: scaled([1, 1, 4, 6], 1, 1, 2, 0.5), attributes: { nearest_mode } },
    {
      inputs: sized([1, 1, 6, 3], 1, 1, 4, 6),
      attributes: { nearest_mode, coordinate_transformation_mode: 'asymmetric' },
    },
  ]),
  ...crops,
  {
    inputs: [[1, 1, 5, 6], floats(0.1, 0.2, 0.9, 1.3), floats(2, 1.5)],
    attributes: {
      axes: [2, 3],
      mode: 'linear',
      coordinate_transformation_mode: 'tf_crop_and_resize',
      extrapolation_value: 3,
    },
  },
  ...[-0.5, -0.75].flatMap((cubic_coeff_a) =>
    [0, 1].map((exclude_outside) => ({
      inputs: scaled([1, 1, 5, 4], 1, 1, 1.5, 2),
      attributes: { mode: 'cubic', cubic_coeff_a, exclude_outside },
    })),
  ),
  ...(['not_larger', 'not_smaller'] as const).map((keep_aspect_ratio_policy) => ({
    inputs: sized([1, 2, 4, 5], 7, 6),
    attributes: { keep_aspect_ratio_policy, axes: [2, 3], mode: 'linear' },
  })),
  ...(['linear', 'cubic'] as const).flatMap((mode) =>
    [0, 1].map((exclude_outside) => ({
      inputs: scaled([1, 1, 7, 8], 1, 1, 0.6, 0.4),
      attributes: { mode, exclude_outside, antialias: 1 },
    })),
  ),
  { inputs: scaled([2, 3, 5], 1, 1, 2), attributes: { mode: 'linear' } },
  { inputs: scaled([3, 4], 2, 0.5), attributes: { mode: 'nearest' } },
  { inputs: scaled([1, 1, 3, 2, 4], 1, 1, 2, 1.5, 0.5), attributes: { mode: 'linear' } },
  { inputs: scaled([1, 2, 3, 4], 1, 1, 1, 1) },
];
