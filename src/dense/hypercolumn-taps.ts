/** The layers that a hypercolumn is made of: named values of any network, and where their cells stand. */
import { ModelError } from '../errors.js';
import type { Model, Value } from '../graph/graph.js';
import type { Builder } from '../ops/builder.js';
import { loadModel } from '../ops/load.js';
import type { Field } from '../ops/receptive-field.js';
import { imageInput, receptiveFields } from '../ops/receptive-fields.js';
import { isFloat } from '../tensor/dtype.js';
import { formatShape } from '../tensor/shape.js';
import { type Grids, gridsOf } from './grid.js';
import { valueFinder } from './layer-names.js';

/** A layer of a hypercolumn. */
export interface HypercolumnTap {
  /** As it was asked for. */
  readonly name: string;
  /** Name of the value: float32 (batch, channels, height, width), or of units also (batch, channels). */
  readonly value: string;
  readonly channels: number;
  /**
   * Where its cells stand in the image: the middles of what they see. Null for units without extent, of which there is
   * one position for the whole image: these say the same at every pixel.
   */
  readonly grids: Grids | null;
  /** Name of the input that takes images. */
  readonly image: string;
}

/**
 * Finds the layers by the names of values, nodes or layers (`fire5`, `pool2`, `fc7`). Fully connected layers and pools
 * over the whole map are units without extent in the classifier itself, which sees an image, or a box, of one size; in
 * a network that went through `convolutionalize` they are maps like any other. So the model that is given chooses.
 * @throws ModelError for a name that is not there, with the nearest names, for a value of which is not known how far
 *   apart its cells stand in the image, or for a model that takes no images.
 */
export function hypercolumnTaps(source: Model, names: readonly string[]): HypercolumnTap[] {
  if (names.length === 0)
    throw new ModelError(
      'a hypercolumn needs at least one layer: name some. inspect --tap lists them',
    );
  const b = loadModel(source);
  const image = imageInput(b);
  if (!image) throw new ModelError('the model takes no images (batch, channels, height, width)');
  const fields = receptiveFields(b, image);
  const fits = (value: string): boolean => {
    const field = fields.get(value);
    return field !== undefined && problemOf(b.value(value), field) === null;
  };
  const find = valueFinder(b, fits);
  return names.map((name) => tapOf(b, fields.get(find(name)), name, find(name), image.name));
}

function tapOf(
  b: Builder,
  field: Field | 'unknown' | undefined,
  name: string,
  found: string,
  image: string,
): HypercolumnTap {
  const value = b.value(found);
  const problem = field === undefined ? 'it does not depend on the image' : problemOf(value, field);
  if (problem !== null)
    throw new ModelError(`"${name}" is no layer of a hypercolumn: ${problem}`, { actual: name });
  const channels = Number(value.shape[1]);
  const grids = isUnits(value) ? null : gridsOf(field, name);
  return { name, value: found, channels, grids, image };
}

/** One position for the whole image. */
const isUnits = ({ shape: [, , ...sizes] }: Value): boolean => sizes.every((size) => size === 1);

/** What keeps a value from being a layer; null where nothing does. */
function problemOf({ dtype, shape }: Value, field: Field | 'unknown'): string | null {
  const axes = field === 'unknown' ? [] : field;
  if (!isFloat(dtype) || typeof shape[1] !== 'number' || (shape.length !== 2 && shape.length !== 4))
    return `it is ${dtype} ${formatShape(shape)}, not float32 (batch, channels, height, width) or (batch, channels) with a known number of channels`;
  if (axes.some(({ merged }) => merged))
    return 'its positions lie flattened among its channels. Name the map before it';
  if (shape.every((size, axis) => axis < 2 || size === 1)) return null;
  const lies = axes.every(({ axis, stride }, i) => axis === i + 2 && stride > 0);
  if (axes.length === 2 && lies) return null;
  return 'its stride cannot be known, that is how far apart its cells stand in the image. Name a map before it';
}
