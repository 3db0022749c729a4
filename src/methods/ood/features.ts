/** Layers as rows of features: maps by their mean over the image. */

import { valueFinder } from '../../dense/layer-names.js';
import { DataError, ModelError, ShapeError, UsageError } from '../../errors.js';
import type { Value } from '../../graph/graph.js';
import type { Builder } from '../../ops/builder.js';
import type { Runtime, Session, SessionOptions } from '../../runtime/runtime.js';
import { formatShape } from '../../tensor/shape.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { ImageRows } from '../classifier/score.js';
import { finishedModel, openNetwork, type ScoredNetwork } from './network.js';

/**
 * Names of the values that `taps` name, or of what the last layer reads where none are named.
 * @throws ModelError for a name that is not there, with the nearest ones, or where the last layer is not known.
 */
export function tapValues(
  network: ScoredNetwork,
  taps: readonly string[] | undefined,
): readonly string[] {
  const { b } = openNetwork(network);
  const isFeatures = (name: string): boolean => {
    const { dtype, shape } = b.value(name);
    return dtype === 'float32' && (shape.length === 2 || shape.length === 4);
  };
  const names = taps?.map(valueFinder(b, isFeatures)) ?? [network.features ?? ''];
  for (const [i, name] of names.entries()) {
    if (name === '')
      throw new ModelError(
        'the layer before the last is not known: no Gemm, MatMul or Conv with weights ends the model. Name a layer with --taps.',
      );
    if (!isFeatures(name))
      throw new ModelError(
        `"${taps?.[i] ?? name}" is no layer of features: it has shape ${formatShape(b.value(name).shape)}, not (batch, channels) or (batch, channels, height, width)`,
        { actual: name },
      );
  }
  return names;
}

/** float32 (batch, channels): maps are averaged over the image, as Lee et al. 2018b do. */
export function featureRows(b: Builder, name: string): Value {
  const value = b.value(name);
  return value.shape.length === 4 ? b.ReduceMean(value, [2, 3], { keepdims: 0 }) : value;
}

/** Rows of features of every image, one matrix a layer. */
export interface Features {
  readonly count: number;
  /** (count, width) each. */
  readonly layers: readonly { readonly width: number; readonly data: Float32Array }[];
}

/**
 * The features of all images.
 * @throws DataError where there is no image or a feature is no finite number; as `eachBatch`.
 */
export async function featuresOf(
  { runtime, session: options }: { runtime: Runtime; session?: SessionOptions | undefined },
  network: ScoredNetwork,
  images: ImageRows,
  values: readonly string[],
  batch: number,
): Promise<Features> {
  if (images.count === 0) throw new DataError('a detector needs images to learn from, got none');
  const { b } = openNetwork(network);
  const outputs = values.map((name, i) => b.output(featureRows(b, name), `features/${i}`));
  const session = await runtime.load(finishedModel(network, b), options);
  const layers = outputs.map(({ shape }) => {
    const width = Number(shape[1]);
    return { width, data: new Float32Array(images.count * width) };
  });
  await eachBatch(session, network, images, batch, (results, from) => {
    for (const [i, { name }] of outputs.entries()) {
      const layer = layers[i];
      layer?.data.set(results[name]?.data as Float32Array, from * layer.width);
    }
  });
  for (const { data } of layers)
    if (!data.every(Number.isFinite))
      throw new DataError(
        'a feature is no finite number: the model has diverged, or its input has NaN',
      );
  return { count: images.count, layers };
}

/**
 * Runs a session over all images.
 * @param visit is given the outputs, and which image is the first of them
 * @throws ShapeError where the images are of another size than the network takes; UsageError for a batch that is none.
 */
export async function eachBatch(
  session: Session,
  { input, shape }: ScoredNetwork,
  images: ImageRows,
  batch: number,
  visit: (results: Readonly<Record<string, Tensor>>, from: number, count: number) => void,
): Promise<void> {
  if (!Number.isInteger(batch) || batch < 1)
    throw new UsageError(`invalid batch ${batch}: give a whole number from 1 on`, {
      actual: batch,
    });
  for (let from = 0; from < images.count; from += batch) {
    const count = Math.min(batch, images.count - from);
    const rows = await images.rows(from, count);
    const fits =
      rows.dims.length === shape.length &&
      shape.every((dim, i) => i === 0 || typeof dim === 'string' || dim === rows.dims[i]);
    if (!fits)
      throw new ShapeError(
        `images of shape ${formatShape(rows.dims.slice(1))} do not fit the network, whose input "${input}" takes ${formatShape(shape.slice(1))}: bring them to that size first`,
        { expected: shape.slice(1), actual: rows.dims.slice(1) },
      );
    visit(await session.run({ [input]: rows }), from, count);
  }
}
