/** Whatever can be attacked, by its name: an ONNX file, a module with a function, an HTTP address. */
import { availableParallelism } from 'node:os';
import { extname, resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../errors.js';
import type { Model } from '../../graph/graph.js';
import { type BlackBox, networkRange, type Range } from '../../methods/attack/model.js';
import { type OnnxBoxOptions, onnxBox } from '../../methods/attack/onnx-box.js';
import { type Preprocessing, readSpec } from '../../onnx/metadata.js';
import { readModelFile } from '../../runs/model-file.js';
import { nodeRuntime } from '../../runtime/node.js';
import type { Context } from '../command.js';
import { chooseInput, classifierOptions } from '../image-classifier.js';
import { resolvePreprocessing } from '../preprocessing.js';
import { credentialsOf, httpBox } from './http-box.js';
import { moduleBox } from './module-box.js';

/** Options about what is attacked. Those of a classifier are for ONNX files, the others for addresses. */
export const boxOptions = {
  ...classifierOptions,
  batchSize: z.int().min(1).optional().describe('images at a time (measured)'),
  timeout: z.number().positive().default(30).describe('seconds that a request may take'),
  retries: z
    .int()
    .nonnegative()
    .default(6)
    .describe('further tries of a request that failed in passing'),
  backOff: z
    .number()
    .positive()
    .default(0.5)
    .describe('seconds before the second try at most; twice that before each further one'),
  rate: z.number().positive().optional().describe('requests a second at most'),
  concurrency: z.int().min(1).max(256).default(4).describe('requests under way at a time'),
  authVariable: z
    .string()
    .optional()
    .meta({ placeholder: 'name' })
    .describe('environment variable whose text goes with each request as the header --auth-header'),
  authHeader: z
    .string()
    .default('Authorization')
    .meta({ placeholder: 'name' })
    .describe('name of that header'),
};

const optionsSchema = z.object(boxOptions);

/** What of a command's options is about the box. */
export type BoxOptions = z.output<typeof optionsSchema>;

/** What is attacked, opened. */
export interface OpenedBox {
  readonly box: BlackBox;
  readonly kind: 'onnx' | 'module' | 'http';
  /** Whether its classes are names, or mere numbers because it has none. */
  readonly isNamed: boolean;
  /** How 8-bit values go in, where that is known. */
  readonly preprocessing: Preprocessing | null;
  /** Requests that left, and those of them that failed. */
  readonly requests: { sent: number; failed: number };
}

/** Whether the word is an address and not a file. */
export const isAddress = (model: string): boolean => /^https?:\/\//i.test(model);

/**
 * Opens what the word names.
 * @param images that may be attacked side by side: an ONNX file gets no more sessions
 * @throws UsageError for a word that is none of the three; what opening each throws.
 */
export async function openBox(
  model: string,
  options: BoxOptions,
  context: Context,
  images: number,
): Promise<OpenedBox> {
  if (isAddress(model)) return openAddress(model, options, context);
  const path = resolve(context.cwd, model);
  if (['.mjs', '.js', '.cjs', '.ts', '.mts'].includes(extname(model)))
    return {
      box: await moduleBox(path),
      ...{ kind: 'module', isNamed: true, preprocessing: null },
      requests: { sent: 0, failed: 0 },
    };
  return openFile(path, { ...options, name: model, images }, context);
}

async function openAddress(
  address: string,
  options: BoxOptions,
  context: Context,
): Promise<OpenedBox> {
  const { authVariable: variable, authHeader: header } = options;
  const headers = variable === undefined ? {} : credentialsOf({ variable, header }, context.env);
  if (variable !== undefined && /^http:/i.test(address) && !isLoopback(address))
    context.note(`${address} is not encrypted: everybody on the way reads the credentials`);
  const requests = { sent: 0, failed: 0 };
  const onTry = (failed: boolean): void => {
    if (failed) requests.failed++;
    else requests.sent++;
  };
  const box = await httpBox(address, { ...options, headers, onTry }, context.signal);
  return { box, kind: 'http', isNamed: true, preprocessing: null, requests };
}

const isLoopback = (address: string): boolean =>
  URL.canParse(address) && ['localhost', '127.0.0.1', '[::1]'].includes(new URL(address).hostname);

async function openFile(
  path: string,
  options: BoxOptions & { readonly name: string; readonly images: number },
  context: Context,
): Promise<OpenedBox> {
  const { name, classes, output, scores, batchSize } = options;
  const model = await readModelFile(path);
  const input = chooseInput(name, model, options.input);
  const spec = readSpec(model.metadata, input.shape ?? []);
  const { preprocessing, notes } = resolvePreprocessing(
    options,
    spec?.preprocessing ?? null,
    input,
  );
  for (const note of notes) context.note(note);
  const { threads = availableParallelism(), images } = options;
  const box = await onnxBox({
    // On threads of their own sessions do not hold each other up, nor the signals that are to end an audit.
    ...{ runtime: await nodeRuntime({ onThreads: true }), model, name, preprocessing },
    ...{ classes, input: input.name, output },
    scores: scores === 'auto' ? undefined : scores,
    ...sessionsOf(model, threads, images),
    ...(batchSize !== undefined && { bestBatch: batchSize }),
  });
  return {
    box,
    kind: 'onnx',
    isNamed: (classes ?? spec?.classes) !== undefined,
    preprocessing,
    requests: { sent: 0, failed: 0 },
  };
}

/** Sessions at most: more than these one thread of JavaScript does not keep busy. And bytes of weights in all of them. */
const [mostSessions, mostWeights] = [8, 2 ** 30];

/** Several sessions of few threads answer more than one of many: a batch of one works while another is made ready. */
function sessionsOf(
  { graph }: Model,
  threads: number,
  images: number,
): Required<Pick<OnnxBoxOptions, 'session' | 'sessions'>> {
  let weights = 1;
  for (const { data } of graph.initializers.values())
    weights += ArrayBuffer.isView(data) ? data.byteLength : 0;
  const fitting = Math.max(1, Math.floor(mostWeights / weights));
  const sessions = Math.min(threads, images, mostSessions, fitting);
  return { sessions, session: { threads: Math.floor(threads / sessions) } };
}

/** How `--range` reads. */
export const rangeWords = 'foolbox, network, or two bounds as in -0.5,0.5';

/**
 * The interval that 8-bit values are laid on: Foolbox's [-0.5, 0.5], the network's own normalisation, or two bounds.
 * @throws UsageError for another word, or where the network's is not known.
 */
export function readRange(word: string, preprocessing: Preprocessing | null): Range {
  if (word === 'foolbox') return { lower: -0.5, upper: 0.5 };
  if (word === 'network') {
    if (preprocessing === null)
      throw new UsageError('--range network: how pixels go in is known of ONNX files alone');
    const { mean, std, scale, colour } = preprocessing;
    // The metadata are of pixels times scale, in the network's order of colours; images are red, green, blue.
    const ofRgb = (values: readonly number[]): number[] => {
      const shares = values.map((value) => value / (255 * scale));
      return colour === 'bgr' ? shares.reverse() : shares;
    };
    return networkRange(ofRgb(mean), ofRgb(std));
  }
  const bounds = word.split(',').map((text) => (text.trim() === '' ? Number.NaN : Number(text)));
  const [lower = Number.NaN, upper = Number.NaN] = bounds;
  if (bounds.length !== 2 || !bounds.every(Number.isFinite))
    throw new UsageError(`--range: must be ${rangeWords}, got "${word}"`, { actual: word });
  return { lower, upper };
}
