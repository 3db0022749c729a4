/** Batch normalization (Ioffe and Szegedy 2015), as operator set 15 has it. */
import { GradientError, OperatorError } from '../errors.js';
import { checkChannels, overChannels, sumToChannels } from './channels.js';
import { float, int, type Op } from './op.js';
import { mixedOverMap, pointwise } from './receptive-field-rules.js';

/** Attributes of BatchNormalization. */
export interface BatchNormalizationAttributes {
  readonly epsilon: number;
  /** What the running statistics keep of themselves in a step of training. */
  readonly momentum: number;
  readonly training_mode: number;
}
type Inputs = ['X', 'scale', 'B', 'input_mean', 'input_var'];

const several = { shape: [2, 3, 2, 2] } as const;
const variance = { shape: [3], range: [0.5, 2] } as const;

/**
 * y = a (x - mean) + B with a = scale r and r = 1 / sqrt(var + epsilon), by channel. With sums over all axes but the
 * channels, s = Σ dy and t = Σ dy (x - mean): dx = a dy, dscale = r t, dB = s, dmean = -a s, dvar = -a r² t / 2.
 * In training mode the node would draw its statistics from the batch, which few builds of ONNX Runtime can:
 * `trainingForm` of `src/nn` writes that with other operators.
 */
export const BatchNormalization: Op<Inputs, BatchNormalizationAttributes> = {
  inputs: ['X', 'scale', 'B', 'input_mean', 'input_var'],
  outputs: ['Y', 'running_mean?', 'running_var?'],
  attributes: { epsilon: float(1e-5), momentum: float(0.9), training_mode: int(0) },
  infer({ input, outputs, attributes }) {
    const [scale, B, mean, variance] = [input(1), input(2), input(3), input(4)];
    const x = checkChannels(input(0), { scale, B, input_mean: mean, input_var: variance });
    if (outputs > 1 && !attributes.training_mode)
      throw new OperatorError('has one output unless training_mode is 1', { actual: outputs });
    return [x, mean, variance];
  },
  field(context) {
    if (context.index > 0) return 'unknown';
    return context.attributes.training_mode ? mixedOverMap(context, 2) : pointwise(context);
  },
  gradient({ b, x: [x, scale, , mean, variance], dy, needs, attributes }) {
    if (attributes.training_mode)
      throw new GradientError('training_mode 1 has no gradient here. Use trainingForm first');
    const r = b.Reciprocal(b.Sqrt(b.Add(variance, attributes.epsilon)));
    const a = b.Mul(scale, r);
    const s = needs.slice(1).some(Boolean) ? sumToChannels(b, dy) : null;
    // Σ dy x - mean Σ dy, which saves the pass that x - mean would take.
    const t =
      s && (needs[1] || needs[4]) ? b.Sub(sumToChannels(b, b.Mul(dy, x)), b.Mul(mean, s)) : null;
    return [
      b.Mul(dy, overChannels(b, a, x)),
      t && b.Mul(t, r),
      s,
      s && b.Neg(b.Mul(a, s)),
      t && b.Mul(b.Mul(t, b.Mul(a, b.Mul(r, r))), -0.5),
    ];
  },
  cases: [
    { inputs: [several, [3], [3], [3], variance] },
    { inputs: [several, [3], [3], [3], variance], attributes: { epsilon: 0.1 } },
    { inputs: [[4, 3], [3], [3], [3], variance] },
    { inputs: [{ shape: [2, 3, 4] }, [3], [3], [3], variance] },
    { inputs: [{ shape: [1, 3, 2, 1, 2] }, [3], [3], [3], variance] },
  ],
};
