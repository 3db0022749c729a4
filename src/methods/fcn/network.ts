/** Fully convolutional networks from any classifier (Long et al. 2015): FCN-32s, 16s, 8s and finer are one builder. */
import { upsample } from '../../dense/bilinear.js';
import { convolutionalize } from '../../dense/convolutionalize.js';
import { gridsOf, pixels } from '../../dense/grid.js';
import { internal, ModelError } from '../../errors.js';
import { type Graph, type Model, model, type Value } from '../../graph/graph.js';
import { filled } from '../../nn/init.js';
import type { Builder } from '../../ops/builder.js';
import { load } from '../../ops/load.js';
import { receptiveFields } from '../../ops/receptive-fields.js';
import { prune } from '../../ops/rewrite/prune.js';
import type { Tensor } from '../../tensor/tensor.js';
import { trainableWeights } from '../classifier/parameters.js';
import { backboneOf, paddedAsCells, paddedAsInPaper } from './backbone.js';
import { type Alignment, fuse, type Scores } from './fuse.js';
import { type Tap, tapOf, tapsByName, tapsByStride } from './taps.js';

export interface FcnOptions {
  readonly classes: number;
  /** The maps that are scored besides the last, the coarsest first, by name; none where left out. */
  readonly skips?: readonly string[];
  /** Instead of `skips`: the last map at every stride down to this one. */
  readonly finest?: number;
  /**
   * `exact` where left out: all offsets are computed, and fully connected layers get room for their windows. `paper`:
   * 100 zeros around the image, and crops.
   */
  readonly alignment?: Alignment;
  /**
   * Factors of the skips before they are scored, for training all of them at once: 0.01 and 0.0001 in the authors'
   * FCN-8s. 1 each where left out.
   */
  readonly scales?: readonly number[];
  /** The source's input that takes images and its output with the scores; the only ones where left out. */
  readonly input?: string;
  readonly output?: string;
  /** Height and width that the source is made for, where neither its input nor its metadata say. */
  readonly size?: readonly [height: number, width: number];
}

/** A layer that scores a map: a convolution of 1x1, zero at first. */
export interface ScoreLayer {
  /** The map, as it was named. */
  readonly tap: string;
  readonly stride: number;
  readonly weight: string;
  readonly bias: string;
}

/** A segmenter: from images of any size to the probabilities of classes at every pixel. */
export interface FcnNetwork {
  /** Its one output is `probabilities`, float32 (batch, classes, height, width). */
  readonly graph: Graph;
  /** Name of the input: float32 (batch, channels, height, width), all but the channels symbolic. */
  readonly input: string;
  readonly channels: number;
  /** Names of the input's symbolic dimensions. */
  readonly dimensions: { readonly batch: string; readonly height: string; readonly width: string };
  /** Name of the inner value that is turned into probabilities, of the same shape. */
  readonly logits: string;
  readonly classes: number;
  /** Pixels between the cells of the finest map that is scored: 8 of FCN-8s. */
  readonly stride: number;
  /** The last map's first, then the skips'. */
  readonly scores: readonly ScoreLayer[];
  /** Names of the kernels of the upsamplings, that to the pixels last: float32 (classes, 1, size, size). */
  readonly kernels: readonly string[];
  /** Metadata of the source. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Name of every segmenter's output. */
export const probabilitiesName = 'probabilities';
const logitsName = 'espalier.logits';

/**
 * Makes a segmenter of a classifier: its fully connected layers become convolutions, its last one goes, and scores of
 * the maps asked for are summed from the coarsest to the finest and brought to the pixels. All score layers are zero,
 * so that a finer network starts out as the coarser one. The other weights are the source's, under their names.
 * @throws ModelError where the source is no classifier, lacks a map that is named (with the nearest names), or has maps
 *   whose strides do not divide; what `convolutionalize` throws.
 */
export function fcnNetwork(source: Model, options: FcnOptions): FcnNetwork {
  const { classes, alignment = 'exact' } = options;
  const { input, output, size } = options;
  const dense = convolutionalize(source, {
    pooling: 'none',
    ...(input !== undefined && { input }),
    ...(output !== undefined && { output }),
    ...(size !== undefined && { size }),
  });
  const headless = backboneOf(dense.model.graph, dense.output);
  const graph =
    alignment === 'paper'
      ? paddedAsInPaper(headless.graph, dense.input)
      : paddedAsCells(headless.graph, source.graph);
  const b = load({ ...graph, outputs: [] });
  const image = b.value(dense.input);
  const maps = tapsOf(b, image, headless.top, options);
  const scores = maps.map((tap, i) =>
    scored(b, tap, classes, i === 0 ? 1 : (options.scales?.[i - 1] ?? 1)),
  );
  const kernels: string[] = [];
  const kernel = (from: number, to: number): string => {
    kernels.push(b.fresh(`upscore_${from}to${to}.weight`));
    return kernels.at(-1) as string;
  };
  const strides = maps.map(({ stride }) => stride);
  const [last, ...skips] = scores;
  if (!last) return internal('a network without maps');
  const fused = skips.reduce<Scores>(
    (coarse, fine, i) =>
      fuse(b, coarse, fine, kernel(strides[i] ?? 1, strides[i + 1] ?? 1), alignment),
    last,
  );
  const stride = strides.at(-1) ?? 1;
  const up = upsample(b, fused.value, {
    from: fused.grids,
    to: pixels,
    like: image,
    edges: alignment === 'paper' ? 'zeros' : 'replicate',
    kernel: kernel(stride, 1),
  });
  b.node('Identity', [up], {}, { outputs: [logitsName] });
  b.output(b.Softmax(b.value(logitsName), { axis: 1 }), probabilitiesName);
  return {
    graph: prune(b.build(source.graph.name)),
    input: dense.input,
    ...inputDimensions(image),
    logits: logitsName,
    classes,
    stride,
    scores: scores.map(({ layer }) => layer),
    // Where the finest map has the image's own cells, nothing is left to be done.
    kernels: kernels.filter((name) => b.initializers.has(name)),
    metadata: source.metadata,
  };
}

/** The last map and the skips, the coarsest first. */
function tapsOf(b: Builder, image: Value, top: string, options: FcnOptions): Tap[] {
  const fields = receptiveFields(b, image);
  const field = fields.get(top);
  if (!field || field === 'unknown')
    throw new ModelError(`it is not known what the cells of the last map "${top}" see`, {
      actual: top,
    });
  const last = tapOf(top, { value: b.value(top), field });
  const { skips, finest } = options;
  if (skips !== undefined) return [last, ...tapsByName(b, fields, skips)];
  if (finest === undefined || finest === last.stride) return [last];
  return [last, ...tapsByStride(b, fields, { coarsest: last.stride, finest })];
}

interface Scored extends Scores {
  readonly layer: ScoreLayer;
}

/** Adds a score layer on a map. */
function scored(b: Builder, tap: Tap, classes: number, scale: number): Scored {
  const channels = tap.value.shape[1];
  if (typeof channels !== 'number')
    throw new ModelError(`the number of channels of "${tap.name}" is not known`, {
      actual: tap.value.shape,
    });
  const stem = b.fresh(`score_${tap.stride}`);
  const layer = {
    tap: tap.name,
    stride: tap.stride,
    weight: `${stem}.weight`,
    bias: `${stem}.bias`,
  };
  const x = scale === 1 ? tap.value : b.Mul(tap.value, scale);
  const weight = b.initializer(layer.weight, filled([classes, channels, 1, 1], 0));
  const bias = b.initializer(layer.bias, filled([classes], 0));
  const value = b.Conv(x, weight, bias, { kernel_shape: [1, 1] });
  return { value, grids: gridsOf(tap.field, tap.name), layer };
}

function inputDimensions({ name, shape }: Value): Pick<FcnNetwork, 'channels' | 'dimensions'> {
  const [batch, channels, height, width] = shape;
  if (
    typeof channels === 'number' &&
    typeof batch === 'string' &&
    typeof height === 'string' &&
    typeof width === 'string'
  )
    return { channels, dimensions: { batch, height, width } };
  throw new ModelError(
    `input "${name}" has the shape [${shape.join(', ')}] where batch, height and width should be free`,
    { actual: shape },
  );
}

/** The weights of the network by name: those that can be trained, and running statistics. */
export function weightsOf({ graph }: FcnNetwork): ReadonlyMap<string, Tensor> {
  const statistics = graph.nodes.flatMap(({ op, inputs }) =>
    op === 'BatchNormalization' ? inputs.slice(3, 5) : [],
  );
  const names = new Set([...trainableWeights(graph).keys(), ...statistics]);
  return new Map([...graph.initializers].filter(([name]) => names.has(name)));
}

/**
 * The network with other weights, those that it has under the same name and in the same shape: so a finer network goes
 * on from a coarser one.
 */
export function withWeights(network: FcnNetwork, weights: ReadonlyMap<string, Tensor>): FcnNetwork {
  const initializers = new Map(
    [...network.graph.initializers].map(([name, data]) => {
      const other = weights.get(name);
      const fits = other && `${other.dims}` === `${data.dims}` && other.dtype === data.dtype;
      return [name, fits ? other : data];
    }),
  );
  return { ...network, graph: { ...network.graph, initializers } };
}

/** The network as a model, to be written to a file. */
export function fcnModel(
  network: FcnNetwork,
  weights: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = network.metadata,
): Model {
  return model(withWeights(network, weights).graph, metadata);
}
