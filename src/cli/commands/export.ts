/** `espalier export`: a classifier as the folder that Hugging Face and transformers.js know. */
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { z } from 'zod';
import { ModelError } from '../../errors.js';
import type { Model } from '../../graph/graph.js';
import { type ClassifierSpec, readSpec } from '../../onnx/metadata.js';
import { figuresOf, type HubFigure, writeHubFolder } from '../../runs/hub.js';
import { type MetricsLine, readMetrics } from '../../runs/metrics-log.js';
import { readModelFile } from '../../runs/model-file.js';
import { readRunConfig } from '../../runs/run-config.js';
import { runPaths } from '../../runs/run-folder.js';
import { type Context, command } from '../command.js';
import { classifierOptions } from '../image-classifier.js';
import { preprocessingOptions, resolvePreprocessing } from '../preprocessing.js';
import { counted } from '../text-table.js';

const options = z.object({
  hub: z
    .string()
    .meta({ placeholder: 'folder' })
    .describe('where the Hugging Face folder is written'),
  overwrite: z.boolean().default(false).describe('replace the files of such a folder'),
  title: z.string().optional().describe('name in the model card (that of the folder)'),
  dataset: z
    .string()
    .optional()
    .describe('name of the data that the figures are of (as the run says)'),
  classes: classifierOptions.classes,
  input: classifierOptions.input,
  output: classifierOptions.output,
  ...preprocessingOptions,
});

type Options = z.output<typeof options>;

export const exportCommand = command({
  name: 'export',
  summary: 'Write a trained classifier as a Hugging Face folder, ready for transformers.js',
  examples: [
    'espalier export runs/mine --hub hub/mine',
    'espalier export model.onnx --hub hub/photos --title "Cats and dogs"',
    'espalier export theirs.onnx --hub hub/theirs --classes cat,dog --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225',
  ],
  arguments: [
    { name: 'model', description: 'an ONNX file, or the folder of a run', required: true },
  ],
  options,
  async run({ options: given, arguments: { model: word } }, context) {
    const path = resolve(context.cwd, word);
    const isRun = (await stat(path).catch(() => null))?.isDirectory() ?? false;
    const paths = runPaths(path);
    const model = await readModelFile(isRun ? paths.model : path);
    const spec = specOf(word, model, given, context);
    const stated = figuresOf(spec);
    const isValidated = stated.some(({ split }) => split === 'validation');
    const figures =
      isRun && !isValidated ? [...stated, ...validationFigures(await readMetrics(paths))] : stated;
    const folder = resolve(context.cwd, given.hub);
    const config = isRun ? await readRunConfig(paths).catch(() => null) : null;
    const written = await writeHubFolder(folder, model, spec, {
      input: given.input,
      output: given.output,
      overwrite: given.overwrite,
      card: {
        title: given.title ?? basename(folder),
        dataset: given.dataset ?? dataOf(config) ?? 'unnamed',
        figures,
      },
    });
    return {
      json: { ...written, classes: spec.classes.length, figures },
      text: [
        `${written.path}: ${counted(spec.classes.length, 'class', 'classes')}, ${counted(figures.length, 'figure')}`,
        ...written.files.map((file) => `  ${file.slice(written.path.length + 1)}`),
        '',
        `try it: pipeline('image-classification', '${given.hub}') in transformers.js`,
      ].join('\n'),
    };
  },
});

/** What the model says of itself, with what the options say otherwise. */
function specOf(word: string, model: Model, given: Options, context: Context): ClassifierSpec {
  const weights = model.graph.initializers;
  const inputs = model.graph.inputs.filter(({ name }) => !weights.has(name));
  const input = inputs.find(({ name }) => given.input === undefined || name === given.input);
  if (!input)
    throw new ModelError(`${word} has no input ${given.input ?? 'at all'}`, {
      expected: given.input,
      actual: inputs.map(({ name }) => name),
    });
  const spec = readSpec(model.metadata, input.shape ?? []);
  const stated = spec?.preprocessing ?? null;
  const { preprocessing, notes } = resolvePreprocessing(given, stated, input);
  for (const note of notes) context.note(note);
  const classes = given.classes ?? spec?.classes ?? numberedClasses(word, model, context);
  return { task: 'classification', ...spec, classes, preprocessing };
}

/** The most classes that are given numbers for names: a file may claim any size. */
const mostNumbered = 1_000_000;

function numberedClasses(word: string, { graph }: Model, context: Context): string[] {
  const widths = graph.outputs.map(({ shape }) => shape?.[1]);
  const width = widths.find((dim) => typeof dim === 'number' && dim > 1);
  if (typeof width !== 'number')
    throw new ModelError(`${word} does not say how many classes it has. Give --classes.`, {
      actual: widths,
    });
  if (width > mostNumbered)
    throw new ModelError(
      `${word} claims ${width} classes, at most ${mostNumbered} are numbered. Give --classes.`,
      { expected: mostNumbered, actual: width },
    );
  context.note(
    'the model names no classes: they are called by their numbers; --classes names them',
  );
  return Array.from({ length: width }, (_, i) => String(i));
}

/** The last figures on the validation images, for runs that do not state them in the model. */
function validationFigures(metrics: readonly MetricsLine[]): HubFigure[] {
  const last = metrics.findLast((line) => line.type === 'evaluation');
  if (last?.type !== 'evaluation') return [];
  return Object.entries(last.metrics)
    .filter(([, value]) => Number.isFinite(value))
    .map(([name, value]) => ({
      ...(name === 'error' ? { type: 'accuracy', value: 1 - value } : { type: name, value }),
      split: 'validation',
    }));
}

/** The data set's name in a run's options. */
function dataOf(config: unknown): string | undefined {
  const data = typeof config === 'object' && config !== null && 'data' in config ? config.data : '';
  return typeof data === 'string' && data !== '' ? data : undefined;
}
