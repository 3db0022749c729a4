/** Resize: images, or any axes, to another size. */
import { ShapeError } from '../errors.js';
import { type InferContext, reshaped } from '../graph/op-rules.js';
import { sameShape } from '../tensor/shape.js';
import { toNumbers } from '../tensor/tensor.js';
import { dimsOf, lengthOf, nameOf, unknownDims } from './dims.js';
import { knownNumbers } from './emit.js';
import { checkNumber } from './infer.js';
import { float, int, ints, type Op, string } from './op.js';
import { type FieldContext, type FieldResult, throughResampling } from './receptive-field.js';
import { eachAxis } from './receptive-field-rules.js';
import { backAlong } from './resize-axis.js';
import { resizeCases } from './resize-cases.js';
import {
  type ResizeAttributes,
  type ResizeTarget,
  resizedAxes,
  resizedShape,
  transformations,
} from './resize-geometry.js';
import { resizeMatrix, roundings } from './resize-weights.js';

const named = {
  coordinate_transformation_mode: Object.keys(transformations),
  keep_aspect_ratio_policy: ['stretch', 'not_larger', 'not_smaller'],
  mode: ['nearest', 'linear', 'cubic'],
  nearest_mode: Object.keys(roundings),
} as const;

/** @throws ShapeError for a name that the specification does not have. */
function checkNames(attributes: ResizeAttributes): void {
  for (const [name, values] of Object.entries(named)) {
    const value = attributes[name as keyof typeof named];
    if (!(values as readonly string[]).includes(value))
      throw new ShapeError(`unknown ${name} "${value}". Use ${values.join(', ')}`, {
        expected: values,
        actual: value,
      });
  }
}

type Context = InferContext<ResizeAttributes>;

/** What the other inputs hold; null where scales or sizes are only computed. */
function targetOf({ inputs, constant, dims, attributes }: Context): ResizeTarget | null {
  const isCrop = attributes.coordinate_transformation_mode === 'tf_crop_and_resize';
  if ((inputs[2] === null || inputs[2] === undefined) === !inputs[3])
    throw new ShapeError('give either scales or sizes');
  const numbers = (i: number) => {
    const data = inputs[i] ? constant(i) : null;
    return data && toNumbers(data);
  };
  const [roi, scales] = [isCrop ? numbers(1) : null, numbers(2)];
  if (inputs[2]) return scales && (!isCrop || roi) ? { roi, scales } : null;
  const sizes = dims(3);
  return sizes && { roi, sizes };
}

export const Resize: Op<['X', 'roi?', 'scales?', 'sizes?'], ResizeAttributes> = {
  inputs: ['X', 'roi?', 'scales?', 'sizes?'],
  attributes: {
    antialias: int(0),
    axes: ints(),
    coordinate_transformation_mode: string('half_pixel'),
    cubic_coeff_a: float(-0.75),
    exclude_outside: int(0),
    extrapolation_value: float(0),
    keep_aspect_ratio_policy: string('stretch'),
    mode: string('nearest'),
    nearest_mode: string('round_prefer_floor'),
  },
  since: 19,
  infer(context) {
    const { attributes } = context;
    const x = checkNumber(context.input(0));
    checkNames(attributes);
    const target = targetOf(context);
    if (target) return reshaped(x, resizedShape(x.shape, attributes, target));
    const by = context.input(context.inputs[2] ? 2 : 3);
    lengthOf(by, context.inputs[2] ? 'scales' : 'sizes');
    return reshaped(x, unknownDims(`resize(${nameOf(x)}, ${nameOf(by)})`, x.shape.length));
  },
  field: resizedField,
  gradient({ b, x: [x, , scales, sizes], y, dy, constant, attributes }) {
    const isCrop = attributes.coordinate_transformation_mode === 'tf_crop_and_resize';
    const target = {
      roi: isCrop ? knownNumbers(constant(1), 'roi') : null,
      scales: scales && knownNumbers(constant(2), 'scales'),
      sizes: sizes && knownNumbers(constant(3), 'sizes'),
    };
    // The runtime copies where the shape stays, whatever scales and regions say.
    if (sameShape(x.shape, y.shape)) return [dy, null, null, null];
    const axes = resizedAxes(dimsOf(x), attributes, target, dimsOf(y));
    const dx = axes.reduceRight(
      (gradient, axis) => backAlong(b, gradient, axis.axis, resizeMatrix(axis, attributes)),
      dy,
    );
    return [dx, null, null, null];
  },
  cases: resizeCases,
};

/** Between pixels: a position of `nearest` sees one within 1, of `linear` two, of `cubic` four. */
function resizedField(context: FieldContext<ResizeAttributes>): FieldResult {
  const { fields, inputs, output, attributes, constant } = context;
  const [field, ...others] = fields;
  const { shape = [] } = inputs[0] ?? {};
  const { coordinate_transformation_mode: mode } = attributes;
  const isPlain = mode !== 'tf_crop_and_resize' && attributes.antialias === 0;
  if (!field || others.some((other) => other) || !isPlain) return 'unknown';
  const data = inputs[2] ? constant(2) : null;
  const scales = data && toNumbers(data);
  const reach = attributes.mode === 'cubic' ? 2 : 1;
  return eachAxis(field, (each) => {
    if (each.axis === null) return each;
    const [size, length] = [shape[each.axis], output.shape[each.axis]];
    if (size === length) return each;
    const at = attributes.axes ? attributes.axes.indexOf(each.axis) : each.axis;
    const known = typeof size === 'number' && typeof length === 'number';
    const aligned = mode === 'align_corners';
    const ends = aligned ? 1 : 0;
    const ratio = known ? (length - ends) / (size - ends) : undefined;
    const scale = (aligned ? undefined : scales?.[at]) ?? ratio;
    if (each.merged || !scale || !Number.isFinite(scale)) return null;
    const shift = mode.includes('half_pixel') ? 0.5 / scale - 0.5 : 0;
    const count = typeof length === 'number' ? length : null;
    return { ...throughResampling(each, { scale, shift, reach }), count };
  });
}
