/** Receptive fields of all values of a graph, by the rules that operators state. */
import { attributesOf } from '../graph/builder.js';
import type { Node, Value } from '../graph/graph.js';
import { isFloat } from '../tensor/dtype.js';
import type { Shape } from '../tensor/shape.js';
import type { Builder } from './builder.js';
import { entryOf } from './op.js';
import { type Field, type FieldResult, pixelField } from './receptive-field.js';
import { independent } from './receptive-field-rules.js';

/** Names of values -> what they see; `unknown` where no field describes it. Other values do not see the image. */
export type ReceptiveFields = ReadonlyMap<string, Field | 'unknown'>;

/** Channels that mark the last axis of an image as theirs: grey, RGB, RGBA. */
const colours: readonly unknown[] = [1, 3, 4];

/** The axes along which the pixels of an image input lie: all but batch and channels, wherever these stand. */
export function imageAxes(shape: Shape): number[] {
  const axes = shape.map((_, axis) => axis).slice(1);
  const channelsLast =
    shape.length > 3 && colours.includes(shape.at(-1)) && !colours.includes(shape[1]);
  return channelsLast ? axes.slice(0, -1) : axes.slice(1);
}

/** The first float input with spatial axes, which is taken for the image; null where a graph has none. */
export function imageInput(b: Builder): Value | null {
  return b.inputs.find(({ dtype, shape }) => isFloat(dtype) && shape.length > 2) ?? null;
}

/**
 * The receptive field of every value that depends on `image`, by name.
 * @param image an input with batch, channels and spatial axes; `imageInput` finds it
 */
export function receptiveFields(b: Builder, image: Value): ReceptiveFields {
  const sizes = imageAxes(image.shape).map((axis) => [axis, image.shape[axis]] as const);
  const fields = new Map<string, Field | 'unknown'>([
    [
      image.name,
      sizes.map(([axis, size]) => pixelField(axis, typeof size === 'number' ? size : null)),
    ],
  ]);
  for (const node of b.nodes) {
    const seen = node.inputs.map((input) => fields.get(input) ?? null);
    if (seen.every((field) => field === null)) continue;
    node.outputs.forEach((output, index) => {
      const field = output === '' ? null : outputField(b, node, seen, index);
      if (field) fields.set(output, field);
    });
  }
  return fields;
}

function outputField(
  b: Builder,
  node: Node,
  seen: readonly (Field | 'unknown' | null)[],
  index: number,
): FieldResult {
  const op = entryOf(b.table, node);
  const fields = seen.map((field) => (field === 'unknown' ? null : field));
  if (op?.field === independent) return null;
  if (!op?.field || fields.every((field) => field === null)) return 'unknown';
  const result = op.field({
    attributes: attributesOf(b.table, node),
    inputs: node.inputs.map((input) => (input === '' ? null : b.value(input))),
    fields,
    output: b.value(node.outputs[index] ?? ''),
    index,
    constant: (i) => b.known(node.inputs[i] ?? ''),
  });
  // What is unknown of one operand is unknown of the result.
  return result !== null && seen.includes('unknown') ? 'unknown' : result;
}
