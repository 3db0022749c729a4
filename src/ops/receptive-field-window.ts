/** Receptive fields of convolutions and pools, whose entries name one of these as their `field`. */
import { isStatic, type Shape } from '../tensor/shape.js';
import {
  type FieldContext,
  type FieldResult,
  type FieldWindow,
  throughTransposedWindow,
} from './receptive-field.js';
import { windowedField } from './receptive-field-rules.js';
import {
  type TransposedAttributes,
  transposedWindow,
  type Window,
  type WindowAttributes,
  windowOf,
} from './window.js';

/** Sizes that stand in for symbolic ones, on which stated pads do not depend. */
const anySize = 2 ** 20;

const listed = ({ kernel, strides, dilations, begin }: Window): FieldWindow[] =>
  kernel.map((size, i) => ({
    kernel: size,
    stride: strides[i] ?? 1,
    dilation: dilations[i] ?? 1,
    before: begin[i] ?? 0,
  }));

/** The spatial sizes, as far as windows depend on them; null where they do, and are symbolic. */
function spatialSizes(shape: Shape, { auto_pad: autoPad }: WindowAttributes) {
  const spatial = shape.slice(2);
  if (isStatic(spatial)) return spatial;
  return autoPad.startsWith('SAME') ? null : spatial.map((dim) => Number(dim) || anySize);
}

/** Of a convolution (whose second input is its kernels) or a pool. */
export function slidingField(
  context: FieldContext<WindowAttributes>,
  hasKernels: boolean,
): FieldResult {
  const { inputs, attributes } = context;
  const [x, w] = inputs;
  const spatial = x ? spatialSizes(x.shape, attributes) : null;
  if (!spatial) return 'unknown';
  const kernels = hasKernels ? w?.shape.slice(2) : undefined;
  return windowedField(context, listed(windowOf(attributes, spatial, kernels)));
}

/** Of ConvTranspose. */
export function spreadingField(context: FieldContext<TransposedAttributes>): FieldResult {
  const { inputs, attributes } = context;
  const [x, w] = inputs;
  const spatial = x ? spatialSizes(x.shape, attributes) : null;
  if (!spatial || !w || (attributes.output_shape && !isStatic(x?.shape.slice(2) ?? [])))
    return 'unknown';
  const windows = listed(transposedWindow(attributes, spatial, w.shape.slice(2)));
  return windowedField(context, windows, throughTransposedWindow);
}
