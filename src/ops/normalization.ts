/** Layer normalization (Ba, Kiros, Hinton 2016), as operator set 17 has it. */
import { internal, ShapeError } from '../errors.js';
import { broadcastShapes, formatShape, normalizeAxis, sameShape } from '../tensor/shape.js';
import { scalar, type Tensor, tensor, toNumbers } from '../tensor/tensor.js';
import { dimsOf, sameDType } from './dims.js';
import { checkFloat, reducedShape } from './infer.js';
import { castTo } from './mask.js';
import { gradientOfStandard, type Standard } from './normalization-gradient.js';
import { float, type GradientContext, int, type Op } from './op.js';
import { contracted, mixedAlong } from './receptive-field-rules.js';

/** Attributes of LayerNormalization. */
export interface Attributes {
  /** First of the axes that are normalized; they reach to the last. */
  readonly axis: number;
  readonly epsilon: number;
  readonly stash_type: number;
}
type Inputs = ['X', 'Scale', 'B?'];

const axesFrom = (axis: number, rank: number): number[] => {
  const first = normalizeAxis(axis, rank);
  return Array.from({ length: rank - first }, (_, i) => first + i);
};

/**
 * y = x̂ Scale + B with x̂ = (x - Mean) InvStdDev. With g = Scale dy and means over the normalized axes,
 * dx = InvStdDev (g - mean g - x̂ mean(g x̂)). Mean and InvStdDev may have gradients of their own: they have
 * when a gradient that uses them is differentiated again.
 */
export const LayerNormalization: Op<Inputs, Attributes> = {
  inputs: ['X', 'Scale', 'B?'],
  outputs: ['Y', 'Mean?', 'InvStdDev?'],
  attributes: { axis: int(-1), epsilon: float(1e-5), stash_type: int(1) },
  infer({ input, inputs, attributes: { axis } }) {
    const x = checkFloat(input(0));
    const axes = axesFrom(axis, x.shape.length);
    for (const other of [input(1), inputs[2]]) {
      if (!other) continue;
      sameDType(x, other);
      if (!sameShape(broadcastShapes(x.shape, other.shape), x.shape))
        throw new ShapeError(
          `Scale and B must broadcast to X ${formatShape(x.shape)}, got ${formatShape(other.shape)}`,
          { expected: x.shape, actual: other.shape },
        );
    }
    const statistic = { dtype: 'float32' as const, shape: reducedShape(x.shape, axes, true) };
    return [x, statistic, statistic];
  },
  field(context) {
    const [field] = context.fields;
    const axes = axesFrom(context.attributes.axis, context.inputs[0]?.shape.length ?? 0);
    if (context.index === 0 || !field) return mixedAlong(context, axes);
    return contracted(field, axes, true);
  },
  gradient(context) {
    const {
      b,
      x: [x, scale, bias],
      dys,
      constant,
    } = context;
    const dy = dys[0] ?? null;
    const plain = isOnes(constant(1));
    const standard = standardized(context, plain && !bias);
    const g = dy && (plain ? dy : b.Mul(dy, scale));
    return [
      gradientOfStandard(
        b,
        axesFrom(context.attributes.axis, x.shape.length),
        standard,
        g,
        // The statistics are float32 whatever X is.
        dys.slice(1).map((each) => each && castTo(b, each, x.dtype)),
      ),
      dy && b.Mul(dy, standard.x),
      bias && dy,
    ];
  },
  cases: [
    { inputs: [[3, 4], [4], [4]] },
    { inputs: [[3, 4], [4]], attributes: { epsilon: 0.1 } },
    { inputs: [[3, 4], { fixed: tensor('float32', [4], [1, 1, 1, 1]) }] },
    {
      inputs: [
        [2, 3, 2],
        [3, 2],
        [3, 2],
      ],
      attributes: { axis: 1 },
    },
    { inputs: [[2, 3, 4], [4], [4]], attributes: { axis: -1, epsilon: 0.1 }, outputs: 3 },
    { inputs: [{ shape: [2, 2, 2, 2] }, { shape: [2, 2, 2, 2] }], attributes: { axis: 0 } },
    {
      inputs: [
        [2, 3, 2],
        [3, 2],
      ],
      attributes: { axis: -2 },
      outputs: 3,
    },
  ],
};

const isOnes = (data: Tensor | null): boolean =>
  data !== null && toNumbers(data).every((value) => value === 1);

/**
 * x̂ and InvStdDev. Where the node gives its statistics, x̂ costs two passes, or none where y is it (`isPlain`).
 * Else a second node normalizes with a scale of ones: 176 against 123 µs on 200 x 1000 (one core, ONNX Runtime
 * 1.30), which a forward pass saves by asking for all three outputs.
 */
function standardized(
  { b, x: [x], y, ys: [, mean, given], attributes }: GradientContext<Inputs, Attributes>,
  isPlain: boolean,
): Standard {
  if (mean && given) {
    const inverse = castTo(b, given, x.dtype);
    return { x: isPlain ? y : b.Mul(b.Sub(x, castTo(b, mean, x.dtype)), inverse), inverse };
  }
  const dims = dimsOf(x).slice(normalizeAxis(attributes.axis, x.shape.length));
  const ones = b.Expand(b.constant(scalar(x.dtype, 1)), dims);
  const [again, , anew] = b.node('LayerNormalization', [x, ones], { ...attributes }, { count: 3 });
  return again && anew
    ? { x: again, inverse: castTo(b, anew, x.dtype) }
    : internal('LayerNormalization gave no outputs');
}
