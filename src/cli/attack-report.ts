/** What an audit found, as a page and as a table in the terminal. */
import type { AttackRecord } from '../methods/attack/attack.js';
import type { ImageShape } from '../methods/attack/model.js';
import type { AttackSummary } from '../methods/attack/summary.js';
import type { ReportAdversarial, ReportCurve, RunReport } from '../report/run-report.js';
import { percent, textTable } from './text-table.js';
import { version } from './version.js';

export interface AttackReportInput {
  /** As users name it. */
  readonly model: string;
  readonly data: string;
  readonly attack: string;
  readonly k: number;
  readonly shape: ImageShape;
  readonly records: readonly AttackRecord[];
  readonly summary: AttackSummary;
  readonly pictures: readonly ReportAdversarial[];
  /** What decided on the results. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly next: readonly string[];
}

/** The columns of the paper's tables 4 to 6, with what they leave unsaid before them and the queries after. */
const columns = [
  ...['probe', 'score', 'range'],
  ...['base error', 'adversarial error', 'confidence', 'PTB', '% pixels', 's an image', 'queries'],
];

function valuesOf({ summary, settings }: AttackReportInput): string[] {
  const { queries } = summary;
  const { probe = '', p, score = '', range, decimals } = settings;
  return [
    p === undefined ? `${probe}` : `${probe}, p = ${p}`,
    decimals === undefined ? `${score}` : `${score}, ${decimals} decimals`,
    range === 'foolbox' ? '-0.5,0.5' : `${range}`,
    percent(summary.baseError, 2),
    percent(summary.adversarialError, 2),
    summary.confidence.toFixed(2),
    summary.ptb.toFixed(3),
    percent(summary.pixelShare, 2),
    summary.seconds.mean.toFixed(2),
    `${queries.mean.toFixed(0)} (median ${queries.median})`,
  ];
}

/** The page of an audit. */
export function attackReport(input: AttackReportInput): RunReport {
  const { model, data, attack, k, shape, records, summary, pictures, settings, next } = input;
  const won = firsts(records).filter(({ success }) => success);
  return {
    title: 'How is it fooled?',
    subtitle: `${attack} on ${model}, ${data}, ${summary.attacked} images attacked`,
    figures: [
      {
        name: 'Fooled',
        value: percent(summary.successRate, 1),
        note: `${summary.successes} of ${summary.attacked}${k === 1 ? '' : `, out of the ${k} likeliest`}`,
      },
      { name: 'Pixels changed', value: percent(summary.pixelShare, 2), note: pixelsNote(won) },
      {
        name: 'Queries an image',
        value: summary.queries.mean.toFixed(0),
        note: `median ${summary.queries.median}, at most ${summary.queries.most}`,
      },
      { name: 'Robust accuracy', value: percent(summary.robustAccuracy, 1) },
      { name: 'Base error', value: percent(summary.baseError, 1) },
    ],
    config: settings,
    curves: [],
    attack: {
      columns,
      rows: [{ name: k === 1 ? attack : `${attack}, k = ${k}`, values: valuesOf(input) }],
      curves: curvesOf(records),
      fooled: won.length,
      ...(won.length > 1 && {
        touched: { width: shape.width, height: shape.height, counts: countsOf(won, shape) },
      }),
    },
    adversarial: pictures,
    next,
    provenance: { Espalier: version },
  };
}

const firsts = (records: readonly AttackRecord[]): AttackRecord[] =>
  records.filter(({ outcome, example }) => outcome !== 'skipped' && example === 0);

function pixelsNote(won: readonly AttackRecord[]): string {
  const mean = won.reduce((sum, { l0 }) => sum + l0, 0) / won.length;
  return won.length === 0 ? 'none fooled' : `${mean.toFixed(1)} of them an image`;
}

/** Of every pixel, the images in which it was changed. */
function countsOf(won: readonly AttackRecord[], { height, width }: ImageShape): Float64Array {
  const counts = new Float64Array(height * width);
  for (const { touched } of won)
    for (const pixel of touched) counts[pixel] = (counts[pixel] ?? 0) + 1;
  return counts;
}

/** Successes of all that were attacked, by the queries and by the pixels that they took. */
function curvesOf(records: readonly AttackRecord[]): ReportCurve[] {
  const attacked = firsts(records);
  const won = attacked.filter(({ success }) => success);
  const curve = (title: string, xLabel: string, values: readonly number[]): ReportCurve => ({
    ...{ title, xLabel, yLabel: 'share of the images' },
    series: [{ name: 'fooled', points: steps(values, attacked.length) }],
  });
  return [
    curve(
      'Fooled by a budget of queries',
      'queries',
      won.map(({ queries }) => queries.atFirstSuccess ?? queries.total),
    ),
    curve(
      'Fooled by so many pixels',
      'pixels',
      won.map(({ l0 }) => l0),
    ),
  ];
}

/** The share that took at most so much: it rises where an image was fooled, and nowhere between. */
function steps(values: readonly number[], all: number): [step: number, value: number][] {
  const sorted = values.toSorted((a, b) => a - b);
  return [
    [0, 0],
    ...sorted.flatMap((value, i): [number, number][] => [
      [value, i / all],
      [value, (i + 1) / all],
    ]),
  ];
}

/** The same for a terminal. */
export function describeAttack(
  input: AttackReportInput,
  files: { readonly ledger: string; readonly report: string; readonly sheet: string },
): string {
  const { model, attack, k, summary } = input;
  const [low, high] = summary.successInterval;
  return [
    `${attack} fooled ${model} on ${summary.successes} of ${summary.attacked} images, k = ${k}: ${percent(summary.successRate, 1)} (${percent(low, 1)} to ${percent(high, 1)}), judged on the 8-bit image`,
    '',
    textTable(
      columns,
      [valuesOf(input)],
      columns.map((_, i) => (i < 3 ? 'left' : 'right')),
    ),
    '',
    `ledger  ${files.ledger}`,
    `report  ${files.report}`,
    ...(summary.successes > 0 ? [`sheet   ${files.sheet}`] : []),
  ].join('\n');
}
