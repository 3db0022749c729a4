/** Any ONNX classifier of images as something to attack, on this machine or in a browser tab. */
import { ModelError, UsageError } from '../../errors.js';
import type { Model, ValueInfo } from '../../graph/graph.js';
import { type Preprocessing, readSpec } from '../../onnx/metadata.js';
import { withFreeBatch, withoutShapes } from '../../ops/free-batch.js';
import type { Runtime, Session, SessionOptions } from '../../runtime/runtime.js';
import { fillUniform, streamKey } from '../../tensor/random.js';
import { sizeOf } from '../../tensor/shape.js';
import { tensor, zeros } from '../../tensor/tensor.js';
import { measureBestBatch } from './best-batch.js';
import { lazyGradient } from './box-gradient.js';
import { type BoxGraph, boxGraph, imageDims } from './box-graph.js';
import type { ScoreKind, WhiteBox } from './model.js';

export interface OnnxBoxOptions {
  readonly runtime: Runtime;
  readonly model: Model;
  /** What reports call it; the graph's name where left out. */
  readonly name?: string;
  /** How 8-bit values become the input; what the model says of itself where left out. */
  readonly preprocessing?: Preprocessing | undefined;
  /** In the order of the output; what the model says, or numbers, where left out. */
  readonly classes?: readonly string[] | undefined;
  /** The input that takes images; the only one where left out. */
  readonly input?: string | undefined;
  /** The output with the scores; `logits`, `probabilities` or the first where left out. */
  readonly output?: string | undefined;
  /** What the output is; where left out, its rows are looked at. */
  readonly scores?: Extract<ScoreKind, 'logits' | 'probabilities'> | undefined;
  readonly session?: SessionOptions;
  /**
   * Sessions that answer side by side, where the runtime gives each a thread of its own. As many batches and one more are
   * then taken at a time, so that one waits where another ends; one at a time where left out.
   */
  readonly sessions?: number;
  /** Images at a time; measured where left out, which takes about half a second, once for a model and its settings. */
  readonly bestBatch?: number;
}

/** Numbers in a batch of images at most: 128 MB. */
const largestBatch = 2 ** 25;
/** Difference of the scores of a freed batch from those of the batch in the file, in parts of the largest score. */
const tolerance = 1e-3;

/** Best batch sizes, by the model as it was read and the settings of its session. */
const measured = new WeakMap<Model, Map<string, number>>();

/**
 * A classifier that is attacked. A model for a fixed number of images is made one for any number where that gives the
 * same scores, and else answers as many at a time as it is made for. A softmax at its end is left out, so that scores
 * stay apart where probabilities would be all 0 and 1. Gradients are had for what `backward` can differentiate.
 * @throws UsageError where it is not known how images go in, or they do not fit; ModelError where the model is no
 * classifier of images or the runtime refuses it.
 */
export async function onnxBox(options: OnnxBoxOptions): Promise<WhiteBox> {
  const { runtime, model, session: settings = {}, sessions = 1 } = options;
  const { input, output } = ends(model, options);
  const spec = readSpec(model.metadata, input.shape ?? []);
  const preprocessing = options.preprocessing ?? spec?.preprocessing;
  if (!preprocessing)
    throw new UsageError(
      'the model does not say how images go in: give its preprocessing (size, layout, scale, mean, std, colours)',
    );
  const ask = { preprocessing, input: input.name, output };
  const { box, predict: first, fixed } = await open(runtime, model, ask, settings);
  const others = Array.from({ length: sessions - 1 }, async () =>
    predictor(await runtime.load(box.model, settings), box, fixed),
  );
  const predict = inTurn([first, ...(await Promise.all(others))]);
  const classes = classNames(options.classes ?? spec?.classes, box.classes);
  const { channels, height, width } = preprocessing;
  const size = channels * height * width;
  const most = Math.max(1, Math.floor(largestBatch / size));
  const best = async (): Promise<number> => {
    const known = measured.get(model) ?? new Map<string, number>();
    measured.set(model, known);
    const key = JSON.stringify([runtime.name, settings, sessions, ask]);
    const all = async (n: number): Promise<unknown> => {
      const images = made(n);
      return Promise.all(Array.from({ length: sessions }, () => predict(images, n)));
    };
    const found = known.get(key) ?? (await measureBestBatch(all, most));
    known.set(key, found);
    return found;
  };
  let last: Float32Array = new Float32Array();
  const made = (n: number): Float32Array => {
    if (last.length !== n * size) last = noise(n * size);
    return last;
  };
  const gradients = lazyGradient(runtime, box, settings, fixed ?? undefined);
  return {
    name: options.name ?? model.graph.name,
    ...{ channels, height, width, classes },
    scores: options.scores ?? (await kindOf(box, predict, made)),
    outOfRange: true,
    concurrency: options.sessions === undefined ? 1 : sessions + 1,
    bestBatch: fixed ?? options.bestBatch ?? (await best()),
    predict,
    inputGradient: gradients,
  };
}

/** Made-up images, as 8-bit values. */
function noise(length: number): Float32Array {
  const values = new Float32Array(length);
  fillUniform(values, streamKey(1, 0, 'made-up images'));
  return values.map((value) => Math.floor(256 * value));
}

/** Scores that no softmax follows are probabilities where they look so on made-up images. */
async function kindOf(
  box: BoxGraph,
  predict: WhiteBox['predict'],
  made: (n: number) => Float32Array,
): Promise<'logits' | 'probabilities'> {
  if (box.softmaxFollows) return 'logits';
  const row = await predict(made(1), 1);
  const sum = row.reduce((total, p) => total + p, 0);
  const areShares = row.every((p) => p >= 0 && p <= 1 + 1e-4) && Math.abs(sum - 1) < 1e-3;
  return areShares ? 'probabilities' : 'logits';
}

function classNames(named: readonly string[] | undefined, width: number): readonly string[] {
  const classes = named ?? Array.from({ length: width }, (_, i) => String(i));
  if (classes.length === width) return classes;
  throw new UsageError(
    `${classes.length} class names for the ${width} scores that the model gives: name each class once`,
    { expected: width, actual: classes.length },
  );
}

/** The input and the output that are meant. */
function ends(
  { graph }: Model,
  { input, output }: OnnxBoxOptions,
): { input: ValueInfo; output: string } {
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  const names = inputs.map(({ name }) => name);
  const [found] = inputs.filter(({ name }) => input === undefined || name === input);
  if (!found || inputs.length > 1)
    throw new ModelError(
      `the model takes ${names.join(', ') || 'no input'}: what is attacked takes images alone`,
      { expected: input ?? 'one input', actual: names },
    );
  const outputs = graph.outputs.map(({ name }) => name);
  const wanted = output === undefined ? ['logits', 'probabilities', outputs[0] ?? ''] : [output];
  const chosen = wanted.find((name) => outputs.includes(name));
  if (chosen === undefined)
    throw new ModelError(`the model has no output "${wanted[0]}". It has ${outputs.join(', ')}`, {
      expected: outputs,
      actual: output,
    });
  return { input: found, output: chosen };
}

interface Opened {
  readonly box: BoxGraph;
  readonly predict: WhiteBox['predict'];
  /** Images that the model takes at a time, where that could not be freed. */
  readonly fixed: number | null;
}

/** Loads the model for any number of images where that can be. */
async function open(
  runtime: Runtime,
  model: Model,
  ask: Parameters<typeof boxGraph>[1],
  settings: SessionOptions,
): Promise<Opened> {
  const first = model.graph.inputs.find(({ name }) => name === ask.input)?.shape?.[0];
  const load = async (source: Model, fixed: number | null): Promise<Opened> => {
    const box = boxGraph(source, ask);
    const predict = predictor(await runtime.load(box.model, settings), box, fixed);
    return { box, fixed, predict };
  };
  if (typeof first !== 'number') {
    const free = { ...model, graph: withoutShapes(model.graph) };
    return load(free, null);
  }
  const asItIs = await load(model, first);
  const freed = await load(withFreeBatch(model, ask.input, 'batch'), null).catch(
    (error: unknown) => {
      // Operators that count on the batch of the file: it stays.
      if (error instanceof ModelError) return null;
      throw error;
    },
  );
  return freed !== null && (await agree(asItIs, freed)) ? freed : asItIs;
}

/** Whether a few made-up images get the same scores whichever are beside them. */
async function agree(a: Opened, b: Opened): Promise<boolean> {
  const n = (a.fixed ?? 1) + 2;
  const images = noise(n * sizeOf(imageDims(a.box)));
  const wanted = await a.predict(images, n);
  const got = await b.predict(images, n).catch((error: unknown) => {
    if (error instanceof ModelError) return new Float32Array();
    throw error;
  });
  const scale = wanted.reduce((largest, score) => Math.max(largest, Math.abs(score)), 1e-6);
  return wanted.every((score, i) => Math.abs(score - (got[i] ?? NaN)) <= tolerance * scale);
}

/** Gives each batch to whoever has the fewest before it. */
function inTurn(all: readonly WhiteBox['predict'][]): WhiteBox['predict'] {
  const lines = all.map((predict) => ({ predict, waiting: 0 }));
  return async (...given) => {
    const line = lines.reduce((a, b) => (b.waiting < a.waiting ? b : a));
    line.waiting++;
    try {
      return await line.predict(...given);
    } finally {
      line.waiting--;
    }
  };
}

/** Runs images as they lie; a model of a fixed batch gets them in parts, the last one filled up with black. */
function predictor(session: Session, box: BoxGraph, fixed: number | null): WhiteBox['predict'] {
  const dims = imageDims(box);
  const size = sizeOf(dims);
  const run = async (images: Float32Array, n: number): Promise<Float32Array> => {
    const given = tensor('float32', [n, ...dims], images);
    const { [box.scores]: scores } = await session.run({ [box.images]: given });
    return scores?.data as Float32Array;
  };
  const part = fixed === null ? null : zeros('float32', [fixed, ...dims]).data;
  return async (images, n, signal) => {
    signal?.throwIfAborted();
    if (part === null || fixed === null) return run(images.subarray(0, n * size), n);
    const scores = new Float32Array(n * box.classes);
    for (let from = 0; from < n; from += fixed) {
      const count = Math.min(fixed, n - from);
      part.fill(0);
      part.set(images.subarray(from * size, (from + count) * size));
      const found = await run(part, fixed);
      scores.set(found.subarray(0, count * box.classes), from * box.classes);
    }
    return scores;
  };
}
