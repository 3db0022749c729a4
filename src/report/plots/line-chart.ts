/**
 * Series over the training step. The drawing has no width of its own: the plot is stretched to whatever room
 * there is while strokes and letters keep their size, so one SVG serves a telephone and a poster. (Horizontal
 * positions are percentages; the margins for labels are the style sheet's, see `margin-*` there.)
 */
import { html, type Markup } from '../markup.js';
import { cut } from './label.js';
import { isSequence, seriesClass } from './palette.js';
import { spread } from './spread.js';
import { type Bucket, type Thinned, thin } from './thin.js';
import { formatTicks, linearTicks, logTicks, niceDomain, niceLogDomain } from './ticks.js';

/** What may be changed, and what it is unless changed. */
export const defaults = {
  /** Height of the plot without its margins, in CSS pixels. */
  height: 220,
  /** Ticks aimed at on each axis. */
  ticks: 5,
  /** Buckets that a series is thinned to: with mean, minimum and maximum about 600 numbers a series. */
  buckets: 200,
  /** Distance between the labels at the ends of lines, in CSS pixels. */
  labelGap: 15,
  /** Characters that a label is cut to. */
  labelLength: 18,
};

/** One line; the points may come in any order. */
export interface LineSeries {
  readonly name: string;
  readonly points: readonly (readonly [step: number, value: number])[];
}

/** What is drawn. `log` asks for a logarithmic vertical axis, on which values of 0 and below are gaps. */
export interface LineChartData {
  readonly title: string;
  readonly yLabel: string;
  readonly xLabel?: string;
  readonly log?: boolean;
  readonly series: readonly LineSeries[];
}

interface Line extends Thinned {
  readonly name: string;
  readonly className: string;
}

interface Frame {
  readonly x: readonly [low: number, high: number];
  readonly y: readonly [low: number, high: number];
  readonly log: boolean;
  readonly height: number;
}

/** The chart as one `<svg>`; empty markup where no value can be drawn. */
export function lineChart(data: LineChartData, options: Partial<typeof defaults> = {}): Markup {
  const settings = { ...defaults, ...options };
  const log = data.log ?? false;
  const ordered = isSequence(data.series.map((series) => series.name));
  const lines = data.series
    .map((series, i) => ({
      ...thin(series.points, settings.buckets),
      name: series.name,
      className: seriesClass(i, data.series.length, ordered),
    }))
    .filter((line) => line.buckets.some((bucket) => isDrawable(bucket, log)));
  if (lines.length === 0) return html``;
  const height = Math.max(settings.height, (lines.length - 1) * settings.labelGap);
  const frame: Frame = {
    x: stepsOf(lines),
    y: valuesOf(lines, log, settings.ticks),
    log,
    height,
  };
  const longest = Math.max(...lines.map((line) => cut(line.name, settings.labelLength).length));
  const margin = longest <= 7 ? 'small' : longest <= 12 ? 'medium' : 'large';
  return html`<svg class="line-chart margin-${margin}" height="${height}" role="img" tabindex="0" aria-label="${summary(data, lines)}" data-x="${frame.x.join(' ')}" data-y="${frame.y.join(' ')}" data-height="${height}" data-scale="${log ? 'log' : 'linear'}" data-label="${data.xLabel ?? 'step'}">
${axes(data, frame, settings.ticks)}
<svg class="plot" viewBox="0 0 1000 ${height}" preserveAspectRatio="none" width="100%" height="${height}">
${lines.map((line) => band(line, frame))}
${lines.map((line) => stroke(line, frame))}
</svg>
${ends(lines, frame, settings)}
</svg>`;
}

function isDrawable(bucket: Bucket, log: boolean): boolean {
  return Number.isFinite(bucket.value) && !(log && bucket.value <= 0);
}

/** The horizontal domain: from 0 where the first step is as good as that. */
function stepsOf(lines: readonly Line[]): readonly [number, number] {
  const low = Math.min(...lines.map((line) => line.buckets[0]?.step ?? 0));
  const high = Math.max(...lines.map((line) => line.buckets.at(-1)?.step ?? 0));
  if (low === high) return [low - 1, high + 1];
  return [low > 0 && low < high / 50 ? 0 : low, high];
}

/** The vertical domain: all that is drawn; from 0 where values above it come near. */
function valuesOf(lines: readonly Line[], log: boolean, ticks: number): readonly [number, number] {
  const buckets = lines.flatMap((line) => line.buckets.filter((bucket) => isDrawable(bucket, log)));
  const lows = buckets.map((bucket) => (log && bucket.low <= 0 ? bucket.value : bucket.low));
  const low = Math.min(...lows);
  const high = Math.max(...buckets.map((bucket) => bucket.high));
  if (log) return niceLogDomain(low, high);
  return niceDomain(low > 0 && low < high / 2 ? 0 : low, high, ticks);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Fraction of the width, 0..1. */
function across(step: number, { x: [low, high] }: Frame): number {
  return (step - low) / (high - low);
}

/** Pixels from the top; what lies below a logarithmic axis rests on it. */
function down(value: number, { y: [low, high], log, height }: Frame): number {
  const place = (v: number) => (log ? Math.log10(v) : v);
  const inside = Math.max(value, low);
  return round(height * (1 - (place(inside) - place(low)) / (place(high) - place(low))));
}

function axes(data: LineChartData, frame: Frame, count: number): Markup {
  const { height, log } = frame;
  const yTicks = log ? logTicks(...frame.y, count) : linearTicks(...frame.y, count);
  const yTexts = formatTicks(yTicks, log);
  const xTicks = linearTicks(...frame.x, count);
  const xTexts = formatTicks(xTicks);
  return html`<g class="axis">
<text class="axis-label" x="-44" y="-14">↑ ${data.yLabel}</text>
${yTicks.map((tick, i) => {
  const y = down(tick, frame);
  return html`<line class="grid" x2="100%" y1="${y}" y2="${y}"/><text class="y" x="-8" y="${y}" dy=".32em">${yTexts[i]}</text>`;
})}
${xTicks.map((tick, i) => {
  const x = `${round(100 * across(tick, frame))}%`;
  return html`<line class="tick" x1="${x}" x2="${x}" y1="${height}" y2="${height + 4}"/><text class="x" x="${x}" y="${height + 18}">${xTexts[i]}</text>`;
})}
<line class="base" x2="100%" y1="${height}" y2="${height}"/>
<svg x="100%" overflow="visible"><text x="18" y="${height + 18}">${data.xLabel ?? 'step'} →</text></svg>
</g>`;
}

/** Runs of buckets without a gap, and what the hover read-out knows of each. */
function runs(line: Line, log: boolean): Bucket[][] {
  const all: Bucket[][] = [[]];
  for (const bucket of line.buckets)
    if (isDrawable(bucket, log)) all.at(-1)?.push(bucket);
    else if (all.at(-1)?.length) all.push([]);
  return all.filter((run) => run.length > 0);
}

function stroke(line: Line, frame: Frame): Markup {
  const path = runs(line, frame.log).map((run) => {
    const places = run.map(
      (bucket) => `${round(1000 * across(bucket.step, frame))},${down(bucket.value, frame)}`,
    );
    // A run of one would leave no trace: a line of no length has a round cap.
    return `M${places.join('L')}${places.length === 1 ? 'h0' : ''}`;
  });
  return html`<path class="line ${line.className}" d="${path.join('')}" data-name="${line.name}" data-points="${hoverData(line)}"/>`;
}

function band(line: Line, frame: Frame): Markup | undefined {
  if (!line.averaged) return undefined;
  const path = runs(line, frame.log).map((run) => {
    const at = (bucket: Bucket, value: number) =>
      `${round(1000 * across(bucket.step, frame))},${down(value, frame)}`;
    const top = run.map((bucket) => at(bucket, bucket.high));
    const bottom = run.map((bucket) => at(bucket, bucket.low)).reverse();
    return `M${top.join('L')}L${bottom.join('L')}Z`;
  });
  return html`<path class="band ${line.className}" d="${path.join('')}"/>`;
}

/** `step,value` for a point, `step,value,low,high,from,to` for a range; four significant digits. */
function hoverData(line: Line): string {
  const short = (value: number) => String(Number(value.toPrecision(4)));
  return line.buckets
    .filter((bucket) => Number.isFinite(bucket.value))
    .map((bucket) => {
      const point = [String(round(bucket.step)), short(bucket.value)];
      if (bucket.from === bucket.to) return point.join(',');
      return [...point, short(bucket.low), short(bucket.high), bucket.from, bucket.to].join(',');
    })
    .join(';');
}

/** A dot where each line ends, and its name beside the plot. */
function ends(lines: readonly Line[], frame: Frame, settings: typeof defaults): Markup {
  const last = lines.map((line) => line.buckets.filter((b) => isDrawable(b, frame.log)).at(-1));
  const wanted = last.map((bucket) => down(bucket?.value ?? 0, frame));
  const placed = spread(wanted, settings.labelGap, 0, frame.height).map(round);
  return html`<g class="ends">${lines.map((line, i) => {
    const x = `${round(100 * across(last[i]?.step ?? 0, frame))}%`;
    const [from, to] = [wanted[i] ?? 0, placed[i] ?? 0];
    return html`${
      x !== '100%' && html`<line class="lead" x1="${x}" x2="100%" y1="${from}" y2="${from}"/>`
    }<circle class="${line.className}" cx="${x}" cy="${from}" r="3"/><svg x="100%" overflow="visible"><path class="lead" d="M5,${from}L15,${to}"/><text x="18" y="${to}" dy=".32em"><title>${line.name}</title>${cut(line.name, settings.labelLength)}</text></svg>`;
  })}</g>`;
}

/** What a reader hears who does not see the drawing. */
function summary(data: LineChartData, lines: readonly Line[]): string {
  const parts = lines.map((line) => {
    const values = line.buckets.map((bucket) => bucket.value).filter(Number.isFinite);
    const [first = 0, last = 0] = [values[0], values.at(-1)];
    return `${line.name} from ${Number(first.toPrecision(3))} to ${Number(last.toPrecision(3))}`;
  });
  return `${data.title}: ${data.yLabel} over ${data.xLabel ?? 'step'}. ${parts.join('; ')}. Arrow keys read the values.`;
}
