/** A classifier that is a JavaScript function, out of a module of the user's. */
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { ModelError } from '../../errors.js';
import type { BlackBox } from '../../methods/attack/model.js';

const side = z.int().min(1);

const description = z.object({
  name: z.string().optional(),
  channels: z.literal([1, 3]),
  height: side,
  width: side,
  classes: z.array(z.string()).min(2),
  scores: z.enum(['logits', 'probabilities', 'label']).default('probabilities'),
  /** Whether values beyond 0..255 and between whole numbers mean anything to the function. */
  outOfRange: z.boolean().default(true),
  batch: side.default(64),
});

type Predict = (images: Float32Array, n: number) => unknown;

/**
 * Loads a module that exports `description` and `predict`: the function takes float32 (n, channels, height, width) in
 * units of 8-bit values, and n, and gives n rows of scores, or one flat array of them, or a promise of it.
 * @throws ModelError where the module cannot be loaded or has not both; from `predict` where the function fails or
 *   gives other rows.
 */
export async function moduleBox(path: string): Promise<BlackBox> {
  const loaded = await load(path);
  const { predict = loaded['default'] } = loaded;
  if (typeof predict !== 'function')
    throw new ModelError(
      `${path} exports no function "predict", only ${Object.keys(loaded).join(', ') || 'nothing'}`,
      { path },
    );
  const read = description.safeParse(loaded['description']);
  if (!read.success)
    throw new ModelError(
      `${path}: its export "description" does not say what it must (channels, height, width, classes): ${z.prettifyError(read.error)}`,
      { path, cause: read.error },
    );
  const { batch, name = path, ...facts } = read.data;
  return {
    ...facts,
    name,
    bestBatch: batch,
    async predict(images, n) {
      const given = await call(path, predict as Predict, images, n);
      return rowsOf(path, given, n, facts.classes.length);
    },
  };
}

async function load(path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (cause) {
    throw new ModelError(`${path} cannot be loaded as a module: ${wordsOf(cause)}`, {
      path,
      cause,
    });
  }
}

async function call(path: string, predict: Predict, images: Float32Array, n: number) {
  try {
    return await predict(images, n);
  } catch (cause) {
    throw new ModelError(`${path}: predict failed: ${wordsOf(cause)}`, { path, cause });
  }
}

const wordsOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);

function rowsOf(path: string, given: unknown, n: number, classes: number): Float32Array {
  const wanted = `${n} rows of ${classes} numbers`;
  const refuse = (actual: string): never => {
    throw new ModelError(`${path}: predict gave ${actual}, wanted ${wanted}`, { path, actual });
  };
  if (ArrayBuffer.isView(given) || (Array.isArray(given) && typeof given[0] === 'number')) {
    const flat = given as unknown as ArrayLike<number>;
    return flat.length === n * classes
      ? Float32Array.from(flat)
      : refuse(`${flat.length} numbers in a row`);
  }
  if (!Array.isArray(given)) return refuse(given === undefined ? 'nothing' : typeof given);
  if (given.length !== n) return refuse(`${given.length} rows`);
  const out = new Float32Array(n * classes);
  given.forEach((row: ArrayLike<number>, i) => {
    if (row?.length !== classes) refuse(`a row of ${row?.length ?? 'nothing'}`);
    out.set(row, i * classes);
  });
  return out;
}
