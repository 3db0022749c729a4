/** Parts of a source of images by their indices, and which of them are held out to choose settings with. */
import { DataError } from '../errors.js';
import { permutation, streamKey } from '../tensor/random.js';

/**
 * The indices, seen to lie in [0, count).
 * @param what the images are called in sentences: `images`, `scenes`
 * @throws DataError naming the first that does not.
 */
export function indicesWithin(
  indices: ArrayLike<number>,
  count: number,
  what: string,
): Uint32Array {
  const chosen = Uint32Array.from(indices);
  const wrong = chosen.findIndex((index, at) => indices[at] !== index || index >= count);
  if (wrong < 0) return chosen;
  throw new DataError(`index ${indices[wrong]} is outside the ${count} ${what} of the source`, {
    expected: count,
    actual: indices[wrong],
  });
}

/**
 * Draws what is held out.
 * @param amount how many, or below 1 what share of them
 * @returns indices of the rest and of what was drawn, each ascending; the same for the same seed
 * @throws DataError where none would be taken, or none left.
 */
export function drawHeldOut(
  total: number,
  amount: number,
  seed: number,
  what: string,
): { readonly rest: Uint32Array; readonly held: Uint32Array } {
  const count = amount < 1 ? Math.round(amount * total) : amount;
  if (!Number.isInteger(count) || count < 1 || count >= total)
    throw new DataError(
      `${amount} of ${total} ${what} cannot be held out for validation: some must be taken, and some must remain to learn from`,
      { expected: total - 1, actual: amount },
    );
  const order = permutation(total, streamKey(seed, 0, 'data/validation'));
  return { rest: order.subarray(count).sort(), held: order.subarray(0, count).sort() };
}
