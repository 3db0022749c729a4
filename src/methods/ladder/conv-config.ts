/** Ladder networks of convolutions (Rasmus et al. 2015, sections 4.1.2 and 4.2), and the settings of their rows. */
import { UsageError } from '../../errors.js';
import {
  convLargeLayers,
  convSmallLayers,
  type LadderArchitecture,
  type LadderLayer,
} from '../../nn/models/ladder-conv.js';
import { checkSettings, type LadderConfig, type Mode, shared } from './config.js';

/** The paper's networks of convolutions, as its tables call them. */
export const convNetworks = ['conv-small', 'conv-large', 'conv-fc'] as const;
export type ConvNetwork = (typeof convNetworks)[number];

/** What is done to pixels first. `zca`: per-image contrast normalisation, then whitening (see `whitening.ts`). */
export const whitenings = ['none', 'zca'] as const;
export type Whitening = (typeof whitenings)[number];

/** The settings of the fully connected ladder, and a network in place of its widths. */
export interface ConvLadderConfig extends Omit<LadderConfig, 'widths'> {
  readonly network: ConvNetwork;
  /** Channels, height and width of an image. */
  readonly shape: readonly [channels: number, height: number, width: number];
  readonly classes: number;
  readonly whitening: Whitening;
}

/** What a network is, beside its layers. */
export interface NetworkFacts {
  readonly architecture: LadderArchitecture;
  /** Whether the softmax has a scale of its own for every class (`--top-c` of the official code). */
  readonly topGamma: boolean;
}

/** A kernel nearly as large as the image, and layers like fully connected ones at each of its 3 x 3 places. */
const convFcLayers: LadderArchitecture = {
  input: [1, 28, 28],
  slope: 0,
  layers: [
    { kind: 'conv', channels: 1000, kernel: 26, border: 'valid' },
    ...[500, 250, 250, 250, 10].map(
      (channels): LadderLayer => ({ kind: 'conv', channels, kernel: 1, border: 'valid' }),
    ),
    { kind: 'globalAverage' },
  ],
};

const facts: Readonly<Record<ConvNetwork, NetworkFacts>> = {
  'conv-small': { architecture: convSmallLayers, topGamma: true },
  'conv-large': { architecture: convLargeLayers, topGamma: false },
  'conv-fc': { architecture: convFcLayers, topGamma: true },
};

/** How a row differs from the settings that all share. */
type Row = Pick<ConvLadderConfig, 'lambdas'> & Partial<ConvLadderConfig>;

/** The rows of the paper's tables (official code, README); the first of a network is what it is made for. */
const rows: Readonly<Record<ConvNetwork, Readonly<Partial<Record<Mode, Row>>>>> = {
  'conv-small': {
    gamma: { lambdas: [0, 0, 0, 0, 0, 0, 0, 0, 0, 1] },
    // Overfits easily, the official code's authors say, and so trains shortly.
    supervised: { lambdas: new Array(10).fill(0), epochs: 20, decayFrom: 0.5, layerNoise: 0.45 },
  },
  'conv-large': {
    gamma: {
      lambdas: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4],
      ...{ epochs: 70, decayFrom: 0.86, whitening: 'zca' },
    },
    supervised: {
      lambdas: new Array(13).fill(0),
      ...{ epochs: 20, decayFrom: 0.5, whitening: 'zca' },
    },
  },
  'conv-fc': {
    full: { lambdas: [1000, 10, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1] },
    // The README has none: the noise of the fully connected baseline, and Conv-Small's epochs, which is ours.
    supervised: { lambdas: new Array(8).fill(0), epochs: 20, decayFrom: 0.5, layerNoise: 0.5 },
  },
};

/** The modes that a network has a row for; the first is what it is made for. */
export const modesOf = (network: ConvNetwork): Mode[] => Object.keys(rows[network]) as Mode[];

/**
 * The paper's settings for a network.
 * @param shape channels, height and width of an image
 * @throws UsageError for a mode that it has no row for.
 */
export function convLadderConfig(
  network: ConvNetwork,
  mode: Mode,
  shape: ConvLadderConfig['shape'],
  classes: number,
): ConvLadderConfig {
  const row = rows[network][mode];
  if (!row) {
    const [main, ...others] = modesOf(network);
    throw new UsageError(
      `${network} has no settings for the mode ${mode}: its modes are ${main} (the default) and ${others.join(', ')}`,
      { expected: modesOf(network), actual: mode },
    );
  }
  return { ...shared, whitening: 'none', ...row, network, mode, shape, classes };
}

/** A layer of a network, l from 1 on, with what it takes and gives. */
export interface ConvLayer {
  readonly l: number;
  readonly layer: LadderLayer;
  /** (channels, height, width) of what it takes; (units) behind the last map. */
  readonly input: readonly number[];
  /** The same of what it gives. */
  readonly output: readonly number[];
  /** Rectified after the noise, with a shift of its own; pools pass on what they have (official code). */
  readonly rectified: boolean;
  readonly isTop: boolean;
}

/** What a network is made of for images of the config's shape. */
export interface ConvNetworkShape {
  readonly layers: readonly ConvLayer[];
  readonly slope: number;
  readonly topGamma: boolean;
}

/**
 * The network's layers with their shapes. The last convolution and what follows it have a channel for each class.
 * @throws UsageError where the images are too small for it.
 */
export function networkShape({ network, shape, classes }: ConvLadderConfig): ConvNetworkShape {
  return shapeOf(facts[network], network, shape, classes);
}

/** As `networkShape`, of layers that need not be the paper's. */
export function shapeOf(
  { architecture, topGamma }: NetworkFacts,
  name: string,
  shape: readonly number[],
  classes: number,
): ConvNetworkShape {
  const lastConv = architecture.layers.findLastIndex(({ kind }) => kind === 'conv');
  let input: readonly number[] = shape;
  const layers = architecture.layers.map((given, i): ConvLayer => {
    const layer = i < lastConv ? given : withClasses(given, classes);
    const output = outputShape(layer, input);
    if (output.some((size) => size < 1))
      throw new UsageError(
        `images of ${shape[1]} x ${shape[2]} are too small for ${name}: its layer ${i + 1} takes larger maps than ${input.slice(1).join(' x ')}. Give --height and --width, as ${architecture.input.slice(1).join(' x ')}`,
        { expected: architecture.input, actual: shape },
      );
    const isTop = i === architecture.layers.length - 1;
    const rectified = !isTop && (layer.kind === 'conv' || layer.kind === 'linear');
    const made = { l: i + 1, layer, input, output, rectified, isTop };
    input = output;
    return made;
  });
  return { layers, slope: architecture.slope, topGamma };
}

function withClasses(layer: LadderLayer, classes: number): LadderLayer {
  if (layer.kind === 'conv') return { ...layer, channels: classes };
  return layer.kind === 'linear' ? { ...layer, units: classes } : layer;
}

function outputShape(layer: LadderLayer, [channels = 1, ...sizes]: readonly number[]): number[] {
  if (layer.kind === 'linear') return [layer.units];
  if (layer.kind === 'globalAverage') return [channels];
  // A last window that is cut off by the border counts, see `LadderLayer`.
  if (layer.kind === 'maxPool') return [channels, ...sizes.map((size) => Math.ceil(size / 2))];
  const border = layer.border === 'full' ? layer.kernel - 1 : 0;
  return [layer.channels, ...sizes.map((size) => size + 2 * border - layer.kernel + 1)];
}

/** @throws UsageError naming the first setting that makes no sense, or where the images are too small. */
export function checkConvConfig(config: ConvLadderConfig): void {
  const { layers } = networkShape(config);
  checkSettings(config, layers.length + 1);
}
