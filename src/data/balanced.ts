/** The draw of labelled examples: as many of each class. */
import { DataError } from '../errors.js';
import { deriveKey, type Key, permutation } from '../tensor/random.js';

/** How many of each class: the same, and one more for as many classes, drawn by lot, as do not divide. */
function quotas(classes: number, total: number, key: Key): number[] {
  const lot = permutation(classes, deriveKey(key, classes));
  const each = Math.floor(total / classes);
  const counts = new Array<number>(classes).fill(each);
  for (const label of lot.subarray(0, total % classes)) counts[label] = each + 1;
  return counts;
}

/**
 * A random choice of `total` labelled examples, as many of each class (100 labels: 10 of each digit). Where
 * `total` does not divide by the number of classes, some classes, drawn at random, get one more than others.
 * @param labels of all examples, in [0, classes)
 * @param names of the classes, for the sentences
 * @returns indices into `labels`, class by class, each at most once
 * @throws DataError where a class has none or too few, or would get none.
 */
export function balancedDraw(
  labels: Int32Array,
  classes: number,
  total: number,
  key: Key,
  names?: readonly string[],
): Uint32Array {
  if (!Number.isInteger(total) || total < classes)
    throw new DataError(
      `${total} labels cannot be shared among ${classes} classes: ask for at least ${classes}, a whole number`,
      { expected: classes, actual: total },
    );
  const members = Array.from({ length: classes }, (): number[] => []);
  labels.forEach((label, i) => {
    members[label]?.push(i);
  });
  const wanted = quotas(classes, total, key);
  const drawn: number[] = [];
  for (const [label, indices] of members.entries()) {
    const [has, wants] = [indices.length, wanted[label] ?? 0];
    const name = names?.[label] ?? String(label);
    if (has < wants)
      throw new DataError(
        `class ${name} has ${has === 0 ? 'no labelled image' : `only ${has} labelled image${has === 1 ? '' : 's'}`}; ` +
          `${wants} are wanted for ${total} labels over ${classes} classes. Add images of it, or ask for fewer labels.`,
        { expected: wants, actual: has },
      );
    const order = permutation(has, deriveKey(key, label));
    for (const position of order.subarray(0, wants)) drawn.push(indices[position] ?? 0);
  }
  return Uint32Array.from(drawn);
}
