/** The line that an image gets in the ledger. */
import { likeliest, rankOf } from './answers.js';
import type { Attack, AttackRecord, ClassProbability } from './attack.js';
import type { Criterion } from './criterion.js';
import { changedPixels, l2, linf, perturbation } from './distance.js';
import type { BoxFacts, Range } from './model.js';
import type { Questions } from './questions.js';

/** What a record is made of; the second half only where the image was attacked. */
export interface RecordFacts {
  readonly index: number;
  readonly example: number;
  readonly label: number;
  readonly attack: Attack;
  readonly criterion: Criterion;
  readonly range: Range;
  readonly box: BoxFacts;
  readonly original: Uint8Array;
  readonly clean: Float32Array;
  readonly questions: Questions;
  readonly outcome: AttackRecord['outcome'];
  readonly reason: string | null;
  readonly judged?: Uint8Array;
  readonly logs?: Float32Array;
  readonly rounds?: number;
  readonly figures?: Readonly<Record<string, number>>;
  readonly gradients?: number;
}

/** Classes shown before and after. */
const shown = 5;

export function recordOf(facts: RecordFacts): AttackRecord {
  const { box, original, clean, questions, range, label } = facts;
  const judged = facts.judged ?? original;
  const logs = facts.logs ?? clean;
  const touched = changedPixels(original, judged, box);
  return {
    index: facts.index,
    example: facts.example,
    label,
    attack: facts.attack.name,
    criterion: facts.criterion.name,
    outcome: facts.outcome,
    reason: facts.reason,
    success: facts.outcome === 'success',
    queries: { ...questions.counts, gradients: facts.gradients ?? 0 },
    confidence: Math.exp(logs[likeliest(logs)] ?? Number.NaN),
    before: classesOf(clean, box.classes),
    after: classesOf(logs, box.classes),
    rank: rankOf(clean, label),
    ptb: perturbation(original, judged, box, range),
    l0: touched.length,
    pixelShare: touched.length / (box.height * box.width),
    l2: l2.between(original, judged, box),
    linf: linf.between(original, judged, box),
    rounds: facts.rounds ?? 0,
    seconds: questions.seconds,
    touched,
    figures: facts.figures ?? {},
    image: judged,
  };
}

/** The likeliest classes with their probabilities, the likeliest first. */
function classesOf(logs: Float32Array, names: readonly string[]): ClassProbability[] {
  const order = Array.from(logs, (log, index) => ({ log, index })).sort((a, b) => b.log - a.log);
  return order.slice(0, shown).map(({ log, index }) => ({
    index,
    name: names[index] ?? String(index),
    probability: Math.exp(log),
  }));
}
