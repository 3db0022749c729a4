/** Where an axis is marked and how its numbers are written: few ticks, at 1, 2 or 5 times a power of ten. */

/** Removes the noise that floating-point products leave: 3 * 0.1 becomes 0.3. */
function clean(value: number): number {
  return Number(value.toPrecision(12));
}

/** The distance between ticks that cuts `span` into about `count` parts: 1, 2 or 5 times a power of ten. */
export function niceStep(span: number, count: number): number {
  const wanted = span / count;
  const decade = 10 ** Math.floor(Math.log10(wanted));
  const ratio = wanted / decade;
  // The borders are the geometric means of the neighbours, where both candidates are equally wrong.
  const factor =
    ratio < Math.sqrt(2) ? 1 : ratio < Math.sqrt(10) ? 2 : ratio < Math.sqrt(50) ? 5 : 10;
  return clean(factor * decade);
}

/** `[low, high]` widened to whole steps, and away from an empty interval. */
export function niceDomain(
  low: number,
  high: number,
  count: number,
): readonly [low: number, high: number] {
  if (low === high) {
    const pad = low === 0 ? 1 : Math.abs(low) / 2;
    return niceDomain(low - pad, high + pad, count);
  }
  const step = niceStep(high - low, count);
  return [clean(Math.floor(clean(low / step)) * step), clean(Math.ceil(clean(high / step)) * step)];
}

/** The whole steps inside `[low, high]`. */
export function linearTicks(low: number, high: number, count: number): number[] {
  const step = niceStep(high - low, count);
  const first = Math.ceil(clean(low / step));
  const last = Math.floor(clean(high / step));
  return Array.from({ length: last - first + 1 }, (_, i) => clean((first + i) * step));
}

/** `[low, high]`, both above 0, widened to the nearest 1, 2 or 5 times a power of ten. */
export function niceLogDomain(low: number, high: number): readonly [low: number, high: number] {
  const down = [5, 2, 1].find((factor) => factor * decadeOf(low) <= low * (1 + 1e-9)) ?? 1;
  const up = [1, 2, 5].find((factor) => factor * decadeOf(high) >= high * (1 - 1e-9)) ?? 10;
  const domain = [clean(down * decadeOf(low)), clean(up * decadeOf(high))] as const;
  return domain[0] === domain[1] ? [domain[0] / 2, domain[1] * 2] : domain;
}

function decadeOf(value: number): number {
  return 10 ** Math.floor(Math.log10(value) + 1e-12);
}

/** Powers of ten inside `[low, high]`, thinned to about `count`; over two decades or less also 2 and 5 times them. */
export function logTicks(low: number, high: number, count: number): number[] {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.ceil(Math.log10(high) - 1e-9);
  const decades = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const factors = Math.log10(high / low) < 2.01 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(Math.log10(high / low) / count));
  return decades
    .filter((exponent) => exponent % stride === 0)
    .flatMap((exponent) => factors.map((factor) => clean(factor * 10 ** exponent)))
    .filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** `5×10⁻⁶`, `10⁴`. */
function scientific(value: number): string {
  const [mantissa = '', exponent = ''] = value.toExponential().split('e');
  const raised = exponent
    .replace('+', '')
    .replace('-', '⁻')
    .replace(/\d/g, (digit) => superscripts[Number(digit)] ?? digit);
  return mantissa === '1' ? `10${raised}` : `${mantissa.replace('-', '−')}×10${raised}`;
}

/** The ticks as text, alike in unit and decimals: 0, 20k, 40k; 0.00, 0.05, 0.10; 10⁻⁶. */
export function formatTicks(ticks: readonly number[], log = false): string[] {
  const largest = Math.max(...ticks.map(Math.abs));
  const smallest = Math.min(...ticks.filter((tick) => tick !== 0).map(Math.abs));
  if (log && (smallest < 1e-3 || largest >= 1e6)) return ticks.map(scientific);
  if (largest < 1e-3 || largest >= 1e9)
    return ticks.map((tick) => (tick === 0 ? '0' : scientific(tick)));
  const [unit, suffix] = largest >= 1e6 ? [1e6, 'M'] : largest >= 1e4 ? [1e3, 'k'] : [1, ''];
  const decimals = Math.max(...ticks.map((tick) => decimalsOf(clean(tick / unit))));
  return ticks.map((tick) =>
    tick === 0
      ? '0'
      : `${(tick / unit).toFixed(log ? decimalsOf(clean(tick / unit)) : decimals)}${suffix}`.replace(
          '-',
          '−',
        ),
  );
}

function decimalsOf(value: number): number {
  return String(value).split('.')[1]?.length ?? 0;
}
