/** How many images at a time a session answers fastest. */

/** Sizes that are tried. */
const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/** Time for each size, in milliseconds, and images that it may take at most. */
const [spent, fewest] = [40, 3];
/** The smallest size that is so near to the fastest is taken: larger ones are only full more rarely. */
const near = 1.03;

/**
 * Measures, for about half a second.
 * @param run answers `n` images
 * @param most images at a time that fit in memory
 */
export async function measureBestBatch(
  run: (n: number) => Promise<unknown>,
  most: number,
): Promise<number> {
  const measured: { n: number; each: number }[] = [];
  let fastest = Number.POSITIVE_INFINITY;
  for (const n of sizes) {
    if (n > most) break;
    const each = (await shortest(() => run(n))) / n;
    measured.push({ n, each });
    // Large nets fall off early, and take long to tell.
    if (each > 1.5 * fastest) break;
    fastest = Math.min(fastest, each);
  }
  return measured.find(({ each }) => each <= near * fastest)?.n ?? 1;
}

/** Milliseconds of the shortest of some runs: what disturbs only makes them longer. */
async function shortest(run: () => Promise<unknown>): Promise<number> {
  await run();
  const begun = performance.now();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < fewest || performance.now() - begun < spent; i++) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
