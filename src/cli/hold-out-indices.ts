/** Which of some images a scaling or a threshold is fitted on, and which judge it. */
import { drawHeldOut } from '../data/held-out.js';

/** @throws DataError where one of the parts would be empty. */
export function holdOutIndices(
  count: number,
  share: number,
  seed: number,
): { readonly fitted: readonly number[]; readonly judged: readonly number[] } {
  const { rest, held } = drawHeldOut(count, share, seed, 'images');
  return { fitted: [...held], judged: [...rest] };
}
