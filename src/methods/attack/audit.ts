/** Many images attacked, side by side where that pays, going on where an audit before this one ended. */
import { UsageError } from '../../errors.js';
import type { Answer, AttackRecord } from './attack.js';
import { BoxQueue } from './box-queue.js';
import { imageKey } from './image-key.js';
import { type AttackResult, type RunAttackOptions, runAttack } from './run.js';

export interface AuditImage {
  /** 8-bit (channels, height, width). */
  readonly image: Uint8Array;
  readonly label: number;
}

type PerImage = 'image' | 'label' | 'index' | 'example' | 'forbidden' | 'clean' | 'known' | 'queue';

export interface AuditOptions extends Omit<RunAttackOptions, PerImage | 'onRound'> {
  readonly images: readonly AuditImage[];
  /** Stops when so many images were attacked: those on which the classifier was right. All unless given. */
  readonly wanted?: number;
  /** Adversarial images wanted of each original, with no pixel in common; 1 unless given. */
  readonly examples?: number;
  /** Images under way at a time; 1 unless given. More pay where an answer is long on its way. */
  readonly sideBySide?: number;
  /** Of the audit that goes on: its ledger, which is taken as it is, and its journal, from which answers come first. */
  readonly records?: readonly AttackRecord[];
  readonly answers?: readonly Answer[];
  /** Called when an image or example is done; what it returns is waited for. */
  readonly onRecord?: (record: AttackRecord) => void | Promise<void>;
}

/**
 * Attacks images in their order. Everything that comes of one image depends on the seed and its index alone, so that an
 * audit may be cut anywhere: with the records and answers given back, it ends in the same ledger, and the box is asked
 * nothing that it has answered.
 * @returns records by index and example, those given among them
 * @throws as `runAttack`; images under way beside a failing one are ended after the batches that are under way.
 */
export async function audit(options: AuditOptions): Promise<AttackRecord[]> {
  const { examples = 1, sideBySide = 1, attack, onNotice } = options;
  for (const [name, value] of Object.entries({ examples, sideBySide }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new UsageError(`invalid ${name} ${value}: give a whole number from 1 on`, {
        actual: value,
      });
  if (examples > 1 && !attack.avoids)
    throw new UsageError(
      `${attack.name} finds one adversarial image of an original: ask for one example, or choose an attack that leaves pixels alone`,
      { expected: 1, actual: examples },
    );
  const queue = new BoxQueue(options.box, { signal: options.signal, onNotice });
  const known = new Map<number, Answer[]>();
  for (const answer of options.answers ?? []) {
    const others = known.get(answer.index);
    if (others) others.push(answer);
    else known.set(answer.index, [answer]);
  }
  const line = new Line(options);
  const worker = async (): Promise<void> => {
    for (let index = await line.next(); index !== null; index = await line.next())
      line.finished(index, await attackOne({ ...options, queue }, index, known.get(index) ?? []));
  };
  const workers = Array.from({ length: sideBySide }, () =>
    worker().catch((error: unknown) => {
      queue.stop(error);
      line.end();
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return line.records();
}

/** All examples of one image. */
async function attackOne(
  options: AuditOptions & { readonly queue: BoxQueue },
  index: number,
  answers: readonly Answer[],
): Promise<AttackRecord[]> {
  const { images, records = [], examples = 1 } = options;
  const { image, label } = images[index] as AuditImage;
  const done = records.filter((record) => record.index === index);
  const forbidden = new Set<number>();
  const all: AttackRecord[] = [];
  const own = imageKey(Float32Array.from(image));
  let clean = answers.find(({ key }) => key === own)?.logs;
  for (let example = 0; example < examples; example++) {
    const known = answers.filter((answer) => answer.example === example);
    let record = done.find((one) => one.example === example);
    if (!record) {
      const result: AttackResult = await runAttack({
        ...options,
        image,
        label,
        index,
        example,
        known,
        forbidden: new Set(forbidden),
        ...(clean && example > 0 ? { clean } : {}),
      });
      record = result.record;
      clean ??= result.clean;
      await options.onRecord?.(record);
    }
    all.push(record);
    if (!record.success) break;
    for (const pixel of record.touched) forbidden.add(pixel);
  }
  return all;
}

/** Which image is next, so that no more are attacked than wanted. */
class Line {
  readonly #wanted: number;
  readonly #count: number;
  readonly #records = new Map<number, AttackRecord[]>();
  #next = 0;
  #underWay = 0;
  #attacked = 0;
  #waiting: (() => void)[] = [];

  constructor({ images, wanted = Number.POSITIVE_INFINITY }: AuditOptions) {
    this.#count = images.length;
    this.#wanted = wanted;
  }

  /** The index of an image, or null. Waits while those under way may turn out to be enough. */
  async next(): Promise<number | null> {
    while (this.#next < this.#count && this.#attacked < this.#wanted) {
      if (this.#attacked + this.#underWay < this.#wanted) {
        this.#underWay++;
        return this.#next++;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return null;
  }

  finished(index: number, records: AttackRecord[]): void {
    this.#records.set(index, records);
    this.#underWay--;
    if (records.some(({ outcome }) => outcome !== 'skipped')) this.#attacked++;
    this.#wake();
  }

  /** No image is begun any more. */
  end(): void {
    this.#next = this.#count;
    this.#wake();
  }

  records(): AttackRecord[] {
    return [...this.#records].sort(([a], [b]) => a - b).flatMap(([, records]) => records);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
