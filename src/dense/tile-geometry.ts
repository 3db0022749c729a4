/** What of a network decides how its input may be cut into tiles, read off its receptive fields. */
import { ModelError } from '../errors.js';
import type { Model, Node, Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { loadModel } from '../ops/load.js';
import type { AxisField, Field } from '../ops/receptive-field.js';
import { imageAxes, type ReceptiveFields, receptiveFields } from '../ops/receptive-fields.js';
import { isFloat } from '../tensor/dtype.js';
import { formatShape, isStatic, sizeOf } from '../tensor/shape.js';

/** Height and width. */
export type Size = readonly [height: number, width: number];

/** A network whose image has a size: all shapes are known. */
export interface Sized {
  readonly b: Builder;
  readonly image: Value;
  /** float32 (1, channels, height, width). */
  readonly output: Value;
}

/** One axis of a network, as `planAxis` needs it. */
export interface AxisGeometry {
  readonly field: AxisField;
  readonly alignment: number;
  readonly least: number;
}

/** Sizes below are not looked at: single positions would hide how a map goes on. */
const representative = 2048;
/** A multiple of the usual strides, so that a size first looked at leaves the image's own remainders by them. */
const commonMultiple = 960;
/** Denominators of strides: maps finer than the image. */
const finest = 64;

/**
 * The network for one image of this size.
 * @param name of the output; the first where left out
 * @throws ModelError for a network that is no map over a single image; ShapeError where the image is too small.
 */
export function sized(model: Model, [height, width]: Size, name?: string): Sized {
  const { graph } = model;
  const inputs = graph.inputs.filter((input) => !graph.initializers.has(input.name));
  const [input, ...more] = inputs;
  const { shape } = input ?? {};
  if (!input || more.length > 0 || shape?.length !== 4)
    throw new ModelError(
      `tiles: the model must have one input, images (batch, channels, height, width), got ${inputs.map((each) => `${each.name} ${formatShape(each.shape ?? [])}`).join(', ') || 'none'}`,
      { actual: inputs.map((each) => each.name) },
    );
  const axes = imageAxes(shape);
  const dims = shape.map((dim, axis) => {
    if (axis === 0) return 1;
    const size = [height, width][axes.indexOf(axis)];
    if (size === undefined) return dim;
    if (typeof dim === 'number' && dim !== size) throw fixedSize(input.name, dim, size);
    return size;
  });
  const named = shape.flatMap((dim, i) =>
    typeof dim === 'string' ? [[dim, dims[i]] as const] : [],
  );
  // A name that height and width share has no size.
  const dimensions = Object.fromEntries(
    named.flatMap(([dim, size]) =>
      typeof size === 'number' && named.every(([other, its]) => other !== dim || its === size)
        ? [[dim, size]]
        : [],
    ),
  );
  const resized = graph.inputs.map((each) => (each === input ? { ...each, shape: dims } : each));
  const b = loadModel({ ...model, graph: { ...graph, inputs: resized } }, { dimensions });
  const output = b.value(name ?? graph.outputs[0]?.name ?? '');
  if (output.dtype !== 'float32' || output.shape.length !== 4 || !isStatic(output.shape))
    throw new ModelError(
      `tiles: output "${output.name}" must be a float32 map (batch, channels, height, width), got ${output.dtype} ${formatShape(output.shape)}. Make the classifier dense first: espalier convolutionalize.`,
      { actual: output },
    );
  return { b, image: b.value(input.name), output };
}

const fixedSize = (name: string, expected: number, actual: number): ModelError =>
  new ModelError(
    `tiles: input "${name}" takes ${expected} pixels alone, got ${actual}. Make the model dense first: espalier convolutionalize.`,
    { expected, actual },
  );

/**
 * How a network must be cut for images of this size. It is looked at in two sizes that leave the same remainders by
 * all strides: what differs between them depends on the whole image, and cannot be had from a tile.
 * @throws ModelError naming the node that makes tiles impossible.
 */
export function geometryOf(model: Model, size: Size, name?: string): readonly AxisGeometry[] {
  const large = (n: number, alignment: number): number =>
    n + Math.ceil(Math.max(0, representative - n) / alignment) * alignment;
  const [height, width] = size.map((n) => large(n, commonMultiple));
  const first = sized(model, [height ?? 0, width ?? 0], name);
  const alignments = alignmentsOf(first, receptiveFields(first.b, first.image));
  const pair = [1, 2].map((times) => {
    const at = (n: number, axis: number): number =>
      large(n, alignments[axis] ?? 1) + times * (alignments[axis] ?? 1);
    const net = sized(model, [at(size[0], 0), at(size[1], 1)], name);
    return { ...net, fields: receptiveFields(net.b, net.image) };
  });
  const [small, big] = pair;
  if (!small || !big) return [];
  checkSame(small, big);
  const field = small.fields.get(small.output.name);
  const axes = field === 'unknown' || !field ? [] : field;
  const isMap = axes.length === 2 && axes.every(({ axis, merged }, i) => axis === i + 2 && !merged);
  if (!isMap)
    throw new ModelError(
      `tiles: the rows and columns of output "${small.output.name}" are not those of the image`,
      { actual: small.output.name },
    );
  const all = [...ancestors(small)].flatMap((each) => fieldOf(small.fields, each) ?? []);
  // At the image's borders some operators read copies of positions further in, which must be whole as well.
  const copies = small.b.nodes.some(
    (node) => node.op === 'Resize' || (attributeOf(node, 'mode') ?? 'constant') !== 'constant',
  );
  return axes.map((axis, i) => {
    const along = all.filter((_, at) => at % axes.length === i);
    const needs = along.map(
      (each) => each.size + each.stride + (copies ? 2 * Math.abs(each.offset) : 0),
    );
    return { field: axis, alignment: alignments[i] ?? 1, least: Math.ceil(Math.max(...needs)) };
  });
}

const fieldOf = (fields: ReceptiveFields, name: string): Field | null => {
  const field = fields.get(name);
  return field === undefined || field === 'unknown' ? null : field;
};

/** Names of all values from which the output is computed, itself included. */
function ancestors({ b, output }: Sized): Set<string> {
  const names = new Set([output.name]);
  for (const { inputs, outputs } of b.nodes.toReversed())
    if (outputs.some((each) => names.has(each))) for (const each of inputs) names.add(each);
  names.delete('');
  return names;
}

/** The least common multiples of all strides, in pixels. */
function alignmentsOf(net: Sized, fields: ReceptiveFields): number[] {
  const names = ancestors(net);
  return [0, 1].map((axis) => {
    let all = 1;
    for (const node of net.b.nodes)
      for (const output of node.outputs) {
        const stride = names.has(output) ? fieldOf(fields, output)?.[axis]?.stride : undefined;
        if (stride !== undefined) all = leastCommonMultiple(all, wholePixels(stride, node));
      }
    return all;
  });
}

/** The pixels after which a map of this stride meets the pixels' grid again. */
function wholePixels(stride: number, node: Node): number {
  for (let parts = 1; parts <= finest && stride > 0; parts++) {
    const pixels = Math.round(stride * parts);
    if (pixels > 0 && Math.abs(stride * parts - pixels) < 1e-9 * pixels) return pixels;
  }
  throw refusal(node, `has a stride of ${stride} pixels, which no tiles can keep`);
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return (a / x) * b;
}

interface Looked extends Sized {
  readonly fields: ReceptiveFields;
}

/** @throws ModelError naming the first node whose result depends on the size of the image. */
function checkSame(small: Looked, big: Looked): void {
  const names = ancestors(small);
  for (const node of small.b.nodes)
    for (const output of node.outputs.filter((each) => names.has(each))) {
      const [a, b] = [small.fields.get(output), big.fields.get(output)];
      if (a === 'unknown' || b === 'unknown')
        throw refusal(node, 'gives values of which is not known what they see of the image');
      if (a && !(b && isSame(a, b)))
        throw refusal(node, 'gives values that see more the larger the image is');
      // A map that is made of the image's size alone tells places apart.
      if (!a && isFloat(small.b.value(output).dtype) && !hasSameSize(small, big, output))
        throw refusal(node, 'gives a map that depends on the size of the image');
      if (node.op === 'Pad' && a && attributeOf(node, 'mode') === 'wrap')
        throw refusal(node, 'brings the other end of the image to its border');
    }
}

const attributeOf = (node: Node, name: string): unknown => {
  const attribute = node.attributes[name];
  return attribute && 'value' in attribute ? attribute.value : undefined;
};

const isSame = (a: Field, b: Field): boolean =>
  a.every((axis, i) =>
    (['size', 'stride', 'offset'] as const).every(
      (key) => Math.abs(axis[key] - (b[i]?.[key] ?? Number.NaN)) < 1e-6,
    ),
  );

const hasSameSize = (a: Sized, b: Sized, name: string): boolean =>
  formatShape(a.b.value(name).shape) === formatShape(b.b.values.get(name)?.shape ?? []);

const refusal = (node: Node, what: string): ModelError => {
  const id = node.name || node.outputs[0] || '';
  return new ModelError(
    `tiles: ${node.op} at node "${id}" ${what}. Run the image whole, with more memory, or make the model dense without global layers: espalier convolutionalize --pooling none.`,
    { op: node.op, node: id },
  );
};

/** Bytes of all values that are alive at once, at most, weights not counted: what a run needs, roughly. */
export function liveBytes({ b, output }: Sized): number {
  const last = new Map<string, number>();
  b.nodes.forEach(({ inputs }, i) => {
    for (const input of inputs) last.set(input, i);
  });
  last.set(output.name, b.nodes.length);
  const bytes = (name: string): number => {
    const { shape = [] } = b.values.get(name) ?? {};
    return isStatic(shape) ? 4 * sizeOf(shape) : 0;
  };
  let live = b.inputs.reduce((sum, { name }) => sum + bytes(name), 0);
  let most = live;
  b.nodes.forEach(({ inputs, outputs }, i) => {
    for (const each of outputs) if (last.has(each)) live += bytes(each);
    most = Math.max(most, live);
    for (const each of new Set(inputs))
      if (last.get(each) === i && !b.initializers.has(each)) live -= bytes(each);
  });
  return most;
}
