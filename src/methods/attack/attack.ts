/** What an attack is, what it is given, and what is written down of it. */
import type { Key } from '../../tensor/random.js';
import type { Criterion } from './criterion.js';
import type { BoxFacts, Range } from './model.js';

/** Proposes images; never judges them. An attack draws nothing and asks only through its context. */
export interface Attack {
  readonly name: string;
  /** As they stand in the ledger and in reports: all that the attack's choices depend on but its context. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly needs: 'scores' | 'gradients' | 'labels';
  /** Whether it leaves `context.forbidden` alone, so that it can find several different images of one original. */
  readonly avoids: boolean;
  run(context: AttackContext): Promise<Proposal>;
}

export interface AttackContext {
  /** The original, 8-bit (channels, height, width). */
  readonly image: Uint8Array;
  readonly label: number;
  readonly box: BoxFacts;
  readonly criterion: Criterion;
  readonly range: Range;
  /** Names the stream of random numbers of this image and example: see `deriveKey`. */
  readonly random: Key;
  /** Log-probabilities of the original, (classes). */
  readonly clean: Float32Array;
  /** Pixels that are to stay as they are, by index. */
  readonly forbidden: ReadonlySet<number>;
  /** Rounds at most, or null where the attack's own number holds. */
  readonly rounds: number | null;
  /** Answers that the budget still has; Infinity where there is none. Images asked before cost nothing. */
  left(): number;
  /**
   * Log-probabilities of images, at most as many as fit the budget: images asked before are not asked again, the others
   * in batches that suit the box.
   * @param images float32 (n, channels, height, width) in units of 8-bit values; yours again when the answer is there
   * @returns float32 (n, classes): logarithms of probabilities, finite
   * @throws BudgetError where the budget is spent: let it pass, `runAttack` writes it down
   */
  query(images: Float32Array, n: number): Promise<Float32Array>;
  /**
   * `WhiteBox.inputGradient`, counted.
   * @throws UsageError where the box has no gradients.
   */
  gradient(images: Float32Array, n: number, labels: Int32Array): Promise<Float32Array>;
  /** To be said at the end of every round, with the image as it stands: what is kept where the budget ends it. */
  progress(round: number, current: Float32Array): void;
}

/** What an attack hands in. */
export interface Proposal {
  /** In units of 8-bit values (channels, height, width); clipped and rounded by whoever judges. */
  readonly image: ArrayLike<number>;
  readonly rounds: number;
  /** Figures of the attack's own, for its record: for example RandAdv's count of critical pixels. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** A class with its probability. */
export interface ClassProbability {
  readonly index: number;
  readonly name: string;
  readonly probability: number;
}

/** What came of one image: a line of the ledger. */
export interface AttackRecord {
  /** Of the image, in the audit's order; and which of its examples this is, from 0. */
  readonly index: number;
  readonly example: number;
  readonly label: number;
  readonly attack: string;
  readonly criterion: string;
  /**
   * `skipped`: not attacked, as `reason` says (the classifier is wrong on the original). `spent`: the budget ended it,
   * as `reason` says.
   */
  readonly outcome: 'success' | 'failure' | 'spent' | 'skipped';
  readonly reason: string | null;
  readonly success: boolean;
  readonly queries: {
    /** Images that the box answered for, those of original and judgement included: what an endpoint would bill. */
    readonly total: number;
    /** The same up to the first 8-bit image that met the criterion, or null. */
    readonly atFirstSuccess: number | null;
    /** Images that were not asked since their answer was known. */
    readonly saved: number;
    /** Gradients, of attacks that are not black-box. */
    readonly gradients: number;
  };
  /** Probability of the likeliest class after. */
  readonly confidence: number;
  /** The five likeliest classes of original and proposal, the likeliest first. */
  readonly before: readonly ClassProbability[];
  readonly after: readonly ClassProbability[];
  /** Rank of the true class on the original, 1 the likeliest: base errors of any k come of it. */
  readonly rank: number;
  readonly ptb: number;
  readonly l0: number;
  /** `l0` by the pixels that there are. */
  readonly pixelShare: number;
  readonly l2: number;
  readonly linf: number;
  readonly rounds: number;
  readonly seconds: number;
  /** Pixels that differ, by index, ascending. */
  readonly touched: readonly number[];
  readonly figures: Readonly<Record<string, number>>;
  /** What was judged, 8-bit (channels, height, width). */
  readonly image: Uint8Array;
}

/** One image's answer, for a journal: given back on resumption, it is not asked again. */
export interface Answer {
  readonly index: number;
  readonly example: number;
  /** Of the image that was asked, or of the judgement. */
  readonly key: string;
  /** Log-probabilities, (classes). */
  readonly logs: Float32Array;
  /** Since this image's attack began. */
  readonly seconds: number;
}
