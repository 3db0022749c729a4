/** The maps of a backbone that are scored beside its last one: found by name, or by their strides. */
import { valueFinder } from '../../dense/layer-names.js';
import { ModelError } from '../../errors.js';
import type { Value } from '../../graph/graph.js';
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

/**
 * Finds maps by the names that `valueFinder` knows.
 * @throws ModelError where there is none, with the nearest names, or where it is no map over the image.
 */
export function tapsByName(b: Builder, fields: ReceptiveFields, wanted: readonly string[]): Tap[] {
  const find = valueFinder(b);
  return wanted.map((name) => {
    const value = find(name);
    const field = fields.get(value);
    if (!field || field === 'unknown') throw noMap(name);
    return tapOf(name, { value: b.value(value), field });
  });
}

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
