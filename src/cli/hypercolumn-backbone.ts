/** The network whose layers `train hypercolumn` reads, for images of any size, and how images go into it. */
import { resolve } from 'node:path';
import { readBytes } from '../data/read-bytes.js';
import { convolutionalize } from '../dense/convolutionalize.js';
import { tapsModel } from '../dense/hypercolumn-models.js';
import { type HypercolumnTap, hypercolumnTaps } from '../dense/hypercolumn-taps.js';
import { ModelError, UsageError } from '../errors.js';
import type { Model } from '../graph/graph.js';
import { spreadTaps } from '../methods/hypercolumn/pixel-taps.js';
import { type Preprocessing, readSpec } from '../onnx/metadata.js';
import { featureKey } from '../runs/feature-cache.js';
import { readModelFile } from '../runs/model-file.js';
import type { Context } from './command.js';
import type { HypercolumnOptions } from './hypercolumn-options.js';
import { resolvePreprocessing } from './preprocessing.js';

export interface Backbone {
  /** Takes images of any size. */
  readonly source: Model;
  readonly taps: readonly HypercolumnTap[];
  /** Its height and width do not count. */
  readonly preprocessing: Preprocessing;
  /** Differs where the layers of an image may. */
  readonly key: string;
}

/**
 * Opens the network and finds its layers.
 * @throws ModelError where the model cannot slide over images, or lacks a layer that is named (with the nearest names);
 *   UsageError for options that do not fit.
 */
export async function openBackbone(given: HypercolumnOptions, context: Context): Promise<Backbone> {
  const path = resolve(context.cwd, given.from);
  const model = await readModelFile(path);
  const { model: source, input } = sliding(model, given);
  const taps = hypercolumnTaps(source, given.taps ?? spreadTaps(source));
  const info = model.graph.inputs.find(({ name }) => name === input);
  const stated = readSpec(model.metadata, info?.shape ?? [])?.preprocessing ?? null;
  const { preprocessing, notes } = resolvePreprocessing(
    { ...given, height: 1, width: 1, layout: undefined },
    stated,
    info ?? { name: input, dtype: null, shape: null },
  );
  for (const note of notes) context.note(note);
  const key = featureKey(
    await readBytes(path),
    JSON.stringify([taps.map(({ value }) => value), preprocessing]),
  );
  return { source, taps, preprocessing, key };
}

/** The network over images of any size. */
function sliding(model: Model, { height, width, input, taps }: HypercolumnOptions) {
  if ((height === undefined) !== (width === undefined))
    throw new UsageError('--height and --width belong together: give both of them or neither');
  const options = {
    ...{ pooling: 'none' as const, input },
    ...(height !== undefined && width !== undefined && { size: [height, width] as const }),
  };
  try {
    return convolutionalize(model, options);
  } catch (error) {
    if (!(error instanceof ModelError) || taps === undefined) throw error;
    // What stands in the way may lie behind the layers.
    const found = hypercolumnTaps(model, taps);
    return convolutionalize(tapsModel(model, found), { ...options, output: found.at(-1)?.value });
  }
}
