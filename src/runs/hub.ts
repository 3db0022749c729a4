/**
 * The folder that Hugging Face's hub and transformers.js know: `config.json`, `preprocessor_config.json`,
 * `onnx/model.onnx`, and a model card with the figures that were measured.
 */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { UsageError } from '../errors.js';
import type { Model } from '../graph/graph.js';
import { type ClassifierSpec, huggingFaceFiles } from '../onnx/metadata.js';
import { writeAtomically } from './atomic-file.js';
import { type HubNames, hubModel, weightCount } from './hub-model.js';
import { writeModelFile } from './model-file.js';

/** One figure that was measured, as the hub's `model-index` has them. */
export interface HubFigure {
  /** The hub's name of the metric: `accuracy`, `f1`. */
  readonly type: string;
  /** A fraction in [0, 1] for rates. */
  readonly value: number;
  /** What it was measured on: `test`, `validation`. */
  readonly split: string;
}

/** What the model card says beside what the model itself says. */
export interface HubCard {
  /** Name of the model; that of the folder where left out. */
  readonly title?: string;
  /** Name of the data that the figures are of. */
  readonly dataset?: string;
  readonly figures?: readonly HubFigure[];
}

export interface HubOptions extends HubNames {
  readonly card?: HubCard;
  /** Replace the files of the folder; others in it stay. */
  readonly overwrite?: boolean;
}

/** What was written; absolute paths. */
export interface HubFolder {
  readonly path: string;
  readonly files: readonly string[];
}

/** The errors on test and validation images that training wrote into a spec, as accuracies. */
export function figuresOf({ provenance = {} }: ClassifierSpec): HubFigure[] {
  return ['test', 'validation'].flatMap((split) => {
    const error = provenance[`${split}Error`];
    return typeof error === 'number' ? [{ type: 'accuracy', value: 1 - error, split }] : [];
  });
}

/** Names of the files of such a folder, the texts first. */
const fileNames = ['config.json', 'preprocessor_config.json', 'README.md', 'onnx/model.onnx'];

/**
 * Writes a classifier of images as a Hugging Face folder, each file replaced at once.
 * @param folder made where it is not there
 * @throws UsageError where the folder holds such files already, ModelError where the model does not fit (see
 *   `hubModel`), TrainingError where a file cannot be written.
 */
export async function writeHubFolder(
  folder: string,
  model: Model,
  spec: ClassifierSpec,
  options: HubOptions = {},
): Promise<HubFolder> {
  const made = hubModel(model, spec, options);
  const path = resolve(folder);
  const texts = {
    ...huggingFaceFiles(made.spec),
    'README.md': modelCard(made.model, spec, options.card ?? {}, path),
  };
  if (!options.overwrite) await refuseHubFolder(path);
  await writeModelFile(join(path, 'onnx', 'model.onnx'), made.model);
  for (const [name, text] of Object.entries(texts))
    await writeAtomically(join(path, name), text, { what: name });
  return { path, files: fileNames.map((name) => join(path, name)) };
}

/** @throws UsageError where the folder holds such files or is a file, so that one knows before hours of training. */
export async function refuseHubFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => null);
  if (found?.isDirectory() === false)
    throw new UsageError(`${folder} is a file. Choose another folder.`, { path: folder });
  for (const name of fileNames) {
    const file = resolve(folder, name);
    if (await stat(file).catch(() => null))
      throw new UsageError(
        `${file} is there already. Add --overwrite to replace it, or choose another folder.`,
        { path: file },
      );
  }
}

/** README.md: YAML that the hub reads, then what a reader wants to know. */
function modelCard(model: Model, spec: ClassifierSpec, card: HubCard, path: string): string {
  const title = card.title ?? path.split(/[/\\]/).at(-1) ?? 'model';
  const head = stringify({
    library_name: 'transformers.js',
    pipeline_tag: 'image-classification',
    tags: ['onnx', 'image-classification', 'espalier'],
    ...modelIndex(title, card),
  });
  return [
    `---\n${head}---\n`,
    `# ${title}\n`,
    `${summaryOf(model, spec)}\n`,
    ...figureTable(card),
    ...provenanceList(spec),
    '## Use\n',
    usage,
  ].join('\n');
}

/** @see https://github.com/huggingface/hub-docs/blob/main/modelcard.md */
function modelIndex(name: string, { dataset = 'unnamed', figures = [] }: HubCard) {
  if (figures.length === 0) return {};
  const results = figures.map(({ type, value, split }) => ({
    task: { type: 'image-classification' },
    dataset: { name: dataset, type: dataset, split },
    metrics: [{ type, value }],
  }));
  return { 'model-index': [{ name, results }] };
}

function summaryOf(model: Model, { classes, preprocessing }: ClassifierSpec): string {
  const shown = classes.slice(0, 20).map((name) => `\`${name.replaceAll(/[`\s]+/g, ' ')}\``);
  const more = classes.length > shown.length ? ` and ${classes.length - shown.length} more` : '';
  const { height = 0, width = 0, colour } = preprocessing ?? {};
  const kind = colour === 'grey' ? 'Colours are turned to grey inside the model.' : '';
  return [
    `Classifies images into ${classes.length} classes: ${shown.join(', ')}${more}.`,
    `It takes images of ${height} x ${width} pixels and has ${weightCount(model).toLocaleString('en')} weights. ${kind}`.trim(),
  ].join('\n');
}

function figureTable({ figures = [], dataset = 'unnamed' }: HubCard): string[] {
  if (figures.length === 0) return [];
  const rows = figures.map(
    ({ type, value, split }) =>
      `| ${type} | ${String(Number(value.toFixed(6)))} | ${dataset}, ${split} |`,
  );
  return [
    '## Measured\n',
    ['| metric | value | on |', '| --- | --- | --- |', ...rows, ''].join('\n'),
  ];
}

function provenanceList({ provenance = {} }: ClassifierSpec): string[] {
  const entries = Object.entries(provenance);
  if (entries.length === 0) return [];
  const lines = entries.map(
    ([key, value]) => `- ${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return ['## How it was made\n', `${lines.join('\n')}\n`];
}

const usage = `\`\`\`js
import { pipeline } from '@huggingface/transformers';

const classify = await pipeline('image-classification', 'this folder or its name on the hub');
console.log(await classify('image.jpg'));
\`\`\`
`;
