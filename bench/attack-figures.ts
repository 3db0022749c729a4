/** What the benchmark of attacks makes of its times. */
import { type Name, names, ourName, type Taken, type Turns, torchName } from './attack-sides.js';
import type { AttackSubject } from './attack-subject.js';
import { auditName, engineName } from './attack-throughput.js';
import type { Findings } from './benchmark.js';
import {
  best,
  type Ratio,
  ratio,
  ratioLine,
  type Timed,
  threadsText,
  timedLines,
} from './rounds.js';

/** At most so much of the peer's time, at least so much of the engine's throughput. */
const wanted = { time: 1 / 1.5, throughput: 0.8 };
/** Images that have to take the same queries and pixels on both sides: rounding may turn a choice here and there. */
const agreeing = 0.6;

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;

/** Figures and lines of all sides. */
export function findings(
  sides: readonly Timed[],
  turns: Turns,
  { isReal, images }: AttackSubject,
): Findings {
  const all = names.map((name) => {
    const own = best(sides, ourName(name));
    const plain = best(sides, torchName(name, 'plain'));
    const ours = turns.get(`${ourName(name)} ${own?.threads}`) ?? [];
    const theirs = turns.get(`${torchName(name, 'plain')} ${plain?.threads}`)?.[0];
    const [first] = ours;
    return {
      name,
      meanQueries: mean(first?.queries ?? []),
      rates: sides.flatMap((side) => (side.name === engineName ? [rateOf(sides, name, side)] : [])),
      overPeer: own && plain ? ratio(own, plain, wanted.time) : null,
      agreeing: first && theirs ? agreement(first, theirs) : null,
    };
  });
  const subject = isReal
    ? 'images of CIFAR-10 that a ResNet-20 has right with a probability below 0.999'
    : 'drawn images, drawn weights';
  return {
    figures: { milliseconds: sides, attacks: all },
    lines: [
      `${images.length} ${subject}`,
      ...timedLines(sides),
      ...all.flatMap(({ name, ...figures }) => linesOf(name, figures)),
    ],
    failures: all.flatMap(({ name, agreeing: share }) =>
      share === null || share >= agreeing
        ? []
        : [`${name}: only ${share} of the images took the same queries and pixels on both sides`],
    ),
  };
}

interface Rate {
  readonly threads: number;
  readonly queriesPerSecond: number;
  /** Of the engine's best batch, by the medians of all turns, and by the quickest. */
  readonly overThroughput: number;
  readonly ofMinima: number;
}

/** Of the audit on as many threads as the engine's side has. */
function rateOf(sides: readonly Timed[], name: Name, engine: Timed): Rate {
  const { threads } = engine;
  const own = sides.find((side) => side.name === auditName(name) && side.threads === threads);
  const [median, least] = [own?.median ?? Number.NaN, own?.minimum ?? Number.NaN];
  return {
    threads,
    queriesPerSecond: 1000 / median,
    overThroughput: engine.median / median,
    ofMinima: engine.minimum / least,
  };
}

/** Share of the images that took the same queries and pixels. */
function agreement(a: Taken, b: Taken): number {
  const same = a.queries.filter((n, i) => n === b.queries[i] && a.pixels[i] === b.pixels[i]);
  return same.length / a.queries.length;
}

interface AttackFigures {
  readonly meanQueries: number;
  readonly rates: readonly Rate[];
  readonly overPeer: Ratio | null;
  readonly agreeing: number | null;
}

function linesOf(name: Name, figures: AttackFigures): string[] {
  const { meanQueries, rates, overPeer, agreeing: share } = figures;
  const verdict = (share: number): string => (share >= wanted.throughput ? 'as wanted' : 'MISSED');
  return [
    `${name}: ${meanQueries.toFixed(1)} queries an image`,
    ...rates.map(
      ({ threads, queriesPerSecond, overThroughput: over, ofMinima }) =>
        `${name}, audit, ${threadsText(threads)}: ${queriesPerSecond.toFixed(0)} queries a second, ${over.toFixed(2)} of the engine's best batch (of the minima ${ofMinima.toFixed(2)}; at least ${wanted.throughput}: ${verdict(over)})`,
    ),
    ...(overPeer
      ? [
          ratioLine(`${name}: our time over plain PyTorch's`, overPeer),
          `${name}: ${(1 / overPeer.ofMedians).toFixed(2)} times faster; ${(100 * (share ?? 0)).toFixed(0)} % of the images took the very same queries and pixels`,
        ]
      : []),
  ];
}
