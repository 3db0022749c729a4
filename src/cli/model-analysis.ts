/** What each node and value of a model costs and sees, as data. */
import type { Graph, Model, Node, TensorType, Value, ValueInfo } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { macsOf } from '../ops/cost.js';
import { type FeatureMap, featureMaps } from '../ops/feature-maps.js';
import { loadModel } from '../ops/load.js';
import type { AxisField, Field } from '../ops/receptive-field.js';
import { imageInput, type ReceptiveFields, receptiveFields } from '../ops/receptive-fields.js';
import { bytesPerElement, type DType, isFloat } from '../tensor/dtype.js';
import { type Dim, isStatic, type Shape, sizeOf } from '../tensor/shape.js';
import { operatorInfo } from './operator-info.js';
import { trainableWeights } from './trainable.js';

/** Along height and width, or whatever spatial axes the image has; in pixels. */
export interface FieldSummary {
  /** Pixels that an element sees. */
  readonly size: readonly number[];
  /** Pixels between what neighbours see. */
  readonly stride: readonly number[];
  /** The first pixel that the first element sees; negative in the padding. */
  readonly offset: readonly number[];
}

/** An operator applied; macs and bytes are those of one image where the batch is open. */
export interface NodeSummary {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Numbers in the float weights that it is the first to read. */
  readonly parameters: number;
  /** Multiply-adds; null where sizes or operator are unknown. */
  readonly macs: number | null;
  /** Of its outputs. */
  readonly bytes: number | null;
  readonly gradient: 'yes' | 'zero' | 'none' | 'unknown';
  /** Whether all that it gives is known before the graph runs: constants and the arithmetic of shapes. */
  readonly constant: boolean;
}

/** An input, a weight, or what a node computes. */
export interface ValueSummary {
  readonly name: string;
  readonly kind: 'input' | 'initializer' | 'computed';
  readonly dtype: DType | null;
  readonly shape: Shape | null;
  readonly bytes: number | null;
  /** Null where it does not depend on the image, or in no way that a field describes. */
  readonly receptiveField: FieldSummary | null;
  /** Whether the receptive field is exact rather than a bound; null without one. */
  readonly exact: boolean | null;
  /** A float weight that a gradient reaches. */
  readonly trainable: boolean;
}

/** A map fit to be a layer of a hypercolumn. */
export interface TapSummary {
  readonly name: string;
  readonly op: string;
  readonly channels: number;
  readonly height: Dim;
  readonly width: Dim;
  readonly receptiveField: FieldSummary;
  readonly exact: boolean;
}

/** A whole model. */
export interface ModelAnalysis {
  /** The input that fields are pixels of; null where there is none with spatial axes. */
  readonly image: string | null;
  /** Sizes of symbolic dimensions for which macs and bytes are. */
  readonly dimensions: Readonly<Record<string, number>>;
  readonly nodes: readonly NodeSummary[];
  readonly values: readonly ValueSummary[];
  readonly taps: readonly TapSummary[];
  readonly totals: {
    readonly parameters: number;
    /** Of the parameters, those in weights that a gradient reaches; null where shapes are unknown. */
    readonly trainable: number | null;
    readonly macs: number | null;
    /** Of all values that nodes compute. */
    readonly bytes: number | null;
  };
}

/** Open batches count as one image: the first dimension of each input where it has a name. */
export function boundDimensions(
  graph: Graph,
  given: Readonly<Record<string, number>>,
): Record<string, number> {
  const batches = graph.inputs.flatMap(({ shape }) => {
    const first = shape?.[0];
    return typeof first === 'string' ? [[first, 1] as const] : [];
  });
  return { ...Object.fromEntries(batches), ...given };
}

/**
 * Infers and counts.
 * @throws ModelError, ShapeError, OperatorError naming the node where shapes cannot be inferred.
 */
export function analyse(model: Model, given: Readonly<Record<string, number>>): ModelAnalysis {
  const dimensions = boundDimensions(model.graph, given);
  const b = loadModel(model, { dimensions });
  const image = imageInput(b);
  const fields: ReceptiveFields = image ? receptiveFields(b, image) : new Map();
  const named = Object.keys(dimensions).length > Object.keys(given).length;
  const shown = named ? loadModel(model, { dimensions: given }) : b;
  const trainable = trainableWeights(b);
  const nodes = summarizeNodes(b);
  const values = inOrder(b).map(
    (value): ValueSummary => ({
      ...{ name: value.name, kind: kindOf(b, value.name), dtype: value.dtype },
      shape: shown.values.get(value.name)?.shape ?? value.shape,
      bytes: bytesOf(value),
      ...describeField(fields.get(value.name)),
      trainable: trainable.has(value.name),
    }),
  );
  return {
    ...{ image: image?.name ?? null, dimensions, nodes, values },
    taps: featureMaps(b, fields).map((map) => tapOf(b, map)),
    totals: {
      parameters: countFloats(b, () => true),
      trainable: countFloats(b, (name) => trainable.has(name)),
      macs: total(nodes.map(({ macs }) => macs)),
      bytes: total(nodes.map(({ bytes }) => bytes)),
    },
  };
}

/** As `analyse`, from what the file states alone: for graphs whose shapes cannot be inferred. */
export function analyseStated({ graph }: Model): ModelAnalysis {
  const { inputs, outputs, values, initializers } = graph;
  const weights = [...initializers].map(([name, { dtype, dims: shape }]) => ({
    ...{ name, dtype, shape },
  }));
  const stated = new Map<string, ValueInfo>(
    [...values.values(), ...outputs, ...inputs, ...weights].map((info) => [info.name, info]),
  );
  const names = new Set([
    ...inputs.map(({ name }) => name),
    ...initializers.keys(),
    ...graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== '')),
  ]);
  const summaries = [...names].map((name): ValueSummary => {
    const { dtype = null, shape = null } = stated.get(name) ?? {};
    const kind = initializers.has(name)
      ? 'initializer'
      : inputs.some((input) => input.name === name)
        ? 'input'
        : 'computed';
    const bytes = dtype && shape ? bytesOf({ dtype, shape }) : null;
    return {
      ...{ name, kind, dtype, shape, bytes },
      ...{ receptiveField: null, exact: null, trainable: false },
    };
  });
  const floats = weights.filter(({ dtype }) => isFloat(dtype));
  return {
    ...{ image: null, dimensions: {}, values: summaries, taps: [] },
    nodes: graph.nodes.map((node) => describeNode(node, 0, null, null)),
    totals: {
      parameters: floats.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      ...{ trainable: null, macs: null, bytes: null },
    },
  };
}

/** Inputs, weights, then what nodes compute. */
function inOrder(b: Builder): Value[] {
  const order = ['input', 'initializer', 'computed'];
  const rank = ({ name }: Value) => order.indexOf(kindOf(b, name));
  return [...b.values.values()].sort((one, other) => rank(one) - rank(other));
}

function summarizeNodes(b: Builder): NodeSummary[] {
  const counted = new Set<string>();
  return b.nodes.map((node) => {
    let parameters = 0;
    for (const input of node.inputs) {
      const data = b.initializers.get(input);
      if (!data || counted.has(input)) continue;
      counted.add(input);
      if (isFloat(data.dtype)) parameters += sizeOf(data.dims);
    }
    const outputs = node.outputs.filter((output) => output !== '');
    const bytes = total(outputs.map((output) => bytesOf(b.value(output))));
    const constant = outputs.every((output) => b.known(output) !== null);
    return { ...describeNode(node, parameters, macsOf(b, node), bytes), constant };
  });
}

function describeNode(
  { name, op, domain, inputs, outputs }: Node,
  parameters: number,
  macs: number | null,
  bytes: number | null,
): NodeSummary {
  return {
    ...{ name: name || (outputs[0] ?? ''), op, domain, inputs, outputs, parameters, macs, bytes },
    gradient: operatorInfo(op, domain)?.gradient ?? 'unknown',
    constant: op === 'Constant',
  };
}

function kindOf(b: Builder, name: string): ValueSummary['kind'] {
  if (b.initializers.has(name)) return 'initializer';
  return b.inputs.some((input) => input.name === name) ? 'input' : 'computed';
}

function bytesOf({ dtype, shape }: TensorType): number | null {
  return isStatic(shape) && dtype !== 'string' ? sizeOf(shape) * bytesPerElement(dtype) : null;
}

function countFloats(b: Builder, isWanted: (name: string) => boolean): number {
  let sum = 0;
  for (const [name, { dtype, dims }] of b.initializers)
    if (isFloat(dtype) && isWanted(name)) sum += sizeOf(dims);
  return sum;
}

/** The sum, unknown where a part is. */
function total(parts: readonly (number | null)[]): number | null {
  return parts.reduce((sum, part) => (sum === null || part === null ? null : sum + part), 0);
}

function describeField(
  field: Field | 'unknown' | undefined,
): Pick<ValueSummary, 'receptiveField' | 'exact'> {
  return field && field !== 'unknown'
    ? { receptiveField: summarizeField(field), exact: field.every(({ exact }) => exact) }
    : { receptiveField: null, exact: null };
}

function summarizeField(field: Field): FieldSummary {
  const list = (key: keyof Pick<AxisField, 'size' | 'stride' | 'offset'>) =>
    field.map((axis) => axis[key]);
  return { size: list('size'), stride: list('stride'), offset: list('offset') };
}

function tapOf(b: Builder, { value, field }: FeatureMap): TapSummary {
  const [, channels = 1, height = 1, width = 1] = value.shape;
  return {
    ...{ name: value.name, op: b.producer(value)?.op ?? '', channels: Number(channels) },
    ...{ height, width, receptiveField: summarizeField(field) },
    exact: field.every(({ exact }) => exact),
  };
}
