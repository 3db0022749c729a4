/** What is said between an audit and an endpoint: JSON both ways, as docs/black-box.md has it. No request is made here. */
import { encode } from 'fast-png';
import { z } from 'zod';
import { type ImageShape, toBytes } from '../../methods/attack/model.js';

/** Name and version of the protocol. */
export const protocol = 'espalier-black-box/1';

const side = z.int().min(1).max(16_384);

const description = z.object({
  protocol: z.literal(protocol),
  name: z.string().optional(),
  channels: z.literal([1, 3]),
  height: side,
  width: side,
  classes: z.array(z.string()).min(2).max(100_000),
  scores: z.enum(['logits', 'probabilities', 'top-k', 'label']),
  /** Ways in which images may come. */
  accepts: z.array(z.enum(['png', 'float32'])).min(1),
  /** Images in a request at most. */
  batch: z.int().min(1).default(1),
});

/** What an endpoint says of itself. */
export type Description = z.output<typeof description>;

/** Bytes that a description may take. */
export const descriptionCap = 2 ** 22;

/** An answer that is not what the protocol asks for, in words that go after "answers ". */
export class Garbage extends Error {
  override readonly name = 'Garbage';
}

function parse<T>(schema: z.ZodType<T>, text: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Garbage(`what is not JSON: ${shown(text)}`, { cause });
  }
  const read = schema.safeParse(json);
  if (read.success) return read.data;
  throw new Garbage(
    `JSON that does not fit: ${z.prettifyError(read.error).replaceAll('\n', ' ')}, in ${shown(text)}`,
    { cause: read.error },
  );
}

const shown = (text: string): string =>
  text === '' ? 'nothing' : JSON.stringify(text.length > 80 ? `${text.slice(0, 80)} …` : text);

/** Reads what a GET gives. @throws Garbage where it is no description. */
export const readDescription = (text: string): Description => parse(description, text);

/** How the images of an endpoint go: as floats where it takes them, since those come whole. */
export const encodingOf = ({ accepts }: Description): 'png' | 'float32' =>
  accepts.includes('float32') ? 'float32' : 'png';

/**
 * The body of a POST.
 * @param images (n, channels, height, width) in units of 8-bit values; rounded and clipped where they go as PNG
 */
export function writeRequest(images: Float32Array, n: number, description: Description): string {
  const { channels, height, width } = description;
  const encoding = encodingOf(description);
  const size = channels * height * width;
  const rows = Array.from({ length: n }, (_, i) => images.subarray(i * size, (i + 1) * size));
  return JSON.stringify({
    encoding,
    ...(encoding === 'float32' && { shape: [channels, height, width] }),
    images: rows.map((row) =>
      encoding === 'png' ? pngOf(row, description) : floatsOf(row).toString('base64'),
    ),
  });
}

function pngOf(row: Float32Array, { channels, height, width }: ImageShape): string {
  const area = height * width;
  const bytes = toBytes(row);
  const data = new Uint8Array(row.length);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < area; i++) data[i * channels + c] = bytes[c * area + i] ?? 0;
  // Little work for the processor: what it saves on the way is small.
  const png = encode({ data, width, height, channels, depth: 8 }, { zlib: { level: 1 } });
  return Buffer.from(png).toString('base64');
}

/** Little-endian, whatever this machine is. */
function floatsOf(row: Float32Array): Buffer {
  const bytes = Buffer.alloc(4 * row.length);
  for (let i = 0; i < row.length; i++) bytes.writeFloatLE(row[i] ?? 0, 4 * i);
  return bytes;
}

/** Bytes that an answer may take: 40 a number is more than JSON needs. */
export const answerCap = (n: number, classes: readonly string[]): number =>
  65_536 + n * classes.reduce((sum, name) => sum + 40 + 6 * name.length, 0);

const score = z.number();
const probability = z.number().min(0).max(1.001);
const answers = {
  logits: z.object({ logits: z.array(z.array(score)) }),
  probabilities: z.object({ probabilities: z.array(z.array(probability)) }),
  'top-k': z.object({
    top: z.array(z.array(z.object({ class: z.string(), probability })).min(1)),
  }),
  label: z.object({ labels: z.array(z.string()) }),
};

/**
 * Reads what a POST gives.
 * @returns (n, classes): what was answered, as `description.scores` says. Of the classes beyond a top k, each gets an
 *   equal part of what is left over, but no more than the least that was named.
 * @throws Garbage where it does not fit.
 */
export function readAnswer(
  text: string,
  n: number,
  { scores, classes }: Description,
): Float32Array {
  const width = classes.length;
  const out = new Float32Array(n * width);
  const indexOf = (name: string): number => {
    const index = classes.indexOf(name);
    if (index < 0) throw new Garbage(`the class ${JSON.stringify(name)}, which it has not named`);
    return index;
  };
  const count = (rows: readonly unknown[]): void => {
    if (rows.length !== n) throw new Garbage(`${rows.length} rows for ${n} images`);
  };
  if (scores === 'label') {
    const { labels } = parse(answers.label, text);
    count(labels);
    labels.forEach((name, i) => {
      out[i * width + indexOf(name)] = 1;
    });
    return out;
  }
  if (scores === 'top-k') {
    const { top } = parse(answers['top-k'], text);
    count(top);
    top.forEach((row, i) => {
      const named = row.map((entry) => [indexOf(entry.class), entry.probability] as const);
      fillTop(out.subarray(i * width, (i + 1) * width), named);
    });
    return out;
  }
  const rows =
    scores === 'logits'
      ? parse(answers.logits, text).logits
      : parse(answers.probabilities, text).probabilities;
  count(rows);
  rows.forEach((row, i) => {
    if (row.length !== width) throw new Garbage(`${row.length} scores for ${width} classes`);
    out.set(row, i * width);
  });
  return out;
}

function fillTop(out: Float32Array, named: readonly (readonly [number, number])[]): void {
  const known = new Map(named);
  if (known.size < named.length) throw new Garbage('a class twice in one row');
  const sum = named.reduce((total, [, value]) => total + value, 0);
  const least = Math.min(...known.values());
  const part = Math.max(0, 1 - sum) / Math.max(1, out.length - known.size);
  out.fill(Math.min(least, part));
  for (const [index, value] of known) out[index] = value;
}
