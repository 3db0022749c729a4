/** Convolutions: Conv and ConvTranspose, which is Conv's gradient by its input. */
import { ShapeError } from '../errors.js';
import type { TensorType, Value } from '../graph/graph.js';
import { type InferContext, reshaped } from '../graph/op-rules.js';
import { isFloat } from '../tensor/dtype.js';
import { type Dim, formatShape, type Shape, sizeOf } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { type Convolution, windowsOf } from './convolution-form.js';
import { inputGradient } from './convolution-input.js';
import { weightGradient } from './convolution-weight.js';
import { type CostContext, outputSize } from './cost.js';
import { dimsOf, equalDims, multiplyDims, sameDType } from './dims.js';
import { int, ints, type Op, string } from './op.js';
import { slidingField, spreadingField } from './receptive-field-window.js';
import {
  type TransposedAttributes,
  transposedDims,
  transposedWindow,
  type WindowAttributes,
  windowDims,
  windowOf,
} from './window.js';

/** Attributes of Conv. */
export interface ConvAttributes extends Omit<WindowAttributes, 'ceil_mode'> {
  readonly group: number;
}

const attributes = {
  auto_pad: string('NOTSET'),
  dilations: ints(),
  group: int(1),
  kernel_shape: ints(),
  pads: ints(),
  strides: ints(),
};

/** What both operators ask of their inputs. @returns the spatial dimensions of X and W. */
function checkInputs(context: InferContext<ConvAttributes>): { spatial: Shape; kernel: Shape } {
  const [x, w] = [context.input(0), context.input(1)];
  const { group } = context.attributes;
  if (!isFloat(x.dtype)) throw new ShapeError(`dtype must be a float, got ${x.dtype}`);
  sameDType(x, w);
  if (x.shape.length < 3 || w.shape.length !== x.shape.length)
    throw new ShapeError(
      `X must be (batch, channels, sizes…) and W of the same rank, got ${formatShape(x.shape)} and ${formatShape(w.shape)}`,
      { expected: x.shape.length, actual: w.shape },
    );
  if (!Number.isInteger(group) || group < 1)
    throw new ShapeError(`group must be 1 or more, got ${group}`, { actual: group });
  return { spatial: x.shape.slice(2), kernel: w.shape.slice(2) };
}

/** A bias holds one number for every output channel. */
function checkBias({ inputs, input }: InferContext<ConvAttributes>, channels: Dim): void {
  if (!inputs[2]) return;
  const { shape } = input(2);
  sameDType(input(0), input(2));
  if (shape.length !== 1)
    throw new ShapeError(`B must be a list, got shape ${formatShape(shape)}`, { actual: shape });
  equalDims(channels, shape[0] ?? 1, 'output channels and elements of B');
}

/** @throws ShapeError where `channels` cannot be split into `group` parts. */
function checkGroups(what: string, channels: Dim, group: number): void {
  if (typeof channels === 'number' && channels % group !== 0)
    throw new ShapeError(`${channels} ${what} do not split into ${group} groups`, {
      expected: group,
      actual: channels,
    });
}

/** By the bias: the sum over batch and positions. */
const biasGradient = (b: Builder, dy: Value): Value =>
  b.ReduceSum(dy, [0, ...dy.shape.slice(2).map((_, i) => i + 2)], { keepdims: 0 });

function convForm(x: TensorType, w: TensorType, given: ConvAttributes): Convolution {
  const spatial = dimsOf(x).slice(2);
  return { window: windowOf(given, spatial, dimsOf(w).slice(2)), spatial, group: given.group };
}

export const Conv: Op<['X', 'W', 'B?'], ConvAttributes> = {
  inputs: ['X', 'W', 'B?'],
  attributes,
  infer(context) {
    const { spatial, kernel } = checkInputs(context);
    const [x, w] = [context.input(0), context.input(1)];
    const { group } = context.attributes;
    const [batch = 1, channels = 1] = x.shape;
    const [made = 1, each = 1] = w.shape;
    equalDims(channels, multiplyDims([each, group]), `channels of X and ${group} times those of W`);
    checkGroups('output channels', made, group);
    checkBias(context, made);
    return reshaped(x, [batch, made, ...windowDims(context.attributes, spatial, kernel)]);
  },
  field: (context) => slidingField(context, true),
  macs: (context) => outputSize(context) * kernelSize(context),
  gradient({ b, x: [x, w, bias], dy, needs, attributes: given }) {
    const form = convForm(x, w, given);
    return [
      needs[0] ? inputGradient(b, dy, w, form) : null,
      needs[1] ? weightGradient(b, x, dy, form) : null,
      bias && needs[2] ? biasGradient(b, dy) : null,
    ];
  },
  cases: [
    { inputs: [[2, 3, 5], [4, 3, 3], [4]] },
    {
      inputs: [
        [1, 2, 6],
        [2, 2, 3],
      ],
      attributes: { strides: [2], pads: [1, 2], dilations: [2] },
    },
    { inputs: [[2, 2, 5, 4], [3, 2, 3, 3], [3]], attributes: { pads: [1, 1, 1, 1] } },
    {
      inputs: [[1, 4, 6, 5], [6, 2, 3, 2], [6]],
      attributes: { group: 2, strides: [2, 1], pads: [1, 0, 0, 1], kernel_shape: [3, 2] },
    },
    {
      inputs: [[2, 4, 5, 5], [4, 1, 3, 3], [4]],
      attributes: { group: 4, strides: [2, 2], auto_pad: 'SAME_LOWER' },
    },
    {
      inputs: [
        [2, 3, 5, 6],
        [6, 1, 3, 3],
      ],
      attributes: { group: 3, pads: [1, 1, 1, 1] },
    },
    {
      inputs: [
        [1, 2, 8, 7],
        [2, 2, 5, 4],
      ],
      attributes: { strides: [3, 2], pads: [2, 1, 0, 3] },
    },
    {
      inputs: [
        [1, 2, 5, 5],
        [2, 2, 2, 2],
      ],
      attributes: { strides: [3, 3], auto_pad: 'VALID' },
    },
    {
      inputs: [
        [2, 3, 5, 4],
        [2, 3, 1, 1],
      ],
    },
    {
      inputs: [
        [1, 2, 5, 4],
        [3, 2, 1, 1],
      ],
      attributes: { strides: [2, 2] },
    },
    {
      inputs: [
        [1, 2, 4, 5],
        [2, 2, 2, 3],
      ],
      attributes: { auto_pad: 'SAME_UPPER', strides: [1, 2] },
    },
    {
      inputs: [
        [1, 1, 3, 3],
        [1, 1, 2, 2],
      ],
      attributes: { pads: [3, 3, 2, 4] },
    },
    {
      inputs: [[1, 2, 3, 4, 3], [2, 2, 2, 3, 2], [2]],
      attributes: { strides: [1, 2, 1], pads: [0, 1, 1, 1, 1, 0] },
    },
  ],
};

/** Attributes of ConvTranspose. */
export interface ConvTransposeAttributes extends Omit<TransposedAttributes, 'ceil_mode'> {
  readonly group: number;
}

export const ConvTranspose: Op<['X', 'W', 'B?'], ConvTransposeAttributes> = {
  inputs: ['X', 'W', 'B?'],
  attributes: { ...attributes, output_padding: ints(), output_shape: ints() },
  infer(context) {
    const { spatial, kernel } = checkInputs(context);
    const [x, w] = [context.input(0), context.input(1)];
    const { group } = context.attributes;
    const [batch = 1, channels = 1] = x.shape;
    const [taken = 1, each = 1] = w.shape;
    equalDims(channels, taken, 'channels of X and of W');
    checkGroups('input channels', channels, group);
    const made = multiplyDims([each, group]);
    checkBias(context, made);
    return reshaped(x, [batch, made, ...transposedDims(context.attributes, spatial, kernel)]);
  },
  field: spreadingField,
  macs: (context) => sizeOf(context.inputs[0] ?? []) * kernelSize(context),
  gradient({ b, x: [x, w, bias], y, dy, needs, attributes: given }) {
    const window = transposedWindow(given, dimsOf(x).slice(2), dimsOf(w).slice(2));
    // Conv would take y's shape to x's, so its gradients serve with the two exchanged.
    const form = { window, spatial: dimsOf(y).slice(2), group: given.group };
    return [
      needs[0] ? windowsOf(b, dy, w, form) : null,
      needs[1] ? weightGradient(b, dy, x, form) : null,
      bias && needs[2] ? biasGradient(b, dy) : null,
    ];
  },
  cases: [
    { inputs: [[2, 3, 4], [3, 2, 3], [2]] },
    {
      inputs: [
        [1, 2, 3],
        [2, 2, 4],
      ],
      attributes: { strides: [2], pads: [2, 1], dilations: [2], output_padding: [1] },
    },
    {
      inputs: [[1, 2, 3, 3], [2, 3, 3, 3], [3]],
      attributes: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
    },
    {
      inputs: [
        [2, 4, 3, 2],
        [4, 2, 2, 3],
      ],
      attributes: { group: 2, strides: [2, 1], auto_pad: 'SAME_UPPER' },
    },
    {
      inputs: [
        [1, 3, 3, 3],
        [3, 1, 4, 4],
      ],
      attributes: { group: 3, strides: [2, 2], auto_pad: 'SAME_LOWER' },
    },
    {
      inputs: [
        [1, 2, 3, 3],
        [2, 1, 3, 3],
      ],
      attributes: { strides: [2, 2], output_shape: [6, 8] },
    },
    {
      inputs: [
        [1, 2, 2, 3, 2],
        [2, 1, 2, 2, 3],
      ],
      attributes: { strides: [1, 2, 1], pads: [0, 1, 1, 1, 0, 0] },
    },
  ],
};

/** Numbers of W for each element of its first axis: multiply-adds of an output of Conv, an input of ConvTranspose. */
const kernelSize = ({ inputs: [, w = []] }: CostContext): number => sizeOf(w.slice(1));
