/** Changed pixels that an adversarial image can do without. */

/** Whether the image is still adversarial without these pixels; each question is a query. */
export type StillMet = (without: readonly number[]) => Promise<boolean>;

/**
 * Takes pixels back, in parts of half of them first and singly at last, each part that is not needed: at most about twice
 * as many questions as pixels.
 * @param left questions that may be asked
 * @returns the pixels that are needed, in their order
 */
export async function takeBack(
  pixels: readonly number[],
  stillMet: StillMet,
  left: () => number,
): Promise<number[]> {
  let kept = [...pixels];
  for (let size = Math.ceil(kept.length / 2); ; size = Math.ceil(size / 2)) {
    for (let from = 0; from < kept.length && kept.length > 1; ) {
      if (left() < 1) return kept;
      const part = kept.slice(from, from + size);
      if (part.length < kept.length && (await stillMet(part)))
        kept = [...kept.slice(0, from), ...kept.slice(from + size)];
      else from += size;
    }
    if (size <= 1) return kept;
  }
}
