/** How progress reads: durations, rates, figures, and one line of it that fits a width. Pure text, no terminal. */
import type { TrainEvent } from '../train/events.js';

type StepEvent = Extract<TrainEvent, { type: 'step' }>;

/** Narrowest and widest bar, in columns. */
const barWidths = { least: 8, most: 40 } as const;
const between = ' · ';

/**
 * `42 s`, `4 min 05 s`, `1 h 02 min`, `2 d 03 h`; `?` for what nobody knows yet.
 * @param seconds negative ones count as 0
 */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${twoDigits(hours % 24)} h`;
}

/** `15.2 steps/s`; below one a second the other way round, `3.2 s/step`. */
export function formatRate(perSecond: number, unit = 'step'): string {
  if (!(perSecond > 0) || !Number.isFinite(perSecond)) return `? ${unit}s/s`;
  return perSecond < 1
    ? `${threeDigits(1 / perSecond)} s/${unit}`
    : `${threeDigits(perSecond)} ${unit}s/s`;
}

/** A loss or a metric in about four digits: `0.1234`, `12.35`, `1.234e-7`. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value) || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(3);
  return value.toFixed(size < 1 ? 4 : Math.max(0, 3 - Math.floor(Math.log10(size))));
}

/** `error 0.0224 · nll 0.1200`: figures by name. */
export function formatFigures(figures: Readonly<Record<string, number>>): string {
  return namedFigures(figures).join(between);
}

/** ` 42%` of the way, rounded down so that 100% means done. */
export function formatPercent(fraction: number): string {
  return `${String(Math.floor(clamp(fraction) * 100)).padStart(3)}%`;
}

/** A part of a line: those with a low `rank` stay where the line is too narrow for all. */
export interface Part {
  readonly text: string;
  readonly rank: number;
}

/** A line of progress cut up for colouring; its width is that of `percent + done + left + text`. */
export interface ProgressLine {
  readonly percent: string;
  /** The bar's finished and unfinished piece; both empty where there is no room. */
  readonly done: string;
  readonly left: string;
  readonly text: string;
}

/**
 * Fits percent, bar and parts into `columns`, less one since a full line makes some terminals wrap. Parts keep
 * their order, and go, highest rank first, where they do not fit beside the shortest bar.
 */
export function layOut(fraction: number, parts: readonly Part[], columns: number): ProgressLine {
  const percent = formatPercent(fraction);
  const room = columns - 1 - percent.length - 1;
  const kept = new Set<Part>();
  let used = 0;
  for (const part of [...parts].sort((a, b) => a.rank - b.rank)) {
    const width = part.text.length + (kept.size === 0 ? 1 : between.length);
    if (used + width + barWidths.least > room) break;
    kept.add(part);
    used += width;
  }
  const text = parts
    .filter((part) => kept.has(part))
    .map((part) => part.text)
    .join(between);
  const width = Math.min(barWidths.most, room - used);
  if (width < barWidths.least)
    return { percent: percent.slice(0, Math.max(0, columns - 1)), done: '', left: '', text: '' };
  const filled = Math.floor(clamp(fraction) * width);
  return {
    percent: `${percent} `,
    done: '█'.repeat(filled),
    left: '░'.repeat(width - filled),
    text: text === '' ? '' : ` ${text}`,
  };
}

/** What a step says, in order of appearance; what matters most has the lowest rank. */
export function stepParts(event: StepEvent): Part[] {
  const losses = namedFigures(event.losses);
  return [
    { text: `epoch ${epochOf(event)}`, rank: 2 },
    ...losses.map((text, i) => ({ text, rank: i === 0 ? 1 : 3 + i })),
    { text: formatRate(event.stepsPerSecond), rank: 3 },
    { text: `${formatDuration(event.secondsLeft)} left`, rank: 0 },
  ];
}

/** A step as a line for a log: `step 1200/9000 (13%) · epoch 2 · total 0.1234 · 15.2 steps/s · 8 min 33 s left`. */
export function stepLine(event: StepEvent): string {
  const percent = formatPercent(event.step / event.steps).trim();
  const parts = stepParts(event).map(({ text }) => text);
  return [`step ${event.step}/${event.steps} (${percent})`, ...parts].join(between);
}

/** An event other than a step as a line, or null for those that need none. */
export function eventLine(event: Exclude<TrainEvent, { type: 'step' }>): string | null {
  switch (event.type) {
    case 'start': {
      const what = event.run === '' ? 'training' : `training ${printable(event.run)}`;
      return event.resumed
        ? `${what}: resumed after step ${event.step} of ${event.steps}`
        : `${what}: ${event.steps} steps`;
    }
    case 'evaluation':
      return `evaluation after step ${event.step}, epoch ${formatEpoch(event.epoch)}: ${formatFigures(event.metrics)}`;
    case 'notice':
      return printable(event.message);
    case 'end':
      return `${event.reason} after step ${event.step}, ${formatDuration(event.seconds)}`;
    case 'checkpoint':
      return null;
  }
}

/** Text from elsewhere, such as a file's name, without what a terminal would obey. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

function namedFigures(figures: Readonly<Record<string, number>>): string[] {
  return Object.entries(figures).map(
    ([name, value]) => `${printable(name)} ${formatFigure(value)}`,
  );
}

/** `3/150`: the epoch under way, of how many there will be. */
function epochOf({ step, steps, epoch }: StepEvent): string {
  const all = step === 0 ? epoch : (epoch * steps) / step;
  return `${wholeEpochs(epoch)}/${wholeEpochs(all)}`;
}

/** A part of an epoch counts as one; what is over by rounding alone does not. */
function wholeEpochs(epochs: number): number {
  return Math.max(1, Math.ceil(epochs - 1e-6));
}

function formatEpoch(epoch: number): string {
  return String(Number(epoch.toFixed(2)));
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

function threeDigits(value: number): string {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

function clamp(value: number): number {
  return Number.isNaN(value) ? 0 : Math.min(1, Math.max(0, value));
}
