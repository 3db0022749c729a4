/** A classifier that somebody else made, brought into the form in which it is trained and saved. */
import { ModelError, UsageError } from '../../errors.js';
import { type Graph, type Model, model, type ValueInfo } from '../../graph/graph.js';
import { foldInitializers } from '../../ops/fold.js';
import { withFreeBatch, withoutShapes } from '../../ops/free-batch.js';
import { load, loadModel } from '../../ops/load.js';
import { formatShape } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import { findHead, type Head, replaceHead } from './head.js';

export interface NetworkOptions {
  readonly classes: number;
  /** `new` draws a head for the classes, `keep` goes on with the one there is, whose classes must be as many. */
  readonly head: 'new' | 'keep';
  readonly seed: number;
  /** The input that takes images; the only one unless given. */
  readonly input?: string | undefined;
  /** The output with the scores; `logits`, `probabilities`, or the only one unless given. */
  readonly output?: string | undefined;
}

/** The inference graph, every weight an initializer and one however many read it, its batch dimension free. */
export interface Network {
  readonly graph: Graph;
  /** The input that takes the images: float32 (batch, ...). */
  readonly input: ValueInfo & { readonly shape: readonly (number | string)[] };
  /** Name of the batch dimension. */
  readonly batch: string;
  /** What the input's other symbolic dimensions are in training; a saved model keeps them free. None unless bound. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly head: Head;
  readonly classes: number;
  /** Metadata of the model that it came from. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Versions of the operator sets that are not the standard one, by domain. */
  readonly foreign: Readonly<Record<string, number>>;
}

/** The parts of a model that training needs to know, before anything is changed. */
function examine(source: Model, options: Pick<NetworkOptions, 'input' | 'output'>) {
  const input = chooseInput(source, options.input);
  const first = input.shape?.[0];
  const batch = typeof first === 'string' && first !== '' ? first : 'batch';
  const folded = { ...source, graph: foldInitializers(source.graph, { ties: true }) };
  const graph = loadModel(withFreeBatch(folded, input.name, batch)).build(source.graph.name);
  const output = chooseOutput(graph, options.output);
  return { input, batch, graph, output, head: findHead(graph, output) };
}

/**
 * How many classes a model tells apart.
 * @throws ModelError as `classifierNetwork`.
 */
export function classesOf(
  source: Model,
  options: Pick<NetworkOptions, 'input' | 'output'> = {},
): number {
  return examine(source, options).head.classes;
}

/**
 * Reads a model as a trainable classifier: operators brought up to date, the batch dimension freed where the file fixes
 * it, the head kept or made anew.
 * @throws ModelError where it has no head, or no input or output fits; UsageError where a kept head has other classes.
 */
export function classifierNetwork(source: Model, options: NetworkOptions): Network {
  const { input, batch, graph, output, head } = examine(source, options);
  const isNew = options.head === 'new';
  if (!isNew && head.classes !== options.classes)
    throw new UsageError(
      `the model's head tells ${head.classes} classes apart, the data have ${options.classes}: give --head new`,
      { expected: options.classes, actual: head.classes },
    );
  const wanted = isNew ? replaceHead(graph, head, options.classes, options.seed) : graph;
  const b = load(withoutShapes(wanted));
  checkScores(b.value(head.logits).shape, batch, options.classes);
  const made = b.build(source.graph.name);
  return {
    graph: made,
    input: { name: input.name, dtype: 'float32', shape: b.value(input.name).shape },
    batch,
    sizes: {},
    head: findHead(made, output),
    classes: options.classes,
    metadata: source.metadata,
    foreign: Object.fromEntries(
      Object.entries(source.opsets).filter(([domain]) => domain !== '' && domain !== 'ai.onnx'),
    ),
  };
}

/**
 * Binds the symbolic dimensions of the images for training.
 * @param dims of the input, the batch first, as training gives it
 * @throws UsageError where the input is of another shape.
 */
export function withImageSize(network: Network, dims: readonly number[]): Network {
  const { name, shape } = network.input;
  const sizes: Record<string, number> = {};
  const fits = shape.slice(1).every((dim, i) => {
    const size = dims[i + 1] ?? 0;
    if (typeof dim === 'string') sizes[dim] ??= size;
    return (typeof dim === 'string' ? sizes[dim] : dim) === size;
  });
  if (shape.length !== dims.length || !fits)
    throw new UsageError(
      `the model's input "${name}" has shape ${formatShape(shape)}, and images would go in as ${formatShape([network.batch, ...dims.slice(1)])}: choose another height, width, number of channels or layout`,
      { expected: shape, actual: dims },
    );
  return { ...network, sizes };
}

/** The network with trained weights, to be written to a file. */
export function networkModel(
  { graph, foreign }: Network,
  weights: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>>,
): Model {
  const initializers = new Map(
    [...graph.initializers].map(([name, data]) => [name, weights.get(name) ?? data]),
  );
  const made = model({ ...graph, initializers }, metadata);
  return { ...made, opsets: { ...made.opsets, ...foreign } };
}

function chooseInput({ graph }: Model, wanted: string | undefined): ValueInfo {
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  const names = inputs.map(({ name }) => name).join(', ');
  const found = wanted === undefined ? inputs : inputs.filter(({ name }) => name === wanted);
  const [only, ...more] = found;
  if (!only || more.length > 0)
    throw new ModelError(
      wanted === undefined
        ? `the model takes ${names || 'no input'}: a classifier of images has one. Name it with --input`
        : `the model has no input "${wanted}". It has ${names}`,
      { actual: names },
    );
  if (only.dtype !== 'float32')
    throw new ModelError(`input "${only.name}" is ${only.dtype}: only float32 models are trained`, {
      actual: only.dtype,
    });
  return only;
}

function chooseOutput({ outputs }: Graph, wanted: string | undefined): string {
  const names = outputs.map(({ name }) => name);
  const preferred = wanted === undefined ? ['logits', 'probabilities'] : [wanted];
  const found =
    preferred.find((name) => names.includes(name)) ?? (wanted === undefined && names[0]);
  if (found) return found;
  throw new ModelError(`the model has no output "${wanted}". It has ${names.join(', ')}`, {
    actual: wanted,
  });
}

function checkScores(shape: readonly (number | string)[], batch: string, classes: number): void {
  const [n, width, ...rest] = shape;
  if (n === batch && width === classes && rest.every((dim) => dim === 1)) return;
  throw new ModelError(
    `the model gives scores of shape ${formatShape(shape)} where [${batch}, ${classes}] is wanted. Its batch size may be fixed: export it with a free one.`,
    { actual: shape },
  );
}
