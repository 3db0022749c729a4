/**
 * Any classifier of images as a network over every pixel: fully connected layers become convolutions, and the input
 * takes images of any size (Long et al. 2015, section 3.1).
 */
import { ModelError } from '../errors.js';
import { type Graph, type Model, model, type ValueInfo } from '../graph/graph.js';
import { namesIn } from '../graph/order.js';
import { readSpec } from '../onnx/metadata.js';
import { builder } from '../ops/builder.js';
import { foldInitializers } from '../ops/fold.js';
import { loadModel } from '../ops/load.js';
import type { Field } from '../ops/receptive-field.js';
import { receptiveFields } from '../ops/receptive-fields.js';
import { prune } from '../ops/rewrite/prune.js';
import { formatShape, isStatic } from '../tensor/shape.js';
import { Conversion, type Pooling } from './conversion.js';
import { rules } from './convert-rules.js';

export interface ConvolutionalizeOptions {
  /** What becomes of pools over the whole map: a window of the size that it has (exact), or nothing. */
  readonly pooling: Pooling;
  /** The input that takes images; the only one unless given. */
  readonly input?: string | undefined;
  /** The output that is wanted; `logits`, `probabilities`, or the first one unless given. */
  readonly output?: string | undefined;
  /** Height and width that the classifier is made for, where neither its input nor its metadata say. */
  readonly size?: readonly [height: number, width: number] | undefined;
}

/** A network over every pixel. */
export interface Dense {
  /** Its batch, height and width are free. The metadata are those of the classifier. */
  readonly model: Model;
  /** Takes images, float32 (batch, channels, height, width). */
  readonly input: string;
  /** Gives what the classifier gives for every window: (batch, classes, rows, columns). */
  readonly output: string;
  /** What each cell of the output sees, along height and width. */
  readonly field: Field;
  /** Height and width that the classifier is made for: on these the output has the classifier's one cell. */
  readonly size: readonly [height: number, width: number];
  /**
   * The map that the first layer over all of it reads, by its name, which the classifier has too: what convolutions
   * made, before it is classified. Null where no layer takes in a whole map.
   */
  readonly features: string | null;
  /** Whether a cell gives what the classifier gives on a crop, padding apart: no pool over the map was left out. */
  readonly isWhole: boolean;
}

/**
 * Makes a network over every pixel of a classifier. Weights keep their names: a matrix (features, outputs) becomes
 * kernels (outputs, channels, height, width) of the map that was flattened before it.
 * @throws ModelError naming every node that cannot be converted and why; where the input takes no images of a known
 *   size; as `loadModel`.
 */
export function convolutionalize(source: Model, options: ConvolutionalizeOptions): Dense {
  const { input, size, graph, batch, dims } = atOwnSize(source, options);
  const output = chooseOutput(graph, options.output);
  const from = loadModel({ ...source, graph });
  const to = builder(from.opset);
  to.reserve([...namesIn(from.nodes), ...from.initializers.keys()]);
  const conversion = new Conversion(from, to, options.pooling, rules);
  const image = to.input(input, 'float32', [batch, ...dims]);
  const [, channels = 1] = from.value(input).shape;
  conversion.layouts.set(input, {
    value: image,
    map: [Number(channels), ...size],
    order: 'chw',
    shape: conversion.shape(input),
    isTurned: false,
    pooledBy: null,
  });
  conversion.walk();
  refuse(conversion.problems);
  const value = conversion.layouts.get(output)?.value;
  if (!value)
    throw new ModelError(`output "${output}" does not depend on the image "${input}"`, {
      actual: output,
    });
  to.output(value, output);
  const field = receptiveFields(to, image).get(value.name);
  if (!Array.isArray(field))
    throw new ModelError(`it is not known what "${output}" sees of the image`, { actual: output });
  const made = model(prune(to.build(source.graph.name)), source.metadata, to.opset);
  const opsets = { ...foreignOpsets(source), ...made.opsets };
  const { features, hasDropped } = conversion;
  const found = { input, output, field, size, features, isWhole: !hasDropped };
  return { model: { ...made, opsets }, ...found };
}

/** @throws ModelError with a line for each node that stands in the way. */
function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const nodes = problems.length === 1 ? '1 node stands' : `${problems.length} nodes stand`;
  throw new ModelError(
    [
      `the model cannot slide over an image, ${nodes} in the way:`,
      ...problems.map((each) => `  ${each}`),
    ].join('\n'),
    { actual: problems },
  );
}

/** The classifier with its image input of a known size and a batch of one where it is free. */
function atOwnSize(source: Model, options: ConvolutionalizeOptions) {
  const folded = foldInitializers(source.graph);
  const info = chooseInput(folded, options.input);
  const [first = 1, channels = 1, ...sizes] = info.shape;
  const spec = readSpec(source.metadata, info.shape)?.preprocessing;
  const stated = options.size ?? (spec ? ([spec.height, spec.width] as const) : undefined);
  const known = isStatic(sizes) ? sizes : stated;
  const [height, width] = known ?? [];
  if (height === undefined || width === undefined || typeof channels !== 'number')
    throw new ModelError(
      `input "${info.name}" is ${formatShape(info.shape)}: the size of the images that the classifier is made for is not known. Give it`,
      { actual: info.shape },
    );
  const symbols = info.shape.filter((dim) => typeof dim === 'string');
  const free = (dim: unknown, name: string) =>
    typeof dim === 'string' && dim !== '' && symbols.filter((each) => each === dim).length === 1
      ? dim
      : name;
  const shape = [typeof first === 'number' ? first : 1, channels, height, width];
  const inputs = folded.inputs.map((each) =>
    each.name === info.name ? { name: each.name, dtype: each.dtype, shape } : each,
  );
  const graph: Graph = {
    ...folded,
    inputs,
    values: new Map(),
    outputs: folded.outputs.map(({ name, dtype }) => ({ name, dtype, shape: null })),
  };
  return {
    graph,
    input: info.name,
    batch: free(first, 'batch'),
    size: [height, width] as const,
    dims: [channels, free(sizes[0], 'height'), free(sizes[1], 'width')],
  };
}

function chooseInput(graph: Graph, wanted: string | undefined) {
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  const names = inputs.map(({ name }) => name).join(', ');
  const found = wanted === undefined ? inputs : inputs.filter(({ name }) => name === wanted);
  const [only, ...more] = found;
  if (!only || more.length > 0)
    throw new ModelError(
      wanted === undefined
        ? `the model takes ${names || 'no input'}: a classifier of images has one. Name the one that takes them`
        : `the model has no input "${wanted}". It has ${names}`,
      { actual: names },
    );
  return checkImage(only);
}

/** @throws ModelError where the input takes no images. */
function checkImage({ name, dtype, shape }: ValueInfo) {
  if (dtype !== 'float32' || shape?.length !== 4)
    throw new ModelError(
      `input "${name}" is ${dtype ?? 'of no known type'} ${formatShape(shape ?? [])}: a network over every pixel takes float32 (batch, channels, height, width)`,
      { expected: 4, actual: shape },
    );
  return { name, shape };
}

function chooseOutput({ outputs }: Graph, wanted: string | undefined): string {
  const names = outputs.map(({ name }) => name);
  const preferred = wanted === undefined ? ['logits', 'probabilities', names[0]] : [wanted];
  const found = preferred.find((name) => name !== undefined && names.includes(name));
  if (found !== undefined) return found;
  throw new ModelError(`the model has no output "${wanted}". It has ${names.join(', ')}`, {
    actual: wanted,
  });
}

/** Operator sets other than the standard one. */
function foreignOpsets({ opsets }: Model): Record<string, number> {
  return Object.fromEntries(
    Object.entries(opsets).filter(([domain]) => domain !== '' && domain !== 'ai.onnx'),
  );
}
