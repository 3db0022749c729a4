/** Any ONNX classifier as detectors and calibration read it: images in, the logits and the layers before them out. */
import { ModelError, UsageError } from '../../errors.js';
import { type Graph, type Model, model, type Node, type Value } from '../../graph/graph.js';
import { reading } from '../../graph/order.js';
import type { Builder } from '../../ops/builder.js';
import { withFreeBatch } from '../../ops/free-batch.js';
import { load, loadModel } from '../../ops/load.js';
import { optimize } from '../../ops/rewrite/optimize.js';
import { formatShape } from '../../tensor/shape.js';

export interface ScoredNetworkOptions {
  /** The input that takes images; the only one unless given. */
  readonly input?: string | undefined;
  /** The output with the scores; `logits`, `probabilities`, or the first with a row an image unless given. */
  readonly output?: string | undefined;
  /** Whether a model without a softmax at its end gives probabilities all the same. Logits unless said. */
  readonly scores?: 'auto' | 'probabilities' | 'logits' | undefined;
  /** Shape of the input for one batch, to which symbolic heights and widths are bound. */
  readonly dims?: readonly number[] | undefined;
}

/** An inference graph whose batch is free. */
export interface ScoredNetwork {
  readonly graph: Graph;
  /** Name of the input, float32, and its shape with the batch first. */
  readonly input: string;
  readonly shape: readonly (number | string)[];
  /** Name of the batch dimension. */
  readonly batch: string;
  /** Name of the value that a softmax turns into probabilities: float32 (batch, classes). */
  readonly logits: string;
  /** Name of what the last layer reads, float32 (batch, features) or (batch, features, height, width); null where none was found. */
  readonly features: string | null;
  readonly classes: number;
  readonly source: Model;
}

/**
 * Reads a model as a classifier with logits: operators brought up to date, the batch dimension freed where the file fixes
 * it. A softmax at the end is taken off, since detectors need what it forgets.
 * @throws ModelError where it is no classifier of two or more classes, UsageError where an input or output of that name is not there.
 */
export function scoredNetwork(source: Model, options: ScoredNetworkOptions = {}): ScoredNetwork {
  const input = chooseInput(source, options.input);
  const first = input.shape[0];
  const batch = typeof first === 'string' && first !== '' ? first : 'batch';
  const free = withFreeBatch(source, input.name, batch);
  const dimensions = sizesOf(input.shape, options.dims ?? []);
  const b = loadModel(free, { dimensions });
  const output = chooseOutput(b, batch, options.output);
  const { value, isLog } = beforeSoftmax(b, b.value(output), options.scores ?? 'auto');
  const classes = Number(value.shape[1]);
  const logits = b.within('unknown', () =>
    b.Reshape(isLog ? value : b.Log(b.Max(value, least)), [-1, classes]),
  );
  const features = featuresBefore(b, value);
  return {
    graph: withoutNames({ ...b.build(source.graph.name), outputs: [] }),
    input: input.name,
    shape: b.value(input.name).shape,
    ...{ batch, classes, source },
    logits: logits.name,
    features: features === null ? null : inner(features),
  };
}

/** Names of the outputs that models with calibration or a detector have. */
export const outputNames = {
  probabilities: 'probabilities',
  logits: 'logits',
  score: 'score',
  verdict: 'verdict',
} as const;

const taken = new Set<string>(Object.values(outputNames));
const inner = (name: string): string => (taken.has(name) ? `inner/${name}` : name);

/** The graph with the names free that its outputs will have. */
function withoutNames(graph: Graph): Graph {
  const isMade = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const now = (name: string): string => (isMade.has(name) ? inner(name) : name);
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({ ...reading(node, now), outputs: node.outputs.map(now) })),
    values: new Map(
      [...graph.values].map(([name, info]) => [now(name), { ...info, name: now(name) }]),
    ),
  };
}

/** The least normal float32, so that the logarithm of a probability that underflowed is finite. */
const least = 2 ** -126;

/** The network in a builder, with what detectors add to. */
export interface OpenedNetwork {
  readonly b: Builder;
  readonly image: Value;
  readonly logits: Value;
  /** The logits of other images under the same weights. */
  logitsOf(image: Value): Value;
}

/** @param count binds the batch, as gradients need; free unless given */
export function openNetwork(network: ScoredNetwork, count?: number): OpenedNetwork {
  const dimensions = count === undefined ? {} : { [network.batch]: count };
  const b = load(network.graph, { dimensions });
  return {
    b,
    image: b.value(network.input),
    logits: b.value(network.logits),
    logitsOf: (image) => once(b, network, image),
  };
}

/** The nodes that depend on the images, added once more behind other images. */
function once(b: Builder, network: ScoredNetwork, image: Value): Value {
  const now = new Map([[network.input, image.name]]);
  for (const node of network.graph.nodes) {
    if (!node.inputs.some((name) => now.has(name))) continue;
    const outputs = node.outputs.map((name) => (name === '' ? '' : b.fresh(name)));
    const read = reading(node, (name) => now.get(name) ?? name);
    b.add({ ...read, name: b.fresh(node.name || node.op), outputs });
    node.outputs.forEach((name, i) => {
      now.set(name, outputs[i] ?? '');
    });
  }
  return b.value(now.get(network.logits) ?? '');
}

/** The finished graph as a model that runs and is written wherever the source was. */
export function finishedModel(
  { source }: ScoredNetwork,
  b: Builder,
  metadata: Readonly<Record<string, string>> = {},
): Model {
  const made = model(optimize(b.build(source.graph.name), b.opset), metadata, b.opset);
  const foreign = Object.entries(source.opsets).filter(([domain]) => !/^(ai\.onnx)?$/.test(domain));
  return { ...made, opsets: { ...made.opsets, ...Object.fromEntries(foreign) } };
}

function chooseInput({ graph }: Model, wanted: string | undefined) {
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  const names = inputs.map(({ name }) => name).join(', ');
  const [only, ...more] = wanted === undefined ? inputs : inputs.filter((i) => i.name === wanted);
  if (!only || more.length > 0)
    throw wanted === undefined
      ? new ModelError(`the model takes ${names || 'no input'}: a classifier of images has one`, {
          actual: names,
        })
      : new UsageError(`the model has no input "${wanted}". It has ${names}`, { actual: wanted });
  if (only.dtype !== 'float32' || !only.shape)
    throw new ModelError(
      `input "${only.name}" is ${only.dtype}: detectors and calibration need a model that takes float32`,
      { actual: only.dtype },
    );
  return { name: only.name, shape: only.shape };
}

const sizesOf = (shape: readonly (number | string)[], dims: readonly number[]) =>
  Object.fromEntries(
    shape.flatMap((dim, i) =>
      i > 0 && typeof dim === 'string' && dims[i] ? [[dim, dims[i]]] : [],
    ),
  );

const isRows = ({ dtype, shape: [n, classes, ...rest] }: Value, batch: string): boolean =>
  dtype === 'float32' &&
  n === batch &&
  typeof classes === 'number' &&
  rest.every((dim) => dim === 1);

function chooseOutput(b: Builder, batch: string, wanted: string | undefined): string {
  const names = b.outputs.map(({ name }) => name);
  if (wanted !== undefined && !names.includes(wanted))
    throw new UsageError(`the model has no output "${wanted}". It has ${names.join(', ')}`, {
      actual: wanted,
    });
  const rows = b.outputs.filter(
    (value) => isRows(value, batch) && (wanted === undefined || value.name === wanted),
  );
  const found =
    rows.find(({ name }) => name === 'logits') ??
    rows.find(({ name }) => name === 'probabilities') ??
    rows[0];
  if (found && Number(found.shape[1]) >= 2) return found.name;
  const seen = b.outputs.map(({ name, shape }) => `${name} ${formatShape(shape)}`).join(', ');
  throw new ModelError(
    found
      ? `the model tells ${Number(found.shape[1])} class apart (${seen}): detectors and calibration need at least two`
      : `the model gives ${seen}: none is a row of two or more float32 scores for each image`,
    { actual: seen },
  );
}

const shaping = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

/** What goes into a softmax over the classes at the end; the scores themselves where there is none. */
function beforeSoftmax(
  b: Builder,
  output: Value,
  scores: NonNullable<ScoredNetworkOptions['scores']>,
): { readonly value: Value; readonly isLog: boolean } {
  for (let at = output; ; ) {
    const node = b.producer(at);
    const before = b.values.get(node?.inputs[0] ?? '');
    if (!node || !before) break;
    // A logarithm of probabilities is logits as good as any.
    if (node.op === 'Softmax' && before.shape[1] === output.shape[1])
      return { value: before, isLog: true };
    if (!shaping.has(node.op)) break;
    at = before;
  }
  return { value: output, isLog: scores !== 'probabilities' };
}

const layers = new Set(['Gemm', 'MatMul', 'Conv']);
const scalings = new Set(['Add', 'Sub', 'Mul', 'Div', 'Sum']);
const poolings = new Set(['GlobalAveragePool', 'AveragePool', 'ReduceMean', 'Relu', 'LogSoftmax']);

/** What the last layer with weights reads; biases, calibration and pools may stand between it and the logits. */
function featuresBefore(b: Builder, logits: Value): string | null {
  for (let at: Value | undefined = logits; at; ) {
    const node: Node | undefined = b.producer(at);
    if (!node) return null;
    const [first = '', second = ''] = node.inputs;
    if (layers.has(node.op) && b.known(second)) return first;
    if (scalings.has(node.op)) at = b.values.get(b.known(first) ? second : first);
    else if (shaping.has(node.op) || poolings.has(node.op)) at = b.values.get(first);
    else return null;
  }
  return null;
}
