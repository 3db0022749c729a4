/**
 * Learning-rate schedules: pure functions of how far a run is, so that a resumed run needs no state for them.
 * A schedule gives a multiplier of the base learning rate.
 */
import { UsageError } from '../errors.js';

/**
 * The multiplier, in [0, 1], for the step with this index.
 * @param step 0 for the first; `steps` is just after the last
 * @param steps how many are planned
 */
export type Schedule = (step: number, steps: number) => number;

/** The base learning rate throughout. */
export const constant: Schedule = () => 1;

/**
 * Constant for the first `fraction` of the run, then linearly down to 0 at its end. The ladder network's with
 * 0.67: asked with epochs in place of steps it is exactly the official implementation's, which keeps the rate
 * within an epoch (see `heldFor`).
 * @see Rasmus et al. 2015, section 4.1 and the authors' code: 100 epochs, then linear over 50
 * @throws UsageError where `fraction` is outside [0, 1).
 */
export function linearAfter(fraction: number): Schedule {
  if (!(fraction >= 0 && fraction < 1)) throw invalid('linear', 'a fraction in [0, 1)', fraction);
  return (step, steps) =>
    step <= fraction * steps ? 1 : clamp((steps - step) / (steps * (1 - fraction)));
}

/** Far more than rounding makes of a fraction, and less than a step is of any run. */
const rounding = 1e-12;

/**
 * Multiplied by `factor` at each of `fractions` of the run.
 * @see He et al. 2016, section 4.2: divided by 10 at one half and three quarters of 64,000 steps
 * @throws UsageError where `fractions` is empty, not increasing or outside (0, 1), or `factor` outside [0, 1].
 */
export function stepAt(fractions: readonly number[], factor = 0.1): Schedule {
  const increasing = fractions.every((value, i) => value > (fractions[i - 1] ?? 0) && value < 1);
  if (fractions.length === 0 || !increasing)
    throw invalid('step', 'increasing fractions in (0, 1)', fractions.join(','));
  if (!(factor >= 0 && factor <= 1)) throw invalid('step', 'a factor in [0, 1]', factor);
  // 0.55 of 100 is 55, whatever the product rounds to.
  const isPast = (step: number, value: number, steps: number): boolean =>
    step >= (value - rounding) * steps;
  return (step, steps) => factor ** fractions.filter((value) => isPast(step, value, steps)).length;
}

/**
 * Half a cosine from 1 down to 0.
 * @see Loshchilov and Hutter 2017 (SGDR), equation 5, without restarts and with a minimum of 0
 */
export const cosine: Schedule = (step, steps) =>
  clamp((1 + Math.cos(Math.PI * clamp(step / steps))) / 2);

/**
 * (1 - progress) ^ power, Caffe's `poly` policy.
 * @param power 0.9 as in Chen et al. 2018 (DeepLab), section 4.1
 * @throws UsageError where `power` is not positive.
 */
export function poly(power = 0.9): Schedule {
  if (!(power > 0 && power < Infinity)) throw invalid('poly', 'a positive power', power);
  return (step, steps) => (1 - clamp(step / steps)) ** power;
}

/**
 * Linearly up over the first `fraction` of the run, then `schedule` over what is left. The first step gets one
 * part of the way, not 0, and the step after the last of them the full rate.
 * @see Goyal et al. 2017, section 2.2, gradual warm-up
 * @throws UsageError where `fraction` is outside [0, 1).
 */
export function warmUp(fraction: number, schedule: Schedule): Schedule {
  if (!(fraction >= 0 && fraction < 1)) throw invalid('warmup', 'a fraction in [0, 1)', fraction);
  return (step, steps) => {
    const rising = Math.min(Math.round(fraction * steps), steps - 1);
    return step < rising
      ? ((step + 1) / (rising + 1)) * schedule(0, steps - rising)
      : schedule(step - rising, steps - rising);
  };
}

/**
 * `schedule` in stairs: the run is cut into `parts` equal parts, such as epochs, and each keeps one multiplier.
 * @throws UsageError where `parts` is not a positive integer.
 */
export function heldFor(parts: number, schedule: Schedule): Schedule {
  if (!Number.isInteger(parts) || parts < 1)
    throw invalid('held schedule', 'a positive number of parts', parts);
  return (step, steps) => schedule(Math.floor((step * parts) / steps), parts);
}

const forms = {
  constant: { usage: 'constant', make: (): Schedule => constant, arity: [0, 0] },
  linear: { usage: 'linear:0.67', make: (fraction = 0) => linearAfter(fraction), arity: [0, 1] },
  step: { usage: 'step:0.5,0.75', make: (...at: number[]) => stepAt(at), arity: [1, 99] },
  cosine: { usage: 'cosine', make: (): Schedule => cosine, arity: [0, 0] },
  poly: { usage: 'poly:0.9', make: (power?: number) => poly(power), arity: [0, 1] },
} as const;

const usages = Object.values(forms)
  .map(({ usage }) => usage)
  .join(' | ');

/**
 * A schedule from its text: `constant`, `linear` (from the start), `linear:0.67`, `step:0.5,0.75` (divided by 10
 * at each), `cosine`, `poly` or `poly:0.9`; after `warmup:0.05+` it starts with a warm-up.
 * @throws UsageError naming the text and what is known.
 */
export function parseSchedule(text: string): Schedule {
  const [first = '', ...rest] = text.trim().split('+');
  const [name, numbers] = parsePart(first, text);
  if (name === 'warmup') {
    const [fraction] = numbers;
    if (rest.length === 0 || numbers.length !== 1 || fraction === undefined)
      throw unreadable(text, 'a warm-up is one fraction and a schedule after it');
    const next = rest.join('+');
    if (next.startsWith('warmup')) throw unreadable(text, 'one warm-up is enough');
    return warmUp(fraction, parseSchedule(next));
  }
  if (rest.length > 0) throw unreadable(text, 'only a warm-up can come before "+"');
  if (!isForm(name)) throw unreadable(text, `there is no "${name}"`);
  const { make, arity } = forms[name];
  if (numbers.length < arity[0] || numbers.length > arity[1])
    throw unreadable(text, `"${name}" does not take ${numbers.length} numbers`);
  return make(...numbers);
}

function parsePart(part: string, text: string): [string, number[]] {
  const colon = part.indexOf(':');
  if (colon < 0) return [part, []];
  const numbers = part.slice(colon + 1).split(',');
  const wrong = numbers.find((number) => !/^\d+(\.\d+)?(e-?\d+)?$|^\.\d+$/i.test(number));
  if (wrong !== undefined) throw unreadable(text, `"${wrong}" is not a number`);
  return [part.slice(0, colon), numbers.map(Number)];
}

function isForm(name: string): name is keyof typeof forms {
  return Object.hasOwn(forms, name);
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

function invalid(name: string, expected: string, actual: unknown): UsageError {
  return new UsageError(`learning-rate schedule "${name}" takes ${expected}, got ${actual}`, {
    expected,
    actual,
  });
}

function unreadable(text: string, problem: string): UsageError {
  return new UsageError(
    `invalid learning-rate schedule "${text}": ${problem}. Write ${usages}, and before it warmup:0.05+ where wanted.`,
    { actual: text },
  );
}
