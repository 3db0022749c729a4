/**
 * The decoder's combinator z^ = g(z~, u), element-wise with parameters of its own for every unit: the noisy
 * lateral signal z~ and the vertical signal u from above become an estimate of the clean z.
 */
import type { Value } from '../../graph/graph.js';
import { filled, normal } from '../../nn/init.js';
import type { Builder } from '../../ops/builder.js';
import type { CombinatorName, LadderConfig } from './config.js';

/** A parameter with a number for each unit, as (width, 1): constant at first, or normal with a standard deviation. */
type Parameter = (name: string, initial: number, std?: number) => Value;

type Combine = (
  b: Builder,
  lateral: Value,
  u: Value,
  parameter: Parameter,
  hidden: readonly number[],
) => Value;

/**
 * Gaussian (Rasmus et al. 2015, equations 8 to 10, here as in the official code): z^ is linear in z~ with mean mu(u)
 * and slope v(u), each a1 sigmoid(a2 u + a3) + a4 u + a5. a2 and a7 start at 1, all others at 0.
 */
const gauss: Combine = (b, lateral, u, parameter) => {
  const curve = (first: number): Value => {
    const a = (k: number, initial = 0): Value => parameter(`a${first + k}`, initial);
    const sigmoid = b.Sigmoid(b.Add(b.Mul(u, a(1, 1)), a(2)));
    return b.Add(b.Add(b.Mul(sigmoid, a(0)), b.Mul(u, a(3))), a(4));
  };
  const mu = curve(1);
  const v = curve(6);
  return b.Add(b.Mul(b.Sub(lateral, mu), v), mu);
};

/**
 * Vanilla (arXiv v1, and Pezeshki et al. 2016, section 2): linear in z~, u and z~u, plus a sigmoid of the same.
 * a2, c2 and b1 start at 1, all others at 0.
 */
const vanilla: Combine = (b, lateral, u, parameter) => {
  const product = b.Mul(lateral, u);
  const plane = (letter: string): Value => {
    const at = (k: number): Value => parameter(`${letter}${k}`, k === 2 ? 1 : 0);
    const linear = b.Add(b.Mul(lateral, at(2)), at(1));
    return b.Add(linear, b.Add(b.Mul(u, at(3)), b.Mul(product, at(4))));
  };
  return b.Add(plane('a'), b.Mul(b.Sigmoid(plane('c')), parameter('b1', 1)));
};

/**
 * Augmented multi-layer perceptron (Pezeshki et al. 2016, section 3.2): an element-wise network on (z~, u, z~u) with
 * leaky rectifiers. Weights start normal with standard deviation 1/sqrt(inputs), which is ours.
 */
const amlp: Combine = (b, lateral, u, parameter, hidden) => {
  let layer: Value[] = [lateral, u, b.Mul(lateral, u)];
  [...hidden, 1].forEach((units, depth) => {
    const inputs = layer;
    layer = Array.from({ length: units }, (_, unit) => {
      const name = `m${depth + 1}_${unit + 1}`;
      const terms = inputs.map((input, k) =>
        b.Mul(input, parameter(`${name}_${k + 1}`, 0, 1 / Math.sqrt(inputs.length))),
      );
      const sum = terms.reduce((total, term) => b.Add(total, term), parameter(`${name}_0`, 0));
      return depth === hidden.length ? sum : b.LeakyRelu(sum, { alpha: 0.1 });
    });
  });
  return layer[0] as Value;
};

const table: Readonly<Record<CombinatorName, Combine>> = { gauss, vanilla, amlp };

/** What of a ladder's config the combinator takes. */
export type CombinatorSettings = Pick<
  LadderConfig,
  'widths' | 'combinator' | 'combinatorHidden' | 'seed'
>;

/**
 * Adds the combinator of layer `l`.
 * @param lateral z~, float32 (width, n), or (n, width, height, width of a map) with a parameter a map
 * @param u of the same shape, or of one that broadcasts to it
 * @returns z^, of the shape of `lateral`
 */
export function combine(
  b: Builder,
  config: CombinatorSettings,
  l: number,
  lateral: Value,
  u: Value,
): Value {
  const dims = [config.widths[l] ?? 1];
  const parameter: Parameter = (name, initial, std) => {
    const full = `combinator.${l}.${name}`;
    const data = std === undefined ? filled(dims, initial) : normal(config.seed, full, dims, std);
    return b.Unsqueeze(b.parameter(full, data), lateral.shape.length === 2 ? [1] : [1, 2]);
  };
  return table[config.combinator](b, lateral, u, parameter, config.combinatorHidden);
}
