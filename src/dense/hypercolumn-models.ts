/** Models around hypercolumns: the layers alone, the columns of every pixel, and classifiers on them by either path. */
import { UsageError } from '../errors.js';
import { type Model, model, type Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { load, loadModel } from '../ops/load.js';
import { prune } from '../ops/rewrite/prune.js';
import type { Tensor } from '../tensor/tensor.js';
import { efficient, explicit, kernelsOf } from './hypercolumn.js';
import type { HypercolumnTap } from './hypercolumn-taps.js';

/**
 * The network up to the taps, and behind them what `add` makes, under the names given.
 * @throws UsageError where a value that the taps need has such a name.
 */
function ending(
  source: Model,
  taps: readonly HypercolumnTap[],
  add: (b: Builder) => readonly (readonly [Value, string])[],
): Model {
  const whole = loadModel({ ...source, graph: { ...source.graph, outputs: [] } });
  for (const value of new Set(taps.map((tap) => tap.value))) whole.output(whole.value(value));
  const graph = prune(whole.build(source.graph.name));
  const b = load({ ...graph, outputs: [] }, { opset: whole.opset });
  for (const [value, name] of add(b)) {
    if (name !== value.name && b.values.has(name))
      throw new UsageError(`the layers need a value "${name}": give the output another name`, {
        actual: name,
      });
    b.output(value, name);
  }
  const made = model(prune(b.build(source.graph.name)), source.metadata, b.opset);
  return { ...made, opsets: { ...source.opsets, ...made.opsets } };
}

/** The network with its taps as outputs, under the names of their values: what `columnsAt` reads. */
export function tapsModel(source: Model, taps: readonly HypercolumnTap[]): Model {
  const values = [...new Set(taps.map(({ value }) => value))];
  return ending(source, taps, (b) => values.map((value) => [b.value(value), value] as const));
}

/** The network that gives hypercolumns at every pixel: `hypercolumns`, float32 (batch, channels, height, width). */
export function hypercolumnModel(
  source: Model,
  taps: readonly HypercolumnTap[],
  kernels?: readonly number[],
): Model {
  return ending(source, taps, (b) => [
    [explicit(b, taps, kernels ? { kernels } : {}), 'hypercolumns'] as const,
  ]);
}

/** A linear classifier of hypercolumns. */
export interface ColumnClassifier {
  /** float32 (outputs, channels), the channels as `explicit` and `columnsAt` lay them. */
  readonly weights: Tensor<'float32'>;
  /** float32 (outputs). */
  readonly bias: Tensor<'float32'>;
  /** Sides of the neighbourhoods, one a tap; 1 where left out. */
  readonly kernels?: readonly number[];
}

export interface ColumnScorerOptions {
  /** `efficient` where left out. Both give the same. */
  readonly path?: 'efficient' | 'explicit';
  /** What becomes of the scores: probabilities of classes of which one holds, or of each by itself. Softmax by default. */
  readonly squash?: 'softmax' | 'sigmoid' | 'none';
  /** Name of the output: `probabilities` where left out. */
  readonly output?: string;
}

/**
 * The network with a classifier of every pixel behind it, as one graph.
 * @returns a model whose one output is float32 (batch, outputs, height, width)
 * @throws ShapeError where the weights are not those of the taps; UsageError where the output has an inner value's name.
 */
export function columnScorer(
  source: Model,
  taps: readonly HypercolumnTap[],
  { weights, bias, kernels = [] }: ColumnClassifier,
  { path = 'efficient', squash = 'softmax', output = 'probabilities' }: ColumnScorerOptions = {},
): Model {
  const parts = kernelsOf(weights, taps, kernels);
  return ending(source, taps, (b) => {
    const offset = b.initializer(b.fresh('hypercolumn.bias'), bias);
    const named = (i: number) => b.fresh(`hypercolumn.${taps[i]?.name}.weight`);
    const scores =
      path === 'efficient'
        ? efficient(b, taps, {
            weights: parts.map((part, i) => b.initializer(named(i), part)),
            bias: offset,
          })
        : whole(b, explicit(b, taps, { kernels }), weights, offset);
    return [[squashed(b, scores, squash), output]];
  });
}

/** The classifier as a convolution of 1 x 1 over the columns. */
function whole(b: Builder, columns: Value, weights: Tensor<'float32'>, bias: Value): Value {
  const [outputs = 0, channels = 0] = weights.dims;
  const kernel = { ...weights, dims: [outputs, channels, 1, 1] };
  const weight = b.initializer(b.fresh('hypercolumn.weight'), kernel);
  return b.Conv(columns, weight, bias, { kernel_shape: [1, 1] });
}

function squashed(b: Builder, scores: Value, squash: 'softmax' | 'sigmoid' | 'none'): Value {
  if (squash === 'none') return scores;
  return squash === 'softmax' ? b.Softmax(scores, { axis: 1 }) : b.Sigmoid(scores);
}
