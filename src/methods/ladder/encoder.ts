/**
 * The encoder, once for all the passes of a step: labelled, unlabelled and clean examples go through the same
 * weights in one product, as groups of columns, and are normalised apart (Rasmus et al. 2015, Algorithm 1).
 *
 * Activations are (units, groups, examples): units first, so that a product of weights and all groups is one
 * Gemm, a group's statistics are those of a contiguous row, and nothing needs to be transposed on the way back.
 */
import { internal } from '../../errors.js';
import type { Value } from '../../graph/graph.js';
import { filled, normal } from '../../nn/init.js';
import { type Normalized, normalizeExamples } from '../../nn/normalization.js';
import type { Builder } from '../../ops/builder.js';
import { epsilon, type LadderConfig } from './config.js';

/** Examples that pass together. `clean` are the unlabelled ones without noise; it comes last. */
export type Group = 'labelled' | 'unlabelled' | 'clean';

export interface Layer {
  /** z~ of the unlabelled examples, (units, n); null where there are none. */
  readonly noisy: Value | null;
  /** z of the clean ones, (units, n), with their mean and inverse deviation, (units, 1); null where not computed. */
  readonly clean: Normalized | null;
}

export interface Encoded {
  /** From the input, l = 0, to the classes, l = L. */
  readonly layers: readonly Layer[];
  /** (classes, groups that reach the top, n), before the softmax. */
  readonly logits: Value;
}

/** The parameter `name`, declared where this graph does not have it yet. */
export function weight(
  b: Builder,
  name: string,
  initial: () => Parameters<Builder['parameter']>[1],
): Value {
  return b.values.get(name) ?? b.parameter(name, initial());
}

/** W of encoder layer l (from 1 on): (units of l, units of l - 1), normal with deviation 1/sqrt(fan-in). */
export function encoderWeight(b: Builder, config: LadderConfig, l: number): Value {
  const inputs = config.widths[l - 1] ?? 1;
  const name = `encoder.${l - 1}.W`;
  return weight(b, name, () =>
    normal(config.seed, name, [config.widths[l] ?? 1, inputs], 1 / Math.sqrt(inputs)),
  );
}

/**
 * gamma (z + beta) for layer l. beta is there for every layer; gamma for the softmax alone, since a rectifier
 * makes it redundant (official code).
 */
export function affine(b: Builder, config: LadderConfig, l: number, z: Value): Value {
  const perUnit = (name: string, initial: number): Value =>
    b.Unsqueeze(
      weight(b, `encoder.${l - 1}.${name}`, () => filled([config.widths[l] ?? 1], initial)),
      [1, 2],
    );
  const shifted = b.Add(z, perUnit('beta', 0));
  return l < config.widths.length - 1 ? shifted : b.Mul(shifted, perUnit('gamma', 1));
}

/**
 * Adds the encoder to `b`.
 * @param x pixels in [0, 1], float32 (pixels, groups, n)
 * @param cleanUpTo the last layer whose clean z is needed: beyond it the clean group is dropped
 */
export function encode(
  b: Builder,
  config: LadderConfig,
  x: Value,
  groups: readonly Group[],
  cleanUpTo: number,
): Encoded {
  const top = config.widths.length - 1;
  let present = groups;
  let h = corrupt(b, x, present, 0, config.inputNoise);
  const layers: Layer[] = [{ noisy: split(b, h, present).get('unlabelled') ?? null, clean: null }];
  let logits = h;
  for (let l = 1; l <= top; l++) {
    if (l > cleanUpTo && present.includes('clean')) {
      h = withoutClean(b, h, present);
      present = present.filter((group) => group !== 'clean');
    }
    b.within(`encoder.${l}`, () => {
      const normalized = normalizeExamples(b, product(b, encoderWeight(b, config, l), h), epsilon);
      const z = corrupt(b, normalized.value, present, l, config.layerNoise);
      layers.push(layerOf(b, z, normalized, present));
      const activation = affine(b, config, l, z);
      if (l === top) logits = activation;
      else h = b.Relu(activation);
    });
  }
  return { layers, logits };
}

/** W h for all groups at once: (units of W, groups, n). */
function product(b: Builder, W: Value, h: Value): Value {
  const [units, groups, n] = h.shape as readonly [number, number, number];
  const flat = b.Gemm(W, b.Reshape(h, [units, groups * n]));
  return b.Reshape(flat, [W.shape[0] as number, groups, n]);
}

/** Adds noise to all groups but the clean one, which gets zeros: padding the noise in the graph would be a pass over it. */
function corrupt(
  b: Builder,
  z: Value,
  groups: readonly Group[],
  l: number,
  deviation: number,
): Value {
  const [units, all, n] = z.shape as readonly [number, number, number];
  const noisy = groups.filter((group) => group !== 'clean').length;
  if (deviation === 0 || noisy === 0) return z;
  return b.Add(z, b.random(`noise.${l}`, [units, all, n], 'normal', deviation, all - noisy));
}

function layerOf(b: Builder, z: Value, normalized: Normalized, groups: readonly Group[]): Layer {
  // The clean group has had no noise, so z holds its value as well: one Split serves both.
  const parts = split(b, z, groups);
  const value = parts.get('clean');
  const clean = value && {
    value,
    mean: pick(b, normalized.mean, groups, 'clean'),
    inverseStd: pick(b, normalized.inverseStd, groups, 'clean'),
  };
  return { noisy: parts.get('unlabelled') ?? null, clean: clean ?? null };
}

/** Each group of z by itself, (units, n). */
function split(b: Builder, z: Value, groups: readonly Group[]): Map<Group, Value> {
  const [units, , n] = z.shape as readonly [number, number, number];
  const parts =
    groups.length === 1
      ? [z]
      : b.node('Split', [z], { axis: 1, num_outputs: groups.length }, { count: groups.length });
  return new Map(groups.map((group, i) => [group, b.Reshape(parts[i] as Value, [units, n])]));
}

/** One group of z by itself, which must be there. */
function pick(b: Builder, z: Value, groups: readonly Group[], group: Group): Value {
  return split(b, z, groups).get(group) ?? internal(`the encoder has no group "${group}"`);
}

function withoutClean(b: Builder, h: Value, groups: readonly Group[]): Value {
  return b.Slice(h, [0], [groups.length - 1], [1]);
}
