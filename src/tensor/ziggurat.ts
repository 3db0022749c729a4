/**
 * The ziggurat of the standard normal density: 256 horizontal layers of equal area (Marsaglia and Tsang, "The
 * ziggurat method for generating random variables", 2000), with layer and position taken from disjoint bits
 * of the word (Doornik, "An improved ziggurat method to generate normal random samples", 2005).
 *
 * `Math.exp` and `Math.log` may differ between JavaScript engines in the last bit, so they are built here
 * from additions, multiplications and divisions, which IEEE 754 fixes.
 */

/** Where the tail begins: the right edge of the lowest layer. */
export const tailStart = 3.6541528853610088;

/** Area of each layer, the lowest with the tail. */
const area = 0.004928673233974648;

/** Number of layers. */
export const layers = 256;

/** Positions within a layer, on one side of zero. */
export const positions = 2 ** 23;

/**
 * e^-t for t in [0, 8], to about 1e-13 relative: eight terms of the series at t / 256, squared eight times.
 * The exponent x^2 / 2 inside the layers stays below 6.7.
 */
export function expNegative(t: number): number {
  const s = t / -256;
  let power = 1 + s * (1 / 7);
  power = 1 + s * (1 / 6) * power;
  power = 1 + s * (1 / 5) * power;
  power = 1 + s * (1 / 4) * power;
  power = 1 + s * (1 / 3) * power;
  power = 1 + s * (1 / 2) * power;
  power = 1 + s * power;
  for (let i = 0; i < 8; i++) power *= power;
  return power;
}

/** ln x for x in (0, 1], to about 1e-15: the power of two taken out, then 2 artanh((m - 1) / (m + 1)). */
export function logUnit(x: number): number {
  let m = x;
  let halvings = 0;
  for (; m < Math.SQRT1_2; halvings++) m *= 2;
  const s = (m - 1) / (m + 1);
  let sum = 0;
  for (let power = 21; power >= 1; power -= 2) sum = sum * s * s + 1 / power;
  return 2 * s * sum - halvings * Math.LN2;
}

/** What a sample looks up by layer. */
export interface Ziggurat {
  /** Width of one position, so that (position + 1/2) * step is a sample. */
  readonly step: Float64Array;
  /** Positions below this lie under the curve whatever the height. */
  readonly inside: Int32Array;
  /** Density at each layer's right edge, and 1 at the top: `layers + 1` values, the density's peak being 1. */
  readonly density: Float64Array;
}

/** Rounded to float32 on the way, for a last-bit difference in a square root to vanish. */
function build(): Ziggurat {
  const edge = new Float64Array(layers + 1);
  edge[1] = Math.fround(tailStart);
  let x = tailStart;
  let y = expNegative((x * x) / 2);
  edge[0] = Math.fround(area / y);
  for (let i = 2; i < layers; i++) {
    y += area / x;
    x = Math.sqrt(-2 * logUnit(y));
    edge[i] = Math.fround(x);
  }
  const step = new Float64Array(layers);
  const inside = new Int32Array(layers);
  const density = new Float64Array(layers + 1);
  for (let i = 0; i <= layers; i++) {
    const right = edge[i] ?? 0;
    density[i] = Math.fround(expNegative((right * right) / 2));
    if (i === layers) break;
    step[i] = right / positions;
    inside[i] = Math.floor(((edge[i + 1] ?? 0) / right) * positions);
  }
  return { step, inside, density };
}

/** The tables, built once. */
export const ziggurat: Ziggurat = build();
