/**
 * Which colour a series gets; the colours themselves are CSS variables, since they differ on light and dark.
 * Unordered series take Okabe and Ito's colours (Color Universal Design, 2008), which people with any common
 * colour blindness can tell apart. Series that count something up (layer 0, layer 1, …) take steps of one ramp
 * that grows in lightness, so that the order can be seen.
 */

/** Distinct colours, classes `c0`..; a series beyond them is dashed. */
export const categoryCount = 7;
/** Steps of the ramp, classes `r0`... */
export const rampCount = 9;

/** Whether the names are one word and a growing number: `layer 0`, `layer 1`, `layer 2`. */
export function isSequence(names: readonly string[]): boolean {
  const parts = names.map((name) => /^(\D*)(\d+)\D*$/.exec(name));
  return (
    names.length > 2 &&
    parts.every(
      (part, i) =>
        part !== null &&
        part[1] === parts[0]?.[1] &&
        (i === 0 || Number(part[2]) > Number(parts[i - 1]?.[2])),
    )
  );
}

/** The CSS classes of series `index` of `count`. */
export function seriesClass(index: number, count: number, ordered: boolean): string {
  if (ordered) return `r${Math.round((index / Math.max(1, count - 1)) * (rampCount - 1))}`;
  return `c${index % categoryCount}${index >= categoryCount ? ' dashed' : ''}`;
}
