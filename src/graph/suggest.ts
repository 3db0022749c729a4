/** "Did you mean ...?" for names that are almost right. */

/** Changes of one letter (put in, left out, replaced, swapped with its neighbour) between two words. */
export function editDistance(a: string, b: string): number {
  // Three rows of the usual table suffice: swaps look back two.
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}

/**
 * The candidate that was probably meant: the nearest by letters, if no more than a third of them differ, or else
 * the only one that begins with the word. Case does not matter.
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  const beginning: string[] = [];
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
    if (wanted.length > 1 && candidate.toLowerCase().startsWith(wanted)) beginning.push(candidate);
  }
  return best ?? (beginning.length === 1 ? beginning[0] : undefined);
}

/** ` Did you mean "x"?`, or nothing. `show` puts the candidate as the user would type it. */
export function didYouMean(
  word: string,
  candidates: Iterable<string>,
  show: (candidate: string) => string = (candidate) => `"${candidate}"`,
): string {
  const meant = suggest(word, candidates);
  return meant === undefined ? '' : ` Did you mean ${show(meant)}?`;
}
