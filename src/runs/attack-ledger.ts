/**
 * What an audit writes down: a ledger of JSON lines, one an image and example, and a journal of single answers. Together
 * they are enough to go on after a crash without asking anything twice.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../errors.js';
import type { Answer, AttackRecord } from '../methods/attack/attack.js';
import type { ImageShape } from '../methods/attack/model.js';
import type { AttackFolder, AttackPaths } from './attack-folder.js';
import { readAttackImage, writeAttackImage } from './attack-images.js';
import { type JsonLines, openJsonLines, readJsonLines } from './json-lines.js';

/** A line of the ledger that is an image's. */
export interface LedgerEntry {
  /** Of the criterion: the true class is to leave the k likeliest. */
  readonly k: number;
  readonly record: AttackRecord;
  /** What the data set calls the image. */
  readonly name: string;
}

/** A ledger that is open, with what was there before. */
export interface AttackLedger {
  readonly entries: readonly LedgerEntry[];
  /** Answers for images that are not done, to give back to the audit. */
  readonly answers: readonly (Answer & { readonly k: number })[];
  /** Images that were sent and whose answer never came to be written down: whether they were answered nobody here knows. */
  readonly unanswered: number;
  /** To be said before `count` images are sent. */
  asking(count: number): void;
  answered(k: number, answers: readonly Answer[]): void;
  /** Writes the adversarial image, and then the line, which so never names a file that is not there. */
  done(entry: LedgerEntry): Promise<void>;
  /** All is done: the journal goes, and the ledger says how many images were asked about without an answer. */
  finish(unanswered: number): Promise<void>;
  close(): void;
}

export interface LedgerOptions {
  /** What decides on results; an audit that goes on with other settings is refused. Plain data. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly shape: ImageShape;
  /** Whether answers are kept: where they cost nothing but time on this machine they need not be. */
  readonly journalled: boolean;
  /** Examples of an image that are wanted. */
  readonly examples: number;
}

const count = z.number().int().nonnegative();
// JSON has no NaN and no Infinity: they are written as null.
const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const classProbability = z.object({ index: count, name: z.string(), probability: figure });

const recordSchema = z.object({
  index: count,
  example: count,
  label: count,
  attack: z.string(),
  criterion: z.string(),
  outcome: z.enum(['success', 'failure', 'spent', 'skipped']),
  reason: z.string().nullable(),
  success: z.boolean(),
  queries: z.object({
    total: count,
    atFirstSuccess: count.nullable(),
    saved: count,
    gradients: count,
  }),
  confidence: figure,
  before: z.array(classProbability),
  after: z.array(classProbability),
  rank: count,
  ptb: figure,
  l0: count,
  pixelShare: figure,
  l2: figure,
  linf: figure,
  rounds: count,
  seconds: figure,
  touched: z.array(count),
  figures: z.record(z.string(), figure),
}) satisfies z.ZodType<Omit<AttackRecord, 'image'>>;

const version = 1;
const ledgerLine = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('audit'),
    version: z.literal(version),
    settings: z.record(z.string(), z.unknown()),
  }),
  z.object({
    type: z.literal('image'),
    k: z.int().min(1),
    name: z.string(),
    file: z.string().nullable(),
    ...recordSchema.shape,
  }),
  z.object({ type: z.literal('end'), unanswered: count }),
]);

const journalLine = z.discriminatedUnion('type', [
  z.object({ type: z.literal('asking'), count }),
  z.object({
    type: z.literal('answer'),
    k: z.int().min(1),
    index: count,
    example: count,
    key: z.string(),
    /** Little-endian float32 in base64. */
    logs: z.base64(),
    seconds: z.number(),
  }),
]);

/** Where the adversarial image of an entry lies: `00012.png`, `k2/00012-1.png`. Relative to the folder of such images. */
export function adversarialFile({ k, record: { index, example } }: LedgerEntry): string {
  const name = `${String(index).padStart(5, '0')}${example === 0 ? '' : `-${example}`}.png`;
  return k === 1 ? name : join(`k${k}`, name);
}

/** Where the original lies, relative to the folder of such images. */
export const originalFile = (index: number): string => `${String(index).padStart(5, '0')}.png`;

/**
 * Opens the ledger of a folder, and goes on with what is there.
 * @throws UsageError where what is there was made with other settings, naming them; DataError where a line or an image
 *   is damaged; TrainingError where it cannot be written.
 */
export async function openAttackLedger(
  folder: AttackFolder,
  options: LedgerOptions,
): Promise<AttackLedger> {
  const { settings, journalled } = options;
  const { entries, isBegun } = await readLedger(folder, options);
  const { answers, unanswered } = await readJournal(folder, entries, options.examples);
  const ledger = await openJsonLines(folder.ledger, 'ledger');
  const journal: JsonLines | null = journalled
    ? await openJsonLines(folder.journal, 'journal')
    : null;
  if (!isBegun) ledger.append({ type: 'audit', version, settings }, true);
  return {
    ...{ entries, answers, unanswered },
    asking: (number) => journal?.append({ type: 'asking', count: number }),
    // Answers of one request at once: the rest of it would go under a key of its own otherwise.
    answered: (k, given) =>
      journal?.appendAll(
        given.map(({ logs, ...answer }) => ({
          type: 'answer',
          k,
          ...answer,
          logs: base64Of(logs),
        })),
      ),
    async done(entry) {
      const { image, ...record } = entry.record;
      const file = record.outcome === 'skipped' ? null : adversarialFile(entry);
      if (file !== null)
        await writeAttackImage(join(folder.adversarial, file), image, options.shape);
      ledger.append({ type: 'image', k: entry.k, name: entry.name, file, ...record }, true);
    },
    async finish(number) {
      ledger.append({ type: 'end', unanswered: number }, true);
      await rm(folder.journal, { force: true });
    },
    close() {
      ledger.close();
      journal?.close();
    },
  };
}

async function readLedger(
  folder: AttackPaths,
  { settings, shape }: LedgerOptions,
): Promise<{ entries: LedgerEntry[]; isBegun: boolean }> {
  const entries: LedgerEntry[] = [];
  let isBegun = false;
  for await (const line of readJsonLines(folder.ledger, ledgerLine, 'ledger')) {
    if (line.type === 'audit') {
      isBegun = true;
      requireSame(folder.path, line.settings, settings);
    }
    if (line.type !== 'image') continue;
    const { type: _, k, name, file, ...record } = line;
    const image = await readAttackImage(
      file === null
        ? join(folder.originals, originalFile(record.index))
        : join(folder.adversarial, file),
      shape,
    );
    entries.push({ k, name, record: { ...record, image } });
  }
  return { entries, isBegun };
}

function requireSame(
  path: string,
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): void {
  // As the file would give them back: without what is undefined.
  const given = JSON.parse(JSON.stringify(now)) as Record<string, unknown>;
  const changed = [...new Set([...Object.keys(before), ...Object.keys(given)])].flatMap((key) => {
    const [old, other] = [JSON.stringify(before[key]), JSON.stringify(given[key])];
    return old === other ? [] : [`${key} was ${old ?? 'not given'}, now ${other ?? 'not given'}`];
  });
  if (changed.length > 0)
    throw new UsageError(
      `audit: ${path} was made with other settings: ${changed.join('; ')}. Give those, or choose another folder`,
      { path, expected: before, actual: given },
    );
}

async function readJournal(
  folder: AttackPaths,
  entries: readonly LedgerEntry[],
  examples: number,
): Promise<Pick<AttackLedger, 'answers' | 'unanswered'>> {
  const answers: (Answer & { k: number })[] = [];
  let unanswered = 0;
  const done = new Map<string, number>();
  for (const { k, record } of entries) {
    const name = `${k}/${record.index}`;
    const before = done.get(name) ?? 0;
    // Of an image that withstood, no further example is looked for.
    done.set(name, record.success ? before + 1 : Number.POSITIVE_INFINITY);
  }
  for await (const line of readJsonLines(folder.journal, journalLine, 'journal')) {
    if (line.type === 'asking') {
      unanswered += line.count;
      continue;
    }
    unanswered--;
    const { type: _, logs, ...answer } = line;
    if ((done.get(`${line.k}/${line.index}`) ?? 0) < examples)
      answers.push({ ...answer, logs: floatsOf(logs) });
  }
  return { answers, unanswered: Math.max(0, unanswered) };
}

const base64Of = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

function floatsOf(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  const floats = new Float32Array(Math.floor(bytes.length / 4));
  new Uint8Array(floats.buffer).set(bytes.subarray(0, 4 * floats.length));
  return floats;
}
