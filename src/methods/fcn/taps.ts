/** The maps of a backbone that are scored beside its last one: found by name, or by their strides. */
import { ModelError } from '../../errors.js';
import type { Node, Value } from '../../graph/graph.js';
import { suggest } from '../../graph/suggest.js';
import type { Builder } from '../../ops/builder.js';
import { type FeatureMap, featureMaps } from '../../ops/feature-maps.js';
import type { Field } from '../../ops/receptive-field.js';
import type { ReceptiveFields } from '../../ops/receptive-fields.js';

/** A map that a score layer reads. */
export interface Tap {
  /** As it was asked for, or the name of its value. */
  readonly name: string;
  readonly value: Value;
  readonly field: Field;
  /** Pixels between neighbours, along height and width alike. */
  readonly stride: number;
}

const pools = new Set(['MaxPool', 'AveragePool', 'LpPool']);

/**
 * What people call the layers: of a node with weights the name of these without its last part (`fire5.expand3x3` of
 * `fire5.expand3x3.weight`), of pools `pool1`, `pool2` … in their order, of any other node that of the latest layer
 * that it reads.
 */
function layerNames(b: Builder): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const order = new Map<string, number>();
  let pool = 0;
  const latest = (inputs: readonly string[]): string | undefined =>
    inputs
      .flatMap((input) => names.get(input) ?? [])
      .sort((a, c) => (order.get(a) ?? 0) - (order.get(c) ?? 0))
      .at(-1);
  for (const node of b.nodes) {
    const own = pools.has(node.op) ? `pool${++pool}` : layerOfWeights(b, node);
    if (own !== undefined) order.set(own, order.size);
    const name = own ?? latest(node.inputs);
    if (name !== undefined) for (const output of node.outputs) names.set(output, name);
  }
  return names;
}

function layerOfWeights(b: Builder, { op, inputs }: Node): string | undefined {
  if (op !== 'Conv' && op !== 'Gemm' && op !== 'MatMul' && op !== 'ConvTranspose') return undefined;
  const weight = inputs.slice(1).find((name) => b.initializers.has(name) || b.parameters.has(name));
  return weight?.replace(/[./](weight|W|w|kernel)$/, '');
}

/**
 * Finds maps by name: of a value, of the node that makes it, or of a layer (all layers inside `fire5` for `fire5`), of
 * which the last map is meant.
 * @throws ModelError where there is none, with the nearest names, or where it is no map over the image.
 */
export function tapsByName(b: Builder, fields: ReceptiveFields, wanted: readonly string[]): Tap[] {
  const layers = layerNames(b);
  return wanted.map((name) => {
    const value = valueNamed(b, layers, name);
    if (value === null) throw unknownTap(b, layers, name);
    const field = fields.get(value);
    if (!field || field === 'unknown') throw noMap(name);
    return tapOf(name, { value: b.value(value), field });
  });
}

function valueNamed(b: Builder, layers: ReadonlyMap<string, string>, name: string): string | null {
  const made = b.nodes.find((node) => node.outputs.includes(name));
  if (made) return name;
  const node = b.nodes.find((each) => each.name === name);
  if (node) return node.outputs[0] ?? null;
  const inside = b.nodes.filter(({ name: path, outputs: [output = ''] }) => {
    const layer = layers.get(output) ?? '';
    return layer === name || isInside(layer, name) || isInside(path.replace(/^\//, ''), name);
  });
  return inside.at(-1)?.outputs[0] ?? null;
}

const isInside = (path: string, name: string): boolean =>
  path.startsWith(`${name}.`) || path.startsWith(`${name}/`);

function unknownTap(b: Builder, layers: ReadonlyMap<string, string>, name: string): ModelError {
  const short = new Set([...layers.values()].flatMap((layer) => [layer, layerHead(layer)]));
  const all = [...short, ...b.nodes.flatMap((node) => [node.name, ...node.outputs])];
  const near = suggest(name, all);
  const some = [...new Set([...layers.values()].map(layerHead))];
  return new ModelError(
    `the backbone has no layer, node or value "${name}".${near === undefined ? '' : ` Did you mean "${near}"?`} Its layers are ${shortened(some)}.`,
    { actual: name, expected: some },
  );
}

const layerHead = (layer: string): string => /^[^./]+/.exec(layer)?.[0] ?? layer;

const mostNamed = 24;

const shortened = (names: readonly string[]): string =>
  names.slice(0, mostNamed).join(', ') +
  (names.length > mostNamed ? ` and ${names.length - mostNamed} more` : '');

/**
 * The last map at every stride below `coarsest` and from `finest` on, the coarsest first.
 * @throws ModelError where the network has no map as fine as that.
 */
export function tapsByStride(
  b: Builder,
  fields: ReceptiveFields,
  { coarsest, finest }: { readonly coarsest: number; readonly finest: number },
): Tap[] {
  const last = new Map<number, Tap>();
  for (const map of featureMaps(b, fields)) {
    const stride = map.field[0]?.stride ?? 0;
    if (stride === map.field[1]?.stride && stride < coarsest)
      last.set(stride, tapOf(map.value.name, map));
  }
  const strides = [...last.keys(), coarsest].sort((a, c) => c - a);
  if (!strides.includes(finest))
    throw new ModelError(
      `the backbone has no map of stride ${finest} to refine the scores with: it has ${strides.join(', ')}`,
      { actual: finest, expected: strides },
    );
  return [...last.values()]
    .filter(({ stride }) => stride >= finest)
    .sort((a, c) => c.stride - a.stride);
}

/** @throws ModelError where the map does not lie over the image. */
export function tapOf(name: string, { value, field }: FeatureMap): Tap {
  const [height, width] = field;
  if (!height || !width || height.stride !== width.stride || value.shape.length !== 4)
    throw noMap(name);
  return { name, value, field, stride: height.stride };
}

function noMap(name: string): ModelError {
  return new ModelError(
    `"${name}" is no map (batch, channels, height, width) over the image with equal strides: it cannot be scored`,
    { actual: name },
  );
}
