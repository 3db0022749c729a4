/** Any ONNX classifier as a graph from 8-bit values to logits. */
import { ModelError, UsageError } from '../../errors.js';
import { type Model, model, type Node, type Value } from '../../graph/graph.js';
import { namesIn, reading } from '../../graph/order.js';
import type { Preprocessing } from '../../onnx/metadata.js';
import { type Builder, builder } from '../../ops/builder.js';
import { loadModel } from '../../ops/load.js';
import { prune } from '../../ops/rewrite/prune.js';
import { formatShape } from '../../tensor/shape.js';
import { tensor } from '../../tensor/tensor.js';

/** A graph that takes images as attacks hand them over: no pass over them on the host. */
export interface BoxGraph {
  readonly model: Model;
  /** Name of the input: float32 (batch, channels, height, width), 0..255, colours in the order red, green, blue. */
  readonly images: string;
  /** Name of the output: float32 (batch, classes). */
  readonly scores: string;
  readonly classes: number;
  /** Whether the scores are what a softmax turns, or would turn, into probabilities; else they go out as they are. */
  readonly softmaxFollows: boolean;
}

/** Shape of one image as the graph takes it. */
export const imageDims = ({ model: { graph } }: BoxGraph): readonly number[] =>
  (graph.inputs[0]?.shape ?? []).slice(1).map(Number);

export interface BoxGraphOptions {
  readonly preprocessing: Preprocessing;
  readonly input: string;
  readonly output: string;
}

/** Shape of the model's own input for images of this preprocessing. */
export function inputShape(
  batch: number | string,
  { layout, channels, height, width }: Preprocessing,
): readonly (number | string)[] {
  if (layout === 'NCHW') return [batch, channels, height, width];
  return layout === 'NHWC' ? [batch, height, width, channels] : [batch, channels * height * width];
}

/**
 * Puts the preprocessing before a classifier as nodes, and takes a softmax behind it away.
 * @throws ModelError where the output is no row of scores an image, or as loading the model does; UsageError where images
 * of this preprocessing do not fit the input.
 */
export function boxGraph(source: Model, options: BoxGraphOptions): BoxGraph {
  const { preprocessing, input, output } = options;
  const wanted = inputShape('batch', preprocessing).slice(1);
  const info = source.graph.inputs.find(({ name }) => name === input);
  const own = info?.shape ?? [];
  const fits = own.slice(1).every((dim, i) => typeof dim === 'string' || dim === wanted[i]);
  if (own.length !== wanted.length + 1 || !fits)
    throw new UsageError(
      `images go in as ${formatShape([own[0] ?? 'batch', ...wanted])}, but input "${input}" has shape ${formatShape(own)}: give another size, number of channels or layout`,
      { expected: own, actual: wanted },
    );
  const [batch = 'batch', ...sides] = own;
  const dimensions = Object.fromEntries(
    sides.flatMap((dim, i) => (typeof dim === 'string' ? [[dim, Number(wanted[i])]] : [])),
  );
  const upgraded = loadModel(source, { dimensions });
  const graph = upgraded.build(source.graph.name);
  const b = builder(upgraded.opset);
  b.reserve(namesIn(graph.nodes));
  for (const [name, data] of graph.initializers) b.initializer(name, data);
  const { channels, height, width } = preprocessing;
  const images = b.input(b.fresh('images'), 'float32', [batch, channels, height, width]);
  const seen = prepared(b, images, preprocessing, info?.dtype ?? 'float32');
  const now = (name: string): string => (name === input ? seen.name : name);
  for (const node of graph.nodes) b.add(reading(node, now), graph.values);
  const { value, softmaxFollows } = scoresOf(b, output, batch);
  const classes = Number(value.shape[1]);
  const rows = b.Reshape(b.Cast(value, { to: 1 }), [-1, classes]);
  const scores = b.output(rows, b.fresh('scores')).name;
  const made = prune(b.build(source.graph.name));
  return {
    ...{ images: images.name, scores, classes, softmaxFollows },
    model: withForeign(model(made, {}, b.opset), source),
  };
}

/** Operators of other domains are there still, so their operator sets are too. */
export function withForeign(made: Model, source: Model): Model {
  const foreign = Object.entries(source.opsets).filter(([domain]) => !/^(ai\.onnx)?$/.test(domain));
  return { ...made, opsets: { ...made.opsets, ...Object.fromEntries(foreign) } };
}

/** `(value * scale - mean) / std` in the model's layout, order of colours and dtype. */
function prepared(
  b: Builder,
  images: Value,
  { channels, height, width, layout, colour, scale, mean, std }: Preprocessing,
  dtype: string,
): Value {
  const shape = [channels, 1, 1];
  const factors = std.map((deviation) => scale / deviation);
  const shifts = mean.map((m, c) => -m / (std[c] ?? 1));
  let x = colour === 'bgr' ? b.Gather(images, [2, 1, 0], { axis: 1 }) : images;
  if (factors.some((factor) => factor !== 1))
    x = b.Mul(x, b.constant(tensor('float32', shape, factors)));
  if (shifts.some((shift) => shift !== 0))
    x = b.Add(x, b.constant(tensor('float32', shape, shifts)));
  if (layout === 'NHWC') x = b.Transpose(x, { perm: [0, 2, 3, 1] });
  if (layout === 'flat') x = b.Reshape(x, [-1, channels * height * width]);
  const to = { float32: 1, float16: 10, float64: 11 }[dtype];
  if (to === undefined)
    throw new ModelError(`the model takes ${dtype}: attacks need one that takes floats`, {
      actual: dtype,
    });
  return to === 1 ? x : b.Cast(x, { to });
}

const passed = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Cast']);

/** The rows of scores: what goes into a softmax at the end where there is one, since nothing is rounded off there yet. */
function scoresOf(
  b: Builder,
  output: string,
  batch: number | string,
): { value: Value; softmaxFollows: boolean } {
  const value = b.value(output);
  if (!isRows(value, batch))
    throw new ModelError(
      `output "${output}" has shape ${formatShape(value.shape)} for a batch of ${batch}: attacks need a row of two or more scores for each image`,
      { actual: value.shape },
    );
  for (let at: Value = value; ; ) {
    const node: Node | undefined = b.producer(at);
    const before = b.values.get(node?.inputs[0] ?? '');
    if (!node || !before || !isRows(before, batch)) break;
    if (node.op === 'Softmax' && isOverClasses(node, before.shape.length))
      return { value: before, softmaxFollows: true };
    if (!passed.has(node.op)) break;
    at = before;
  }
  return { value, softmaxFollows: false };
}

const isRows = ({ dtype, shape: [n, classes, ...rest] }: Value, batch: number | string): boolean =>
  /^float/.test(dtype) &&
  n === batch &&
  typeof classes === 'number' &&
  classes > 1 &&
  rest.every((dim) => dim === 1);

function isOverClasses({ attributes: { axis } }: Node, rank: number): boolean {
  const at = axis?.type === 'int' ? axis.value : -1;
  return (at < 0 ? at + rank : at) === 1;
}
