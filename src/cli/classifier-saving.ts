/** What a finished classifier run leaves of its network: the ONNX file, and the folders that transformers.js loads. */
import { basename } from 'node:path';
import { ModelError } from '../errors.js';
import type { TrainedClassifier } from '../methods/classifier/train.js';
import { type ClassifierSpec, describeClassifier } from '../onnx/metadata.js';
import { figuresOf, writeHubFolder } from '../runs/hub.js';
import { writeModelFile } from '../runs/model-file.js';
import type { RunFolder } from '../runs/run-folder.js';
import type { ClassifierRunOptions } from './classifier-run.js';
import { version } from './version.js';

/** What of a run is said in its model; a `method` where it is another than the classifier's. */
export type SavedRun = Pick<
  ClassifierRunOptions,
  'classes' | 'preprocessing' | 'origin' | 'network' | 'outputName' | 'hub' | 'data' | 'progress'
> & { readonly config: { readonly seed: number }; readonly method?: string };

/** Shares of images that were taken for another class; null where there were none to judge. */
export interface MeasuredErrors {
  readonly testError: number | null;
  readonly validationError: number | null;
}

/**
 * Writes `model.onnx`, `huggingface/` and, where it was asked for, `hub`. A network that cannot take the form of
 * transformers.js is saved without `huggingface/`, with a notice.
 * @returns the folders for transformers.js
 * @throws ModelError where the network does not fit into the folder that was asked for, and as `writeModelFile`.
 */
export async function saveClassifier(
  folder: RunFolder,
  options: SavedRun,
  trained: Pick<TrainedClassifier, 'model' | 'step'>,
  errors: MeasuredErrors,
): Promise<readonly string[]> {
  const spec = specOf(options, trained, errors);
  const model = trained.model({ ...options.network.metadata, ...describeClassifier(spec) });
  await writeModelFile(folder.model, model);
  const write = async (path: string, title: string) => {
    const names = { input: options.network.input.name, output: options.outputName };
    const card = { title, dataset: options.data.name, figures: figuresOf(spec) };
    return (await writeHubFolder(path, model, spec, { ...names, card, overwrite: true })).path;
  };
  const own = await write(folder.huggingFace, basename(folder.path)).catch((error: unknown) => {
    if (!(error instanceof ModelError)) throw error;
    const message = `no huggingface/ folder: ${error.message}`;
    options.progress({ type: 'notice', message });
    return null;
  });
  const asked = options.hub === undefined ? null : await write(options.hub, basename(options.hub));
  return [own, asked].filter((path) => path !== null);
}

function specOf(
  { classes, preprocessing, config, origin, data, method = 'classifier' }: SavedRun,
  { step }: Pick<TrainedClassifier, 'step'>,
  { testError, validationError }: MeasuredErrors,
): ClassifierSpec {
  return {
    task: 'classification',
    classes,
    preprocessing,
    provenance: {
      method,
      from: origin,
      data: data.name,
      images: data.train.count,
      seed: config.seed,
      steps: step,
      ...(testError !== null && { testError }),
      ...(validationError !== null && { validationError }),
      espalier: version,
    },
  };
}
