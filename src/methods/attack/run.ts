/** One image attacked: what is checked, counted and judged is the same for all attacks, and none of it is theirs. */
import { UsageError } from '../../errors.js';
import { deriveKey, streamKey } from '../../tensor/random.js';
import { rankOf } from './answers.js';
import type { Answer, Attack, AttackContext, AttackRecord, Proposal } from './attack.js';
import { BoxQueue } from './box-queue.js';
import { type Criterion, misclassified } from './criterion.js';
import {
  type BlackBox,
  checkRange,
  defaultRange,
  isWhiteBox,
  type Range,
  toBytes,
} from './model.js';
import { type Budget, BudgetError, Questions } from './questions.js';
import { recordOf } from './record.js';

export interface RunAttackOptions {
  readonly attack: Attack;
  readonly box: BlackBox;
  /** 8-bit (channels, height, width). */
  readonly image: Uint8Array;
  /** Index of the true class. */
  readonly label: number;
  /** Of the image, 0 unless given; with the seed and the example it decides on every random number. */
  readonly index?: number;
  /** Which of several adversarial images of one original this is, from 0. */
  readonly example?: number;
  /** `misclassified(1)` unless given. */
  readonly criterion?: Criterion;
  /** [-0.5, 0.5] unless given. */
  readonly range?: Range;
  /** 1 unless given. */
  readonly seed?: number;
  readonly budget?: Budget;
  /** Pixels that are to stay as they are. */
  readonly forbidden?: ReadonlySet<number>;
  /** Log-probabilities of the original where they were asked for before: it is not asked again. */
  readonly clean?: Float32Array;
  /** Answers about this image and example from before an interruption. */
  readonly known?: readonly Answer[];
  /** Called with every batch of answers before the attack sees them; what it returns is waited for. */
  readonly onAnswers?: (answers: readonly Answer[]) => void | Promise<void>;
  /** Rounds done, and the image as it stands, in units of 8-bit values. */
  readonly onRound?: (round: number, current: Float32Array) => void;
  /** Sentences that the user should see. */
  readonly onNotice?: (sentence: string) => void;
  readonly signal?: AbortSignal;
  /** The box's queue, where images are attacked side by side; one of its own unless given. */
  readonly queue?: BoxQueue;
  /** Milliseconds; `performance.now` unless given. */
  readonly now?: () => number;
}

/** What came of one image, and the answer to its original, for further examples. */
export interface AttackResult {
  readonly record: AttackRecord;
  readonly clean: Float32Array;
}

/**
 * Attacks one image: asks about the original, leaves it where the classifier is wrong on it, lets the attack propose, clips
 * and rounds what it proposes to 8 bits, and judges that by asking once more.
 * @throws UsageError where the image, the label, the range, the criterion or the box does not fit; DataError where the
 *   box's answers are none; what the box throws. Answers given until then have gone to `onAnswers`.
 */
export async function runAttack(options: RunAttackOptions): Promise<AttackResult> {
  const {
    box,
    attack,
    image,
    label,
    criterion = misclassified(1),
    index = 0,
    example = 0,
  } = options;
  check(options, criterion);
  const queue = options.queue ?? new BoxQueue(box, options);
  const questions = new Questions(queue, {
    index,
    example,
    budget: options.budget ?? {},
    known: options.known ?? [],
    onAnswers: options.onAnswers,
    met: (logs) => criterion.met(logs, label),
    now: options.now ?? (() => performance.now()),
  });
  const values = Float32Array.from(image);
  if (options.clean) questions.give(values, options.clean);
  const clean = await questions.ask(values, 1);
  const facts = {
    index,
    example,
    label,
    attack,
    criterion,
    range: options.range ?? defaultRange,
    box,
    original: image,
    clean,
    questions,
  };
  const reason = reasonToSkip(clean, label, criterion, box);
  if (reason !== null) return { clean, record: recordOf({ ...facts, outcome: 'skipped', reason }) };
  const last = { image: values as ArrayLike<number>, rounds: 0 };
  const counts = { gradients: 0 };
  let proposal: Proposal | null = null;
  let spent: string | null = null;
  try {
    proposal = await attack.run(contextOf(options, criterion, questions, clean, last, counts));
  } catch (error) {
    if (!(error instanceof BudgetError)) throw error;
    spent = error.message;
  }
  const { image: proposed, rounds, figures = {} }: Proposal = proposal ?? last;
  if (proposed.length !== image.length)
    throw new UsageError(
      `${attack.name} proposes ${proposed.length} values, but the image has ${image.length}`,
      { expected: image.length, actual: proposed.length },
    );
  const judged = toBytes(proposed);
  const logs = await questions.judge(judged);
  const success = criterion.met(logs, label);
  const unmoved = questions.differ
    ? null
    : 'every answer was the same: scores that never change say nothing';
  return {
    clean,
    record: recordOf({
      ...facts,
      outcome: success ? 'success' : spent === null ? 'failure' : 'spent',
      reason: success ? null : (spent ?? unmoved),
      judged,
      logs,
      rounds,
      figures,
      gradients: counts.gradients,
    }),
  };
}

/** @throws UsageError naming the first thing that does not fit another. */
function check(options: RunAttackOptions, criterion: Criterion): void {
  const { attack, box, image, label, range = defaultRange, budget = {} } = options;
  const size = box.channels * box.height * box.width;
  if (image.length !== size)
    throw new UsageError(
      `the image has ${image.length} values, but ${box.name} takes ${box.channels} x ${box.height} x ${box.width}`,
      { expected: size, actual: image.length },
    );
  const count = box.classes.length;
  if (!Number.isSafeInteger(label) || label < 0 || label >= count)
    throw new UsageError(`label ${label} is not one of the ${count} classes of ${box.name}`, {
      expected: `0 to ${count - 1}`,
      actual: label,
    });
  checkRange(range, box.channels);
  criterion.check(count, label);
  if (attack.needs === 'scores' && box.scores === 'label')
    throw new UsageError(
      `${attack.name} needs scores, but ${box.name} answers labels alone: attack something that gives probabilities, of some classes at least`,
      { expected: 'scores', actual: 'label' },
    );
  if (attack.needs === 'gradients' && !isWhiteBox(box))
    throw new UsageError(
      `${attack.name} needs gradients, but ${box.name} gives answers alone: attack an ONNX file, or choose a black-box attack`,
    );
  for (const [name, value] of Object.entries(budget))
    if (value !== undefined && !(value > 0))
      throw new UsageError(`budget of ${value} ${name}: give a number above 0`, { actual: value });
}

/** Why the original is left alone, or null. */
function reasonToSkip(
  clean: Float32Array,
  label: number,
  criterion: Criterion,
  box: BlackBox,
): string | null {
  const rank = rankOf(clean, label);
  const name = box.classes[label] ?? String(label);
  if (rank > 1) return `already wrong: the true class, ${name}, has rank ${rank} on the original`;
  return criterion.met(clean, label) ? `${criterion.name} already holds on the original` : null;
}

function contextOf(
  options: RunAttackOptions,
  criterion: Criterion,
  questions: Questions,
  clean: Float32Array,
  last: { image: ArrayLike<number>; rounds: number },
  counts: { gradients: number },
): AttackContext {
  const { box, image, label, range = defaultRange, budget = {}, seed = 1 } = options;
  const stream = streamKey(seed, options.index ?? 0, 'attack');
  return {
    image,
    label,
    box,
    criterion,
    range,
    clean,
    random: deriveKey(stream, options.example ?? 0),
    forbidden: options.forbidden ?? new Set(),
    rounds: budget.rounds ?? null,
    left: () => questions.left(),
    query: (images, n) => questions.ask(images, n),
    gradient: async (images, n, labels) => {
      if (!isWhiteBox(box)) throw new UsageError(`${box.name} has no gradients`);
      counts.gradients += n;
      return box.inputGradient(images, n, labels);
    },
    progress: (round, current) => {
      last.image = current;
      last.rounds = round;
      options.onRound?.(round, current);
    },
  };
}
