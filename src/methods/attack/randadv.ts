/**
 * RandAdv of Narodytska and Kasiviswanathan 2016, section 3: random pixels perturbed by PERT, each set by itself, and which
 * share of them is critical.
 */
import { UsageError } from '../../errors.js';
import { deriveKey } from '../../tensor/random.js';
import type { Attack, AttackContext, Proposal } from './attack.js';
import { everyChannel } from './locsearch.js';
import { pert, sample } from './pixels.js';
import { Probes } from './probes.js';
import { wilsonInterval } from './wilson.js';

export interface RandAdvConfig {
  /** Of PERT. Far outside the range it tells how a network fails, but not on any image that can be stored. */
  readonly p: number;
  /** U, sets that are drawn; null for half the number of pixels. */
  readonly trials: number | null;
  /** Different pixels of a set. */
  readonly pixels: number;
}

/** Section 5.1: single pixels, half as many as there are. It takes sets of 50 and U = 5,000 on ImageNet. */
export const randAdvDefaults: RandAdvConfig = { p: 100, trials: null, pixels: 1 };

/**
 * The estimate. Sets are drawn with replacement, so that the share is without bias; one that comes again is counted again,
 * but not asked again. Its figures: `trials`, `critical` (sets whose probe meets the criterion), `share`, and Wilson's
 * interval of 95 %, `low` and `high`. Proposed is the first critical probe: as 8 bits it may fail, which the record says.
 * @throws UsageError naming the first setting that makes no sense.
 */
export function randAdv(settings: Partial<RandAdvConfig> = {}): Attack {
  const config = { ...randAdvDefaults, ...settings };
  const { p, trials, pixels } = config;
  if (!(p > 0 && Number.isFinite(p)))
    throw new UsageError(`invalid p ${p}: give a number above 0`, { actual: p });
  for (const [name, value] of Object.entries({ trials: trials ?? 1, pixels }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new UsageError(`invalid ${name} ${value}: give a whole number from 1 on`, {
        actual: value,
      });
  return {
    name: 'randadv',
    parameters: { ...config, probe: 'PERT', score: 'none' },
    needs: 'labels',
    avoids: false,
    run: (context) => estimate(config, context),
  };
}

async function estimate(config: RandAdvConfig, context: AttackContext): Promise<Proposal> {
  const { box, criterion, label, random } = context;
  const all = Array.from({ length: box.height * box.width }, (_, i) => i);
  if (config.pixels > all.length)
    throw new UsageError(`sets of ${config.pixels} pixels: the image has ${all.length}`, {
      actual: config.pixels,
    });
  const trials = config.trials ?? Math.ceil(all.length / 2);
  const change = everyChannel(context, (x) => pert(x, config.p));
  const original = Float32Array.from(context.image);
  const sets = Array.from({ length: trials }, (_, u) =>
    config.pixels === 1
      ? [Math.floor(((deriveKey(random, u)[0] >>> 0) / 2 ** 32) * all.length)]
      : sample(all, config.pixels, deriveKey(random, u)),
  );
  const write = (row: Float32Array, set: readonly number[]): void => {
    for (const pixel of set) change(row, pixel);
  };
  const answers = await new Probes(context).ask(
    original,
    sets.map((set) => (row: Float32Array) => write(row, set)),
  );
  const met = answers.map((logs) => criterion.met(logs, label));
  const critical = met.filter(Boolean).length;
  const first = sets[met.indexOf(true)];
  const proposal = original.slice();
  if (first) write(proposal, first);
  const [low, high] = wilsonInterval(critical, trials);
  return {
    image: proposal,
    rounds: 1,
    figures: { trials, critical, share: critical / trials, low, high },
  };
}
