/** How many images at a time a session answers fastest. */

/** Sizes that are tried. */
const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/** Times that every size has its turn, one after the other, so that what disturbs for a moment hits no size alone. */
const turns = 3;
/** Runs of one turn: as many as fit into so many milliseconds, but these at least, or the shortest of few would look long. */
const [turn, runs] = [6, 2];
/** Milliseconds: past a batch that takes so long no larger one is tried, since what a batch costs is lost in them. */
const longest = 50;
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
  // What disturbs only makes a run longer: the shortest counts. Milliseconds an image.
  const shortest = new Map<number, number>();
  const tried = sizes.filter((n) => n === 1 || n <= most);
  for (let i = 0; i < turns; i++) {
    let fastest = Number.POSITIVE_INFINITY;
    for (const n of tried) {
      // The first run of a size lays out memory.
      if (i === 0) await run(n);
      const each = Math.min(shortest.get(n) ?? Number.POSITIVE_INFINITY, await timed(run, n));
      shortest.set(n, each);
      fastest = Math.min(fastest, each);
      if (n * each > longest) break;
    }
    const worst = (i === 0 ? 1.25 : 1.1) * fastest;
    for (let at = tried.length - 1; at >= 0; at--)
      if (!((shortest.get(tried[at] ?? 0) ?? Number.POSITIVE_INFINITY) <= worst))
        tried.splice(at, 1);
  }
  const fastest = Math.min(...shortest.values());
  return sizes.find((n) => (shortest.get(n) ?? Number.POSITIVE_INFINITY) <= near * fastest) ?? 1;
}

/** Milliseconds an image of the shortest of some runs. */
async function timed(run: (n: number) => Promise<unknown>, n: number): Promise<number> {
  const begun = performance.now();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs || performance.now() - begun < turn; i++) {
    const start = performance.now();
    await run(n);
    best = Math.min(best, performance.now() - start);
  }
  return best / n;
}
