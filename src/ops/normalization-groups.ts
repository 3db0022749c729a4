/** Instance normalization (Ulyanov et al. 2016) and group normalization (Wu and He 2018). */
import { ShapeError } from '../errors.js';
import type { Value } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { scalar } from '../tensor/tensor.js';
import type { Builder } from './builder.js';
import { checkChannels, overChannels, sumToChannels } from './channels.js';
import { dimsOf } from './dims.js';
import { reshapedTo } from './emit.js';
import { castTo } from './mask.js';
import { gradientOfStandard } from './normalization-gradient.js';
import { float, int, type Op, required } from './op.js';
import { mixedOverMap } from './receptive-field-rules.js';

/**
 * Gradients by x, (batch, channels, ...), and by scale and bias, (channels). A group of channels of one example is a
 * row: LayerNormalization gives x̂ and InvStdDev of rows in one pass.
 */
function groupGradients(
  b: Builder,
  [x, scale, dy]: readonly [Value, Value, Value],
  groups: number,
  epsilon: number,
): [Value, Value, Value] {
  const dims = dimsOf(x);
  const batch = dims[0] ?? 1;
  const row = sizeOf(dims.slice(1)) / groups;
  const rows = (value: Value): Value => reshapedTo(b, value, [batch, groups, row]);
  const ones = b.Expand(b.constant(scalar(x.dtype, 1)), [row]);
  const [standard, , inverse] = b.node(
    'LayerNormalization',
    [rows(x), ones],
    { axis: -1, epsilon },
    { count: 3 },
  ) as [Value, Value, Value];
  const g = rows(b.Mul(dy, overChannels(b, scale, x)));
  const narrowed = castTo(b, inverse, x.dtype);
  const dx = gradientOfStandard(b, [2], { x: standard, inverse: narrowed }, g);
  const dscale = sumToChannels(b, b.Mul(dy, reshapedTo(b, standard, dims)));
  return [reshapedTo(b, dx, dims), dscale, sumToChannels(b, dy)];
}

/** Attributes of InstanceNormalization. */
export interface InstanceNormalizationAttributes {
  readonly epsilon: number;
}

/** Each channel of each example has mean 0 and variance 1, times scale, plus B. */
export const InstanceNormalization: Op<['input', 'scale', 'B'], InstanceNormalizationAttributes> = {
  inputs: ['input', 'scale', 'B'],
  attributes: { epsilon: float(1e-5) },
  infer: ({ input }) => checkChannels(input(0), { scale: input(1), B: input(2) }),
  field: (context) => mixedOverMap(context, 2),
  gradient: ({ b, x: [x, scale], dy, attributes: { epsilon } }) =>
    groupGradients(b, [x, scale, dy], dimsOf(scale)[0] ?? 1, epsilon),
  cases: [
    { inputs: [{ shape: [2, 3, 4] }, [3], [3]] },
    { inputs: [{ shape: [2, 2, 3, 2] }, [2], [2]], attributes: { epsilon: 0.1 } },
    { inputs: [{ shape: [1, 2, 2, 1, 3] }, [2], [2]] },
  ],
};

/** Attributes of GroupNormalization. */
export interface GroupNormalizationAttributes {
  readonly epsilon: number;
  readonly num_groups: number;
  readonly stash_type: number;
}

/**
 * Each group of neighbouring channels of each example has mean 0 and variance 1; scale and bias are by channel, as
 * since operator set 21. Those of 18 to 20, by group, are stretched when a graph is loaded.
 */
export const GroupNormalization: Op<['X', 'scale', 'bias'], GroupNormalizationAttributes> = {
  inputs: ['X', 'scale', 'bias'],
  attributes: { epsilon: float(1e-5), num_groups: required(int()), stash_type: int(1) },
  since: 21,
  infer({ input, attributes: { num_groups } }) {
    const x = checkChannels(input(0), { scale: input(1), bias: input(2) });
    const channels = x.shape[1];
    if (num_groups < 1 || (typeof channels === 'number' && channels % num_groups !== 0))
      throw new ShapeError(`num_groups must divide the channels ${channels}, got ${num_groups}`, {
        actual: num_groups,
      });
    return x;
  },
  field: (context) => mixedOverMap(context, 1),
  gradient: ({ b, x: [x, scale], dy, attributes: { epsilon, num_groups } }) =>
    groupGradients(b, [x, scale, dy], num_groups, epsilon),
  cases: [
    { inputs: [{ shape: [2, 4, 3] }, [4], [4]], attributes: { num_groups: 2 } },
    { inputs: [{ shape: [2, 6, 2, 1] }, [6], [6]], attributes: { num_groups: 3, epsilon: 0.1 } },
    { inputs: [{ shape: [2, 3, 2, 2] }, [3], [3]], attributes: { num_groups: 1 } },
  ],
};
