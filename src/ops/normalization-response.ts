/** Local response normalization (Krizhevsky et al. 2012, section 3.3). */
import { ShapeError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { formatShape, sizeOf } from '../tensor/shape.js';
import { tensor } from '../tensor/tensor.js';
import { dimsOf } from './dims.js';
import { reshapedTo } from './emit.js';
import { checkFloat } from './infer.js';
import { castTo } from './mask.js';
import { float, int, type Op, required } from './op.js';
import { mixedAlong } from './receptive-field-rules.js';

/** Attributes of LRN. */
export interface LrnAttributes {
  readonly alpha: number;
  readonly beta: number;
  readonly bias: number;
  /** Channels summed, the middle one among them; of an even number, one more lies after it (ONNX Runtime refuses those). */
  readonly size: number;
}

/**
 * y = x s^-beta with s = bias + alpha/size Σ x² over the neighbouring channels. The sum is a band matrix W of 0 and 1
 * times x², so dx = s^-beta dy - 2 alpha beta / size x Wᵀ(dy x s^(-beta-1)).
 */
export const LRN: Op<['X'], LrnAttributes> = {
  inputs: ['X'],
  attributes: { alpha: float(0.0001), beta: float(0.75), bias: float(1), size: required(int()) },
  infer({ input, attributes: { size } }) {
    const x = checkFloat(input(0));
    if (x.shape.length < 2)
      throw new ShapeError(`X must be (batch, channels, ...), got ${formatShape(x.shape)}`, {
        actual: x.shape,
      });
    if (size < 1) throw new ShapeError(`size must be from 1 on, got ${size}`, { actual: size });
    return x;
  },
  field: (context) => mixedAlong(context, [1]),
  gradient({ b, x: [whole], dy: wholeDy, attributes: { alpha, beta, bias, size } }) {
    const dims = dimsOf(whole);
    const [n = 1, channels = 1] = dims;
    const flat = (value: Value): Value =>
      reshapedTo(b, value, [n, channels, sizeOf(dims.slice(2))]);
    const [x, dy] = [flat(whole), flat(wholeDy)];
    const band = tensor('float32', [channels, channels], neighbours(channels, size));
    const window = castTo(b, b.constant(band), x.dtype);
    const s = b.Add(b.Mul(b.MatMul(window, b.Mul(x, x)), alpha / size), bias);
    const direct = b.Mul(dy, b.Pow(s, -beta));
    const spread = b.MatMul(b.Transpose(window, { perm: [1, 0] }), b.Div(b.Mul(direct, x), s));
    const dx = b.Sub(direct, b.Mul(b.Mul(x, spread), (2 * alpha * beta) / size));
    return [reshapedTo(b, dx, dims)];
  },
  cases: [
    { inputs: [{ shape: [2, 5, 2, 2] }], attributes: { size: 3, alpha: 0.5 } },
    { inputs: [{ shape: [1, 6, 2, 1] }], attributes: { size: 5, alpha: 1, beta: 0.5, bias: 2 } },
    { inputs: [{ shape: [2, 3, 1, 2] }], attributes: { size: 1, alpha: 0.3, beta: 2 } },
    { inputs: [{ shape: [1, 3, 2, 2] }], attributes: { size: 7, alpha: 2 } },
  ],
};

/** Row c is 1 at the channels that are summed for channel c: (channels, channels). */
function neighbours(channels: number, size: number): number[] {
  const window = new Array<number>(channels * channels).fill(0);
  const before = Math.floor((size - 1) / 2);
  for (let c = 0; c < channels; c++)
    for (let i = Math.max(0, c - before); i < Math.min(channels, c - before + size); i++)
      window[c * channels + i] = 1;
  return window;
}
