/**
 * The record of attacks in the layout of the paper's tables 4 to 6: all rows, each an audit that goes on where it was cut.
 *
 *     npx tsx bench/attack-table.ts --folder FOLDER [--shared ../shared/data] [--only cifar10-sharp] [--images 300] [--print]
 *
 * Images stand in FOLDER/NAME.jsonl as they are done, and figures are read from there. With --print nothing is run.
 */
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { AttackRecord } from '../src/methods/attack/attack.js';
import { audit } from '../src/methods/attack/audit.js';
import { misclassified } from '../src/methods/attack/criterion.js';
import { boundsOf } from '../src/methods/attack/model.js';
import { roundedBox } from '../src/methods/attack/rounded-box.js';
import { summarizeAttack } from '../src/methods/attack/summary.js';
import { wilsonInterval } from '../src/methods/attack/wilson.js';
import { type AttackRow, attackRows } from './attack-rows.js';
import { type OpenSubject, openSubject, type SubjectName } from './attack-subjects.js';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: 'attack-table' },
    shared: { type: 'string', default: '../shared/data' },
    only: { type: 'string', default: '' },
    images: { type: 'string' },
    seed: { type: 'string', default: '1' },
    print: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
/** Images decoded beyond those wanted: these classifiers have 9 of 10 right, or 2 of 3. */
const spare = 1.7;

type Line = Omit<AttackRecord, 'image'>;

const fileOf = (row: AttackRow): string => join(values.folder, `${row.name}.jsonl`);
const wantedOf = (row: AttackRow): number => Number(values.images ?? row.images);
const isAttacked = ({ outcome }: Line): boolean => outcome !== 'skipped';

/** Images as they were attacked, up to the last one wanted. */
async function linesOf(row: AttackRow): Promise<Line[]> {
  const text = await readFile(fileOf(row), 'utf8').catch(() => '');
  const lines = text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Line];
    } catch {
      // Nothing, or what a kill has cut: its image is attacked again.
      return [];
    }
  });
  // Images that were attacked side by side stand in the order in which they were done.
  lines.sort((a, b) => a.index - b.index);
  const last = lines.filter(isAttacked)[wantedOf(row) - 1];
  return lines.filter(({ index }) => index <= (last?.index ?? index));
}

const opened = new Map<SubjectName, OpenSubject>();
async function subjectOf(name: SubjectName): Promise<OpenSubject> {
  const subject = opened.get(name) ?? (await openSubject(name, values.shared));
  opened.set(name, subject);
  return subject;
}

async function run(row: AttackRow): Promise<void> {
  const wanted = wantedOf(row);
  const before = await linesOf(row);
  if (before.filter(isAttacked).length >= wanted) return;
  const { box, images } = await subjectOf(row.subject);
  await audit({
    ...{ attack: row.attack, range: row.range, seed, wanted, criterion: misclassified(row.k) },
    box: row.decimals === null ? box : roundedBox(box, row.decimals),
    images: await images(Math.ceil(spare * wanted)),
    records: before.map((line) => ({ ...line, image: new Uint8Array() })),
    ...(row.queries !== null && { budget: { queries: row.queries } }),
    async onRecord({ image: _, ...line }) {
      await appendFile(fileOf(row), `\n${JSON.stringify(line)}`);
    },
  });
}

const share = (value: number, digits = 2): string => (100 * value).toFixed(digits);

/** RandAdv's estimate over all images, with Wilson's interval. */
function critical(lines: readonly Line[]): string {
  const sum = (name: string): number =>
    lines.reduce((total, { figures }) => total + (figures[name] ?? 0), 0);
  const [found, trials] = [sum('critical'), sum('trials')];
  const [low, high] = wilsonInterval(found, trials);
  return `${share(found / trials)} % (${share(low)} to ${share(high)}) critical`;
}

function cells(row: AttackRow, lines: readonly Line[]): string[] {
  const { attack, k, range, decimals } = row;
  const { parameters } = attack;
  const s = summarizeAttack(lines as AttackRecord[], k);
  const [lower, upper] = boundsOf(range, 0);
  const isRandom = parameters.trials !== undefined;
  return [
    decimals === null ? row.title : `${row.title}, ${decimals} decimals`,
    parameters.p === undefined ? `${parameters.probe}` : `${parameters.probe}, p = ${parameters.p}`,
    `${parameters.score}`,
    typeof range.lower === 'number' ? `[${lower}, ${upper}]` : "the network's",
    ...[String(k), String(s.attacked), share(s.baseError), share(s.adversarialError)],
    isRandom
      ? critical(lines.filter(isAttacked))
      : `${share(s.successRate, 1)} (${share(s.successInterval[0], 1)} to ${share(s.successInterval[1], 1)})`,
    ...(s.successes > 0
      ? [s.confidence.toFixed(2), s.ptb.toFixed(3), share(s.pixelShare)]
      : ['', '', '']),
    s.seconds.median.toFixed(2),
    `${s.queries.mean.toFixed(0)} (${s.queries.median})`,
  ];
}

const columns = [
  ...['attack', 'probe', 'score', 'range', 'k', 'images', 'base error %', 'adversarial error %'],
  ...['success %', 'confidence', 'PTB', '% pixels', 's (median)', 'queries (median)'],
];

/** The rows that there are, a table for each classifier. */
async function print(rows: readonly AttackRow[]): Promise<void> {
  for (const name of new Set(rows.map(({ subject }) => subject))) {
    const found: string[] = [];
    for (const row of rows.filter(({ subject }) => subject === name)) {
      const lines = await linesOf(row);
      if (lines.some(isAttacked)) found.push(`| ${cells(row, lines).join(' | ')} |`);
    }
    if (found.length > 0)
      process.stdout.write(
        `\n### ${name}\n\n| ${columns.join(' | ')} |\n|${columns.map(() => ' --- |').join('')}\n${found.join('\n')}\n`,
      );
  }
}

const rows = attackRows.filter(({ name }) => name.includes(values.only));
await mkdir(values.folder, { recursive: true });
if (!values.print)
  for (const row of rows) {
    const start = performance.now();
    await run(row);
    process.stderr.write(`${row.name} ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
  }
await print(rows);
