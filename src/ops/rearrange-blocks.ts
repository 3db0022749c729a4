/** Blocks of pixels moved into channels and back. x is (batch, channels, height, width). */
import { ShapeError } from '../errors.js';
import { type InferContext, reshaped } from '../graph/op-rules.js';
import { type Dim, formatShape } from '../tensor/shape.js';
import { dimsOf, divideDims, multiplyDims } from './dims.js';
import { reshapedTo } from './emit.js';
import { int, type Op, required, string } from './op.js';
import {
  type AxisField,
  type FieldWindow,
  throughResampling,
  throughWindow,
} from './receptive-field.js';
import { windowedField } from './receptive-field-rules.js';

/** Attributes of SpaceToDepth. */
export interface BlockAttributes {
  readonly blocksize: number;
}

/** Attributes of DepthToSpace. */
export interface DepthToSpaceAttributes extends BlockAttributes {
  /** Whether the place in the block (DCR) or the output's channel (CRD) comes first in a channel's number. */
  readonly mode: string;
}

function imageDims({ input, attributes: { blocksize } }: InferContext<BlockAttributes>): Dim[] {
  const { shape } = input(0);
  if (shape.length !== 4)
    throw new ShapeError(
      `input must be (batch, channels, height, width), got ${formatShape(shape)}`,
      { expected: 4, actual: shape.length },
    );
  if (blocksize < 1)
    throw new ShapeError(`blocksize must be 1 or more, got ${blocksize}`, { actual: blocksize });
  return [...shape];
}

/** @throws ShapeError where the dimension is no multiple of `by`. */
function divided(what: string, dim: Dim, by: number): Dim {
  const quotient = divideDims([dim], [by]);
  if (quotient !== null) return quotient;
  throw new ShapeError(`${what} must be a multiple of ${by}, got ${dim}`, {
    expected: by,
    actual: dim,
  });
}

/** A block's pixels lie in one channel each, so that a channel sees less than the block: a bound. */
const throughBlock = (axis: AxisField, window: FieldWindow): AxisField => ({
  ...throughWindow(axis, window),
  exact: false,
});

/** Position p reads position floor(p / blocksize). */
const outOfBlock = (axis: AxisField, { stride }: FieldWindow): AxisField => {
  const reach = (stride - 1) / (2 * stride);
  return throughResampling(axis, { scale: stride, shift: -reach, reach });
};

const blocks = ({ blocksize }: BlockAttributes): FieldWindow[] =>
  [0, 1].map(() => ({ kernel: blocksize, stride: blocksize, dilation: 1, before: 0 }));

/** Channels into blocks of pixels. The gradient takes the blocks back, and for CRD puts whole channels in order. */
export const DepthToSpace: Op<['input'], DepthToSpaceAttributes> = {
  inputs: ['input'],
  attributes: { blocksize: required(int()), mode: string('DCR') },
  infer(context) {
    const { blocksize, mode } = context.attributes;
    const [batch = 1, channels = 1, ...spatial] = imageDims(context);
    if (mode !== 'DCR' && mode !== 'CRD')
      throw new ShapeError(`unknown mode "${mode}". Use DCR or CRD`, {
        expected: ['DCR', 'CRD'],
        actual: mode,
      });
    const left = divided('channels', channels, blocksize * blocksize);
    return reshaped(context.input(0), [
      batch,
      left,
      ...spatial.map((dim) => multiplyDims([dim, blocksize])),
    ]);
  },
  field: (context) => windowedField(context, blocks(context.attributes), outOfBlock),
  gradient({ b, x: [x], dy, attributes: { blocksize, mode } }) {
    const deep = b.SpaceToDepth(dy, { blocksize });
    if (mode === 'DCR') return [deep];
    const [batch = 1, channels = 1, height = 1, width = 1] = dimsOf(x);
    const places = blocksize * blocksize;
    const apart = reshapedTo(b, deep, [batch, places, channels / places, height * width]);
    return [reshapedTo(b, b.Transpose(apart, { perm: [0, 2, 1, 3] }), dimsOf(x))];
  },
  cases: [
    { inputs: [[2, 8, 2, 3]], attributes: { blocksize: 2 } },
    { inputs: [[2, 8, 2, 3]], attributes: { blocksize: 2, mode: 'CRD' } },
    { inputs: [[1, 18, 1, 2]], attributes: { blocksize: 3, mode: 'CRD' } },
    { inputs: [[1, 2, 3, 2]], attributes: { blocksize: 1 } },
  ],
};

/** Blocks of pixels into channels, the place in the block first in a channel's number: DepthToSpace's DCR undone. */
export const SpaceToDepth: Op<['input'], BlockAttributes> = {
  inputs: ['input'],
  attributes: { blocksize: required(int()) },
  infer(context) {
    const { blocksize } = context.attributes;
    const [batch = 1, channels = 1, height = 1, width = 1] = imageDims(context);
    return reshaped(context.input(0), [
      batch,
      multiplyDims([channels, blocksize * blocksize]),
      divided('height', height, blocksize),
      divided('width', width, blocksize),
    ]);
  },
  field: (context) => windowedField(context, blocks(context.attributes), throughBlock),
  gradient: ({ b, dy, attributes: { blocksize } }) => [b.DepthToSpace(dy, { blocksize })],
  cases: [
    { inputs: [[2, 3, 4, 6]], attributes: { blocksize: 2 } },
    { inputs: [[1, 2, 3, 6]], attributes: { blocksize: 3 } },
    { inputs: [[1, 2, 3, 2]], attributes: { blocksize: 1 } },
  ],
};
