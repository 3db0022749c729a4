/** What a ladder network is made of, and the settings of the paper's experiments. */
import { UsageError } from '../../errors.js';

/** `full`: every cost. `bottom`: reconstruction of the input alone. `gamma`: the top cost alone. `supervised`: no unlabelled data. */
export const modes = ['full', 'bottom', 'gamma', 'supervised'] as const;
export type Mode = (typeof modes)[number];

/** How the decoder joins the lateral and the vertical signal. */
export const combinators = ['gauss', 'vanilla', 'amlp'] as const;
export type CombinatorName = (typeof combinators)[number];

export interface LadderConfig {
  readonly mode: Mode;
  /** Units of each layer from the input to the classes. */
  readonly widths: readonly number[];
  /** Weight of the denoising cost of each layer, l = 0 (the input) to L. 0 leaves the cost out. */
  readonly lambdas: readonly number[];
  /** Standard deviation of the noise added to the input, whose pixels are in [0, 1]. */
  readonly inputNoise: number;
  /** Standard deviation of the noise added to each normalised layer. */
  readonly layerNoise: number;
  readonly combinator: CombinatorName;
  /** Hidden units of the `amlp` combinator's element-wise network. */
  readonly combinatorHidden: readonly number[];
  /** Labelled examples a step, and as many unlabelled ones beside them. */
  readonly batchSize: number;
  /** Passes over the unlabelled examples (over the labelled ones where there are no others: see `stepsPerEpoch`). */
  readonly epochs: number;
  readonly learningRate: number;
  /** Share of the epochs after which the learning rate falls linearly to 0. */
  readonly decayFrom: number;
  readonly seed: number;
}

/** Added to the variance in every normalisation (official code). */
export const epsilon = 1e-10;

/** Layers between input and classes (paper, section 4.1). */
export const hidden = [1000, 500, 250, 250, 250] as const;

/** Settings that the paper's experiments share unless a row says otherwise (official code; see docs/decisions). */
export const shared = {
  inputNoise: 0.3,
  layerNoise: 0.3,
  combinator: 'gauss',
  combinatorHidden: [4],
  batchSize: 100,
  epochs: 150,
  learningRate: 0.002,
  decayFrom: 0.67,
  seed: 1,
} as const;

/** Denoising weights and noise of the paper's table rows, by the number of labels (official code, README). */
const rows: Readonly<
  Record<
    Preset,
    { full: readonly [number, number, number]; bottom: number; gamma: number; noise: number }
  >
> = {
  '50': { full: [2000, 20, 0.1], bottom: 5000, gamma: 0.5, noise: 0.3 },
  '100': { full: [1000, 10, 0.1], bottom: 5000, gamma: 0.5, noise: 0.3 },
  '1000': { full: [2000, 20, 0.1], bottom: 2000, gamma: 10, noise: 0.2 },
  all: { full: [1000, 1, 0.01], bottom: 2000, gamma: 2, noise: 0.3 },
};

export const presets = ['50', '100', '1000', 'all'] as const;
export type Preset = (typeof presets)[number];

/** The preset whose number of labels is the nearest from above: ours, for labels that the paper did not try. */
export function presetFor(labels: number): Preset {
  if (labels <= 50) return '50';
  if (labels <= 300) return '100';
  return labels <= 10_000 ? '1000' : 'all';
}

/**
 * The paper's settings for a preset and mode. For 50 labels the paper has the full mode only: the others take
 * the weights of 100 labels, which is ours.
 * @param pixels units of the input
 * @param classes units of the top
 * @param between units of the layers between them
 */
export function ladderConfig(
  preset: Preset,
  mode: Mode,
  pixels: number,
  classes: number,
  between: readonly number[] = hidden,
): LadderConfig {
  const widths = [pixels, ...between, classes];
  const row = rows[preset];
  return {
    ...shared,
    mode,
    widths,
    lambdas: lambdasOf(mode, widths.length, row),
    // The supervised baseline was tuned apart: layer noise 0.5 (official code).
    layerNoise: mode === 'supervised' ? 0.5 : mode === 'full' ? row.noise : shared.layerNoise,
  };
}

function lambdasOf(mode: Mode, layers: number, row: (typeof rows)[Preset]): number[] {
  const [input, first, rest] = row.full;
  return Array.from({ length: layers }, (_, l) => {
    if (mode === 'full') return l === 0 ? input : l === 1 ? first : rest;
    if (mode === 'bottom') return l === 0 ? row.bottom : 0;
    if (mode === 'gamma') return l === layers - 1 ? row.gamma : 0;
    return 0;
  });
}

/** @throws UsageError naming the first setting that makes no sense. */
export function checkConfig(config: LadderConfig): void {
  const { widths } = config;
  if (widths.length < 2 || !widths.every(isCount))
    throw new UsageError(
      `invalid widths: at least two whole numbers above 0, got ${JSON.stringify(widths)}`,
      { actual: widths },
    );
  checkSettings(config, widths.length);
}

const isCount = (n: number): boolean => Number.isSafeInteger(n) && n > 0;

/**
 * Checks what every kind of ladder has.
 * @param layers how many there are, the input among them
 * @throws UsageError naming the first setting that makes no sense.
 */
export function checkSettings(config: Omit<LadderConfig, 'widths'>, layers: number): void {
  const demand = (holds: boolean, name: keyof typeof config, rule: string): void => {
    if (!holds)
      throw new UsageError(`invalid ${name}: ${rule}, got ${JSON.stringify(config[name])}`, {
        actual: config[name],
      });
  };
  const { lambdas, batchSize, seed } = config;
  demand(
    lambdas.length === layers && lambdas.every((x) => x >= 0 && Number.isFinite(x)),
    'lambdas',
    `one weight from 0 on for each of the ${layers} layers`,
  );
  demand(isCount(batchSize) && batchSize > 1, 'batchSize', 'a whole number above 1');
  demand(config.epochs > 0, 'epochs', 'a number above 0');
  demand(config.learningRate > 0, 'learningRate', 'a number above 0');
  demand(config.decayFrom >= 0 && config.decayFrom < 1, 'decayFrom', 'a share in [0, 1)');
  demand(config.inputNoise >= 0, 'inputNoise', 'a number from 0 on');
  demand(config.layerNoise >= 0, 'layerNoise', 'a number from 0 on');
  demand(Number.isSafeInteger(seed) && seed >= 0, 'seed', 'a whole number from 0 on');
  demand(
    config.mode === 'supervised' || lambdas.some((x) => x > 0),
    'lambdas',
    'at least one above 0 unless the mode is supervised',
  );
}
